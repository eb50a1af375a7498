/**
 * Everything that the operator tells Prometheus about versions and their checks.
 *
 * @module
 */
import type { Registry } from 'prom-client'
import type { ProcessMetrics } from '../process-metrics.ts'
import type { Leading } from './endings.ts'
import { serveKeptnMetrics, type MeasuredStores } from './keptn.ts'

/** Serves the figures, where the process serves any. */
export const serveLifecycleMetrics = (from: {
  readonly stores: MeasuredStores
  readonly leading: () => Leading | undefined
  readonly promotes: boolean
  readonly figures?: Registry
  readonly show?: ProcessMetrics['show']
}): void => {
  const { figures, show, ...rest } = from
  if (figures === undefined || show === undefined) return
  show(serveKeptnMetrics({ ...rest, registry: figures }))
}
