/**
 * What a KeptnMetric tells an autoscaler: a value that may be acted on, or why there is none. A missing value is never 0.
 *
 * @module
 */
import type { KeptnMetric } from '../../api/index.ts'
import { whyNotPresent } from '../present.ts'
import { nearestQuantity } from '../quantity.ts'

/** A value with the instant it was asked for, or why it can't be relied on. */
export type Reading =
  | { readonly kind: 'value'; readonly value: string; readonly timestamp: string }
  | { readonly kind: 'none'; readonly message: string }

const none = (message: string): Reading => ({ kind: 'none', message })

/** Reads a metric at this time: nobody shall scale on a number that its source does not give any more. */
export const readingOf = (metric: KeptnMetric, now: Date): Reading => {
  const doubt = whyNotPresent(metric, now)
  if (doubt !== undefined) return none(doubt)
  const { value: text = '', lastUpdated: timestamp = '' } = metric.status ?? {}
  const value = nearestQuantity(text)
  return value === undefined
    ? none(`"${text}" is not a number`)
    : { kind: 'value', value, timestamp }
}
