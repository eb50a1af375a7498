/**
 * Keeps the certificates in order for as long as the process runs: looks again whenever the Secret, our webhook
 * configuration or our APIServices change, and as time passes. Every replica may do so.
 *
 * @module
 */
import type { Logger } from 'pino'
import { APIService, MutatingWebhookConfiguration, Secret } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { apiServiceNames, webhookConfigurationName } from '../identity/keys.ts'
import { backOffMs, pause } from '../kube/back-off.ts'
import type { Client } from '../kube/client.ts'
import { startReflector } from '../kube/reflector.ts'
import { ensureCertificates, secretName } from './bootstrap.ts'
import { certificateGauges, keepSecret, type KeptSecret } from './expiry.ts'

export { ensureCertificates } from './bootstrap.ts'

// Certificates are renewed weeks before they end; this only has to be shorter than that.
const lookAgainMs = 12 * 60 * 60 * 1_000
const retry = { minMs: 1_000, maxMs: 60_000 }
// Whoever else writes the Secret, over and over, does not make us answer each time.
const betweenLooksMs = 1_000

/** Starts to keep the certificates of a namespace in order. */
export const startCertificates = (options: {
  readonly client: Client
  readonly namespace: string
  readonly log: Logger
  readonly signal: AbortSignal
  /** Shows gauges to whoever asks for the figures of the process. */
  readonly show?: (gauges: ReturnType<typeof certificateGauges>) => void
}): { readonly isReady: () => boolean; readonly ended: Promise<void> } => {
  const { client, namespace, signal, show } = options
  const log = options.log.child({ part: 'certs' })
  let isReady = false
  let wake = new AbortController()

  const secret = startReflector<KeptSecret>({
    ...{ client, log, signal, project: keepSecret },
    ...{ type: Secret, namespace, fieldSelector: `metadata.name=${secretName}` },
  })
  show?.(certificateGauges(secret.store))
  const watched = { client, log, signal, project: nameOnly }
  const reflectors = [
    secret,
    startReflector({
      ...watched,
      type: MutatingWebhookConfiguration,
      fieldSelector: `metadata.name=${webhookConfigurationName}`,
    }),
    ...apiServiceNames.map((name) =>
      startReflector({ ...watched, type: APIService, fieldSelector: `metadata.name=${name}` }),
    ),
  ]
  for (const { store } of reflectors) store.subscribe(() => wake.abort())
  signal.addEventListener('abort', () => wake.abort(), { once: true })

  const keep = async (): Promise<void> => {
    let failures = 0
    while (!signal.aborted) {
      // Before looking, so that a change meanwhile is not missed.
      wake = new AbortController()
      try {
        await ensureCertificates({ client, namespace, log })
        isReady = true
        failures = 0
        await pause(betweenLooksMs, signal)
        await pause(lookAgainMs, wake.signal)
      } catch (error) {
        failures++
        log.warn({ err: error }, 'Certificates could not be brought in order')
        await pause(backOffMs(failures, retry), signal)
      }
    }
  }
  return { isReady: () => isReady, ended: keep() }
}

const nameOnly = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => {
  const { name, uid, resourceVersion, creationTimestamp } = metadata
  return { apiVersion, kind, metadata: { name, uid, resourceVersion, creationTimestamp } }
}
