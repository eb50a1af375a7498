import { pino } from 'pino'
import { createCloudEventSender } from '../../../telemetry/cloud-events/index.ts'
import { buildProcessMetrics } from '../../../telemetry/process-metrics.ts'
import { certificateGauges } from '../../../certs/expiry.ts'
import { serveAnswers } from '../../../telemetry/prometheus/answers.ts'
import { serveLifecycleMetrics } from '../../../telemetry/prometheus/index.ts'
import { createNotifier } from '../../../telemetry/notifications/index.ts'
import { createTeller } from '../../../telemetry/traces/index.ts'
import { measuredFeeds, storesOf } from './objects.ts'

/** A metric and the names of its labels. */
export interface Served {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
}

/** Every metric that the lifecycle operator or the webhook serves, but for those of any Node process. */
export const servedMetrics = (): readonly Served[] => {
  const { registry, show } = buildProcessMetrics()
  serveLifecycleMetrics({
    stores: storesOf(measuredFeeds()),
    leading: () => undefined,
    promotes: true,
    reflectors: [],
    holding: {
      pods: { all: () => [] },
      isHeld: () => true,
      hasVersion: () => true,
      condition: '',
    },
    figures: registry,
    show,
  })
  show(certificateGauges({ all: () => [] }))
  serveAnswers(registry)
  createCloudEventSender({
    settings: () => undefined,
    notify: () => undefined,
    figures: registry,
    log: pino({ level: 'silent' }),
    signal: AbortSignal.abort(),
  })
  createNotifier({
    receivers: () => [],
    notify: () => undefined,
    figures: registry,
    log: pino({ level: 'silent' }),
    signal: AbortSignal.abort(),
  })
  createTeller({
    stores: storesOf(measuredFeeds()),
    phases: { app: [], workload: [] },
    settings: () => undefined,
    resource: {},
    notify: () => undefined,
    figures: registry,
    log: pino({ level: 'silent' }),
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
