/**
 * Which values are recent enough to be judged, and when it is worth to wait for a newer one. Pure.
 *
 * A value counts for the interval at which its metric is asked. One that is older counts where it was measured since the
 * evaluation asked for it: a source may take longer to answer than the interval is. Scrapes and autoscalers, which can't
 * wait, take values for two intervals and a minute (`metrics/present.ts`).
 *
 * @module
 */
import {
  conditionTypes,
  fetchIntervalMs,
  isOfItsSpec,
  isYetToCome,
  type KeptnMetric,
} from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'

/** The instant of a judgement, and since when newer values were waited for. */
export interface Moment {
  readonly now: Date
  readonly since?: Date
}

/** `lastUpdated` has lost its fraction of a second. */
const secondMs = 1000

/** Why the value in the status may not be the present one; `undefined`: it is. */
export const doubtOf = (metric: KeptnMetric, moment: Moment): string | undefined => {
  const { errMsg = '', lastUpdated = '' } = metric.status ?? {}
  if (errMsg !== '') return `the last query gave no value: ${errMsg}`
  if (!isOfItsSpec(metric)) return 'its spec has changed since it was measured'
  const measuredAt = Date.parse(lastUpdated)
  if (Number.isNaN(measuredAt)) return 'nothing says when it was measured'
  if (isYetToCome(measuredAt, moment.now)) {
    return `it says that it was measured at ${lastUpdated}, which is yet to come`
  }
  const isRecent =
    moment.now.getTime() - measuredAt <= fetchIntervalMs(metric.spec) + secondMs ||
    isAnswered(metric, moment)
  if (isRecent) return undefined
  return `it was measured at ${lastUpdated}, and should be every ${String(fetchIntervalMs(metric.spec) / 1000)} s`
}

/** Whether a newer value is to be waited for: the present one does not count, and asking again may bring another. */
export const isAwaited = (metric: KeptnMetric, moment: Moment): boolean => {
  const { value = '' } = metric.status ?? {}
  if (isAnswered(metric, moment) || isStalled(metric)) return false
  return value === '' || doubtOf(metric, moment) !== undefined
}

/** Whether it was asked since a newer value was wanted, whatever came of it. */
const isAnswered = ({ status }: KeptnMetric, moment: Moment): boolean => {
  const askedAt = Date.parse(status?.lastUpdated ?? '')
  const since = moment.since?.getTime() ?? Infinity
  return askedAt >= Math.floor(since / secondMs) * secondMs && !isYetToCome(askedAt, moment.now)
}

/** It can't be asked before a person has changed something. */
const isStalled = (metric: KeptnMetric): boolean =>
  isOfItsSpec(metric) &&
  findCondition(metric.status?.conditions, conditionTypes.stalled)?.status === 'True'
