/**
 * Everything that the operator tells Prometheus about versions and their checks, and about what it holds.
 *
 * @module
 */
import type { Registry } from 'prom-client'
import type { ProcessMetrics } from '../process-metrics.ts'
import { serveChecks } from './checks.ts'
import { serveDora } from './dora.ts'
import type { Leading } from './endings.ts'
import { serveKeptnMetrics, type MeasuredStores } from './keptn.ts'
import { holdingGauges, watchGauges, type HoldingFacts, type MeasuredPod } from './operator.ts'

/** Serves the figures, where the process serves any. */
export const serveLifecycleMetrics = <Pod extends MeasuredPod>(from: {
  readonly stores: MeasuredStores
  readonly holding: HoldingFacts<Pod>
  readonly reflectors: Parameters<typeof watchGauges>[0]
  readonly leading: () => Leading | undefined
  readonly promotes: boolean
  readonly figures?: Registry
  readonly show?: ProcessMetrics['show']
}): void => {
  const { stores, leading, promotes, figures: registry, show } = from
  if (registry === undefined || show === undefined) return
  serveChecks({ stores, registry, leading })
  show([
    ...serveKeptnMetrics({ stores, registry, leading, promotes }),
    ...serveDora({ store: stores.appVersions, registry, leading }),
    ...holdingGauges(from.holding, () => leading()?.stillLeading() === true),
    ...watchGauges(from.reflectors),
  ])
}
