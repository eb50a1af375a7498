/**
 * Serves the values of KeptnMetrics to autoscalers, as `custom.metrics.k8s.io`. Every replica does, leader or not.
 *
 * @module
 */
import { once } from 'node:events'
import type { Logger } from 'pino'
import type { KeptnMetric } from '../../api/index.ts'
import { ConfigMap } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { startReflector } from '../../kube/reflector.ts'
import { startServing, tls, type Serving } from '../../kube/serving.ts'
import type { Store } from '../../kube/store.ts'
import { buildCustomMetrics } from './app.ts'
import { trustConfigMap, trustOf } from './front-proxy.ts'
import { createReviews } from './reviews.ts'

/** Before the ConfigMap is known. */
const noTrust = trustOf({})

/** The server, and how to wait for it. */
export interface CustomMetricsServer {
  /** Whether it listens, knows whom to believe, and is not to end. A certificate may still be missing: nothing else waits for that. */
  readonly isReady: () => boolean
  /** Resolves after the signal is aborted, once nobody is sent here any more; rejects when it cannot listen. */
  readonly ended: Promise<void>
}

/** Starts to serve, until some seconds after the signal is aborted: a rolling restart costs nobody a request. */
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
  let serving: Serving | undefined
  const serve = async (): Promise<void> => {
    serving = await startServing({
      app,
      port: settings.port,
      certificate: {
        folder: settings.certificateFolder,
        orElse:
          'set ENABLE_CUSTOM_METRICS_API_SERVICE to false where nothing scales on KeptnMetrics',
      },
      log,
    })
    if (!signal.aborted) await once(signal, 'abort')
    await serving.end()
  }
  return {
    isReady: () => serving !== undefined && !signal.aborted && authentication.isSynced(),
    ended: serve(),
  }
}
