/**
 * Whether the API server believes our certificate: whom it trusts is told, for each webhook, in our webhook configuration.
 *
 * Without a configuration nobody asks us, and so nobody disbelieves us. Where a webhook has no bundle, the API server goes by
 * the authorities of its machine, which can't be seen from here; only if the bundle is one that we write ourselves, it is
 * still to come.
 *
 * @module
 */
import type { X509Certificate } from 'node:crypto'
import type { Logger } from 'pino'
import { MutatingWebhookConfiguration, type WebhookClientConfig } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { keys, webhookConfigurationName } from '../identity/keys.ts'
import { believes, certificatesIn, type Believer } from '../kube/certificate-chain.ts'
import type { Client } from '../kube/client.ts'
import { startReflector } from '../kube/reflector.ts'

/** What is known of whom the API server trusts. */
export interface Trust {
  readonly isSynced: () => boolean
  /** Whether the API server believes a server with this chain, whichever webhook it calls. */
  readonly believes: (chain: readonly X509Certificate[]) => boolean
}

/** How the API server calls the webhooks of a configuration: as many clients as webhooks, each with authorities of its own. */
export const believersIn = ({
  metadata,
  webhooks = [],
}: Pick<MutatingWebhookConfiguration, 'webhooks'> & {
  readonly metadata: Pick<KubeObject['metadata'], 'labels'>
}): readonly Believer[] => {
  const isOurs = metadata.labels?.[keys.injectCertificate] === 'true'
  return webhooks
    .map(({ clientConfig }) => clientConfig)
    .filter(({ caBundle }) => isOurs || (caBundle !== undefined && caBundle !== ''))
    .map((clientConfig) => ({
      host: hostIn(clientConfig),
      authorities: certificatesIn(Buffer.from(clientConfig.caBundle ?? '', 'base64').toString()),
    }))
}

const hostIn = ({ service, url }: WebhookClientConfig): string =>
  service === undefined
    ? new URL(url ?? '').hostname.replace(/^\[|\]$/g, '')
    : `${service.name}.${service.namespace}.svc`

/** Parsed when it arrives, and not each time that somebody asks whether we are ready. */
interface SeenConfiguration extends KubeObject {
  readonly believers: readonly Believer[]
}

const project = (configuration: MutatingWebhookConfiguration): SeenConfiguration => {
  const { apiVersion, kind, metadata } = configuration
  const { name, uid, resourceVersion, creationTimestamp } = metadata
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, creationTimestamp },
    believers: believersIn(configuration),
  }
}

/** Starts to watch our webhook configuration. */
export const watchTrust = (options: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
  /** Called after each change. */
  readonly onChange: () => void
}): Trust => {
  const { client, log, signal, onChange } = options
  const configurations = startReflector<SeenConfiguration>({
    client,
    type: MutatingWebhookConfiguration,
    fieldSelector: `metadata.name=${webhookConfigurationName}`,
    project,
    log,
    signal,
  })
  configurations.store.subscribe(onChange)
  return {
    isSynced: () => configurations.isSynced(),
    believes: (chain) => {
      const found = configurations.store.get(undefined, webhookConfigurationName)
      const now = new Date()
      return (found?.believers ?? []).every((believer) => believes(believer, chain, now))
    },
  }
}
