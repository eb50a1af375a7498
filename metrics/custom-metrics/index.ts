/**
 * Serves the values of KeptnMetrics to autoscalers, as `custom.metrics.k8s.io`. Every replica does, leader or not.
 *
 * @module
 */
import { networkInterfaces } from 'node:os'
import { Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import type { KeptnMetric } from '../../api/index.ts'
import { ConfigMap } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { startReflector } from '../../kube/reflector.ts'
import { serveCertificate } from '../../kube/serving-certificate.ts'
import type { Store } from '../../kube/store.ts'
import { buildCustomMetrics } from './app.ts'
import { trustConfigMap, trustOf } from './front-proxy.ts'
import { createReviews } from './reviews.ts'

const tls = { minVersion: 'TLSv1.3' } as const
/** Before the ConfigMap is known. */
const noTrust = trustOf({})

/** The server, and how to wait for it. */
export interface CustomMetricsServer {
  /** Whether it listens and knows whom to believe. A certificate may still be missing: nothing else waits for that. */
  readonly isReady: () => boolean
  /** Resolves once the signal is aborted and the last request is answered; rejects when it cannot listen. */
  readonly ended: Promise<void>
}

/** Starts to serve, until the signal is aborted. */
export const startCustomMetrics = (options: {
  readonly client: Client
  readonly metrics: Pick<Store<KeptnMetric>, 'get' | 'all'>
  /** Whether all metrics are known. */
  readonly isSynced: () => boolean
  readonly settings: { readonly port: number; readonly certificateFolder: string }
  readonly log: Logger
  readonly signal: AbortSignal
}): CustomMetricsServer => {
  const { client, metrics, isSynced, settings, signal } = options
  const log = options.log.child({ part: 'custom-metrics' })
  const { namespace, name } = trustConfigMap
  const authentication = startReflector<ConfigMap>({
    client,
    type: ConfigMap,
    namespace,
    fieldSelector: `metadata.name=${name}`,
    log,
    signal,
  })
  let trust = noTrust
  authentication.store.subscribe(({ now }) => {
    trust = now === undefined ? noTrust : trustOf(now)
  })
  const app = buildCustomMetrics({
    metrics,
    isSynced,
    trust: () => trust,
    reviews: createReviews(client),
    log,
    https: tls,
  })
  const certificate = serveCertificate({
    folder: settings.certificateFolder,
    use: (pair) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext({ ...pair, ...tls })
    },
    log,
    signal,
  })
  let isListening = false
  const serve = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await certificate.refresh()
    await app.listen({ host: listensOnIpv6() ? '::' : '0.0.0.0', port: settings.port })
    isListening = true
    if (!signal.aborted) await ended
    await app.close()
  }
  return { isReady: () => isListening && authentication.isSynced(), ended: serve() }
}

const listensOnIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
