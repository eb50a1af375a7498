import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { serveLifecycleMetrics } from '../../../telemetry/prometheus/index.ts'
import { measuredFeeds, storesOf } from './objects.ts'

/** A metric and the names of its labels. */
export interface Served {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

/** Every metric that the lifecycle operator serves, but for those of any Node process. */
export const servedMetrics = (): readonly Served[] => {
  const { registry, show } = buildProcessMetrics()
  serveLifecycleMetrics({
    stores: storesOf(measuredFeeds()),
    leading: () => undefined,
    promotes: true,
    figures: registry,
    show,
  })
  // What a metric is made of is no part of the library's types.
  const metrics = registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string
    readonly labelNames: readonly string[]
    readonly constructor: { readonly name: string }
  }[]
  return metrics
    .filter(({ name }) => /^(keptn|gatekept)_/.test(name))
    .map(({ name, labelNames, constructor }) => ({
      name,
      type: constructor.name.toLowerCase(),
      labels: labelNames.filter((label) => label !== 'le'),
    }))
}
