/**
 * Asks for the value of each KeptnMetric, each at its own interval, and keeps it in the status.
 *
 * @module
 */
import { KeptnMetric, type KeptnMetricsProvider, type StatusOf } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'
import { decide } from './decide.ts'
import { observe, type Cluster, type Seen } from './observe.ts'
import { awaitedKeys } from './wanted.ts'

export { awaitingEvaluations, type AwaitingEvaluation } from './wanted.ts'

/** Finds the metrics that ask a provider, by the provider's key. */
export const metricIndexes = {
  provider: ({ metadata, spec }: KeptnMetric): readonly string[] => [
    joinKey(metadata.namespace, spec.provider.name),
  ],
}

/** Woken by the metric, by its provider, by an evaluation that awaits its value, and by the end of a query. */
export const keptnMetricController = (
  cluster: Cluster,
): Controller<Seen, StatusOf<KeptnMetric>> => ({
  name: 'keptn-metric',
  wakes: [
    wake(cluster.metrics, (metric: KeptnMetric) => [keyOf(metric)]),
    wake(cluster.providers, (provider: KeptnMetricsProvider) =>
      cluster.metrics.by('provider', keyOf(provider)).map(keyOf),
    ),
    wake(cluster.evaluations, awaitedKeys),
    { store: cluster.measurements.ended, keys: (key: string) => [key] },
  ],
  observe: observe(cluster),
  decide,
  subject: ({ metric }) => ({ type: KeptnMetric, object: metric }),
})
