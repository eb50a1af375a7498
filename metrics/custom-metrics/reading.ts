/**
 * What a KeptnMetric tells an autoscaler: a value that may be acted on, or why there is none. A missing value is never 0.
 *
 * @module
 */
import type { KeptnMetric } from '../../api/index.ts'
import { quantityOf } from './quantity.ts'

/** A value with the instant it was asked for, or why it can't be relied on. */
export type Reading =
  | { readonly kind: 'value'; readonly value: string; readonly timestamp: string }
  | { readonly kind: 'none'; readonly message: string }

// A query may take twenty seconds, and its result is stored a moment later.
const graceMs = 30_000

const none = (message: string): Reading => ({ kind: 'none', message })

/**
 * Reads a metric at this time. A value counts while the last query gave it, and for two intervals at the most: nobody shall
 * scale on a number that its source does not give any more.
 */
export const readingOf = ({ spec, status = {} }: KeptnMetric, now: Date): Reading => {
  const failure = failureIn(status)
  if (failure !== undefined) return none(failure)
  if (!status.value || !status.lastUpdated) return none('it has not been asked for yet')
  const value = quantityOf(status.value)
  if (value === undefined) return none(`"${status.value}" is not a number`)
  const ageMs = now.getTime() - Date.parse(status.lastUpdated)
  if (ageMs > 2 * 1000 * spec.fetchIntervalSeconds + graceMs) {
    return none(`its last value is of ${status.lastUpdated}, more than two intervals ago`)
  }
  return { kind: 'value', value, timestamp: status.lastUpdated }
}

/** Why the last query gave no value; Keptn's operator left no condition. */
const failureIn = ({
  conditions = [],
  errMsg,
}: NonNullable<KeptnMetric['status']>): string | undefined => {
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready !== undefined && ready.status !== 'True') return `${ready.reason}: ${ready.message}`
  return errMsg === '' ? undefined : errMsg
}
