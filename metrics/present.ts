/**
 * Whether the value in a KeptnMetric's status is its present one, for those who can't wait for another: scrapes and
 * autoscalers. Pure.
 *
 * Evaluations are stricter (`lifecycle/evaluation/freshness.ts`): they count a value for one interval, and ask for a newer one.
 *
 * @module
 */
import { conditionTypes, fetchIntervalMs, type KeptnMetric } from '../api/index.ts'
import { findCondition } from '../kube/conditions.ts'

/** As long as a query may take at most. */
const graceMs = 60_000
/** Clocks differ a little. A value from further ahead says nothing about when it was measured. */
const clockToleranceMs = 30_000

/**
 * Why the value must not be acted on; `undefined`: it may. A value counts while the last query gave it for the spec of now,
 * and for two intervals and a minute at the most.
 */
export const whyNotPresent = (metric: KeptnMetric, now: Date): string | undefined => {
  const { status = {} } = metric
  const failure = failureIn(metric)
  if (failure !== undefined) return failure
  if (!status.value || !status.lastUpdated) return 'it has not been asked for yet'
  const ageMs = now.getTime() - Date.parse(status.lastUpdated)
  if (Number.isNaN(ageMs)) return 'nothing says when it was measured'
  if (ageMs < -clockToleranceMs) {
    return `it says that it was measured at ${status.lastUpdated}, which is yet to come`
  }
  if (ageMs <= 2 * fetchIntervalMs(metric.spec) + graceMs) return undefined
  return `its last value is of ${status.lastUpdated}, more than two intervals ago`
}

/** Why the last query gave no value; Keptn's operator left no condition. */
const failureIn = ({ metadata, status = {} }: KeptnMetric): string | undefined => {
  const ready = findCondition(status.conditions, conditionTypes.ready)
  if (ready !== undefined && ready.status !== 'True') return `${ready.reason}: ${ready.message}`
  if (status.errMsg) return status.errMsg
  return (ready?.observedGeneration ?? metadata.generation) === metadata.generation
    ? undefined
    : 'its spec has changed since it was measured'
}
