/**
 * Whether the value in a KeptnMetric's status is its present one, for those who can't wait for another: scrapes and
 * autoscalers. Pure.
 *
 * Evaluations are stricter (`lifecycle/evaluation/freshness.ts`): they count a value for one interval, and ask for a newer one.
 *
 * @module
 */
import {
  conditionTypes,
  fetchIntervalMs,
  isOfItsSpec,
  isYetToCome,
  type KeptnMetric,
} from '../api/index.ts'
import { findCondition } from '../kube/conditions.ts'

/** As long as a query may take at most. */
const graceMs = 60_000

/**
 * Why the value must not be acted on; `undefined`: it may. A value counts while the last query gave it for the spec of now,
 * and for two intervals and a minute at the most.
 */
export const whyNotPresent = (metric: KeptnMetric, now: Date): string | undefined => {
  const { status = {} } = metric
  const failure = failureIn(metric)
  if (failure !== undefined) return failure
  if (!status.value || !status.lastUpdated) return 'it has not been asked for yet'
  const measuredAt = Date.parse(status.lastUpdated)
  if (Number.isNaN(measuredAt)) return 'nothing says when it was measured'
  if (isYetToCome(measuredAt, now)) {
    return `it says that it was measured at ${status.lastUpdated}, which is yet to come`
  }
  const ageMs = now.getTime() - measuredAt
  if (ageMs <= 2 * fetchIntervalMs(metric.spec) + graceMs) return undefined
  return `its last value is of ${status.lastUpdated}, more than two intervals ago`
}

/** Why the last query gave no value; Keptn's operator left no condition. */
const failureIn = (metric: KeptnMetric): string | undefined => {
  const { status = {} } = metric
  const ready = findCondition(status.conditions, conditionTypes.ready)
  if (ready !== undefined && ready.status !== 'True') return `${ready.reason}: ${ready.message}`
  if (status.errMsg) return status.errMsg
  return isOfItsSpec(metric) ? undefined : 'its spec has changed since it was measured'
}
