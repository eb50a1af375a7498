/**
 * The webhook as a server before a cluster: what it answers from, its certificate, and whether it is ready.
 *
 * @module
 */
import type { Logger } from 'pino'
import type { Client } from '../kube/client.ts'
import { startServing, tls } from '../kube/serving.ts'
import { buildWebhook, type Answered } from './app.ts'
import type { Admission, Holding } from './pod.ts'
import { watchCluster } from './cluster.ts'
import { watchTrust } from './trust.ts'

// Twice that is below the two seconds that the API server waits, with time left to answer.
const timeoutMs = 800

/** Where and as what the webhook serves. */
export interface WebhookServing {
  /** The namespace that Gatekept runs in. */
  readonly namespace: string
  readonly holding: Holding
  readonly admission: Admission
  /** Holds `tls.crt` and `tls.key`, or will. */
  readonly certificateFolder: string
  /** Not given: every address. */
  readonly host?: string
  /** 0: any that is free. */
  readonly port: number
  /** How long it answers on while endpoints drain. */
  readonly drainMs?: number
}

/** A webhook that serves. */
export interface Webhook {
  readonly port: number
  /**
   * Whether requests should come: managed namespaces are known, and the certificate that is served is valid now and one that
   * the API server believes.
   */
  readonly isReady: () => boolean
  /** Looks at the files of the certificate now. */
  readonly refreshCertificate: () => Promise<void>
  /** Is not ready any more, answers on while endpoints drain, and ends. `drains: false`: nothing more is answered. */
  readonly end: (how?: { readonly drains: boolean }) => Promise<void>
}

/** Starts to serve. Rejects if it can't listen; without a certificate it listens, and is not ready. */
export const startWebhook = async (options: {
  readonly client: Client
  readonly log: Logger
  readonly settings: WebhookServing
  readonly onAnswered?: (answered: Answered) => void
}): Promise<Webhook> => {
  const { client, log, settings, onAnswered } = options
  const { namespace, holding, admission, certificateFolder, ...where } = settings
  const stopping = new AbortController()
  const { signal } = stopping
  const { cluster, isSynced } = watchCluster({ client, log, signal, timeoutMs })
  let reconsider = (): void => undefined
  const trust = watchTrust({ client, log, signal, onChange: () => reconsider() })
  const serving = await startServing({
    app: buildWebhook({
      cluster,
      log,
      settings: { namespace, holding, admission, https: tls },
      ...(onAnswered === undefined ? {} : { onAnswered }),
    }),
    certificate: { folder: certificateFolder, isBelieved: trust.believes },
    ...where,
    log,
  })
  reconsider = serving.reconsider
  serving.reconsider()
  return {
    port: serving.port,
    isReady: () => isSynced() && trust.isSynced() && serving.isReady(new Date()),
    refreshCertificate: serving.refreshCertificate,
    end: async (how) => {
      await serving.end(how)
      stopping.abort()
    },
  }
}
