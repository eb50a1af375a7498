/**
 * What a query came to. A missing measurement is an outcome of its own and never becomes a number.
 *
 * @module
 */
import type { Aggregation } from '../api/index.ts'
import { decimal, shortest } from './digits.ts'
import { mostSamples, tooManyNumbers, type Sample } from './source.ts'

export { decimal } from './digits.ts'

/** One number, or why there is none. */
export type Outcome =
  | {
      readonly kind: 'value'
      /** As a decimal, the form that users compare. */
      readonly value: string
      /** What the value was made from, as JSON. */
      readonly raw: string
    }
  | { readonly kind: 'no-data' }
  | { readonly kind: 'too-many-series'; readonly series: number }
  | { readonly kind: 'not-a-number'; readonly text: string }
  /** All that the source has is from long before what was asked about. */
  | { readonly kind: 'stale'; readonly newest: Date }
  | {
      readonly kind: 'error'
      readonly message: string
      /** Nothing was asked: the credentials for it are missing. */
      readonly lacksSecret?: boolean
      /** The proxy on the way to the source failed. */
      readonly byProxy?: boolean
    }

/** An outcome that is not a value. */
export type Failure = Exclude<Outcome, { kind: 'value' }>

/** How the samples of a source become one number, and how its numbers are written. */
export interface Reading {
  /** Which samples make the number when no aggregation is asked for. `only`: there may be no more than one. */
  readonly counts: 'oldest' | 'last' | 'mean' | 'only'
  /** How the number is written. */
  readonly write: (value: number) => string
  /** How each sample is written, before it is aggregated. */
  readonly writeEach: (value: number) => string
}

/** As Prometheus is read: its oldest sample, as it is. */
export const asItIs: Reading = { counts: 'oldest', write: decimal, writeEach: decimal }

/**
 * One outcome for the samples of one query. With an aggregation all samples count, else those that the source's reading
 * tells.
 *
 * Anything but finite numbers of a single series is not a value. Nor is a series that ends before `notBefore`.
 */
export const outcomeOf = (
  samples: readonly Sample[],
  aggregation: Aggregation | undefined,
  reading: Reading = asItIs,
  notBefore?: Date,
): Outcome => {
  const series = new Set(samples.map((sample) => sample.series)).size
  if (series > 1) return { kind: 'too-many-series', series }
  const counted = aggregation === undefined ? countedOf(samples, reading) : samples
  if (counted.length === 0) return { kind: 'no-data' }
  if (samples.length > mostSamples) {
    return { kind: 'error', message: tooManyNumbers().message }
  }
  const odd = counted.find(({ value }) => !Number.isFinite(value))
  if (odd !== undefined) return { kind: 'not-a-number', text: decimal(odd.value) }
  const newest = newestOf(counted)
  if (notBefore !== undefined && newest < notBefore) return { kind: 'stale', newest }
  const values = counted.map(({ value }) => value)
  return aggregation === undefined
    ? single(values, reading)
    : aggregated(aggregation, values, reading)
}

const newestOf = (samples: readonly Sample[]): Date =>
  new Date(samples.reduce((latest, { at }) => Math.max(latest, at.getTime()), 0))

const countedOf = (samples: readonly Sample[], { counts }: Reading): readonly Sample[] => {
  switch (counts) {
    case 'oldest':
      return samples.slice(0, 1)
    case 'last':
      return samples.slice(-1)
    case 'mean':
    case 'only':
      return samples
  }
}

const single = (values: readonly number[], { counts, write, writeEach }: Reading): Outcome => {
  if (counts === 'only' && values.length > 1) {
    return { kind: 'too-many-series', series: values.length }
  }
  const value = write(sum(values) / values.length)
  // The sum of finite numbers may be too large for a number, and so may one that was rounded.
  if (!Number.isFinite(Number(value))) return { kind: 'not-a-number', text: value }
  const raw = JSON.stringify(values.length === 1 ? value : values.map(writeEach))
  return { kind: 'value', value, raw }
}

const aggregated = (
  aggregation: Aggregation,
  values: readonly number[],
  { writeEach }: Reading,
): Outcome => {
  // Keptn aggregates the numbers as it has written them.
  const written = values.map(writeEach)
  const total = aggregate(aggregation, written.map(Number))
  // The sum of finite numbers may be too large for a number.
  if (!Number.isFinite(total)) return { kind: 'not-a-number', text: decimal(total) }
  return { kind: 'value', value: shortest(total), raw: JSON.stringify(written) }
}

/** The reason while a Secret keeps a metric from being asked. */
export const secretUnreadable = 'SecretUnreadable'

/** Why there is no value, in one word for programs and a sentence for people. */
export const explain = (
  failure: Failure,
): { readonly reason: string; readonly message: string } => {
  switch (failure.kind) {
    case 'no-data':
      return { reason: 'NoData', message: 'no values in query result: no series matches the query' }
    case 'too-many-series':
      return {
        reason: 'TooManySeries',
        message: `too many values in query result: ${failure.series} series where one is needed; aggregate them in the query`,
      }
    case 'not-a-number':
      return { reason: 'NotANumber', message: `the query result is ${failure.text}, not a number` }
    case 'stale':
      return {
        reason: 'Stale',
        message: `the newest value in the query result is of ${failure.newest.toISOString()}, long before what was asked about`,
      }
    case 'error':
      return { reason: reasonOfError(failure), message: failure.message }
  }
}

const reasonOfError = ({
  lacksSecret,
  byProxy,
}: Extract<Failure, { kind: 'error' }>): 'SecretUnreadable' | 'ProxyFailed' | 'QueryFailed' => {
  if (lacksSecret === true) return secretUnreadable
  return byProxy === true ? 'ProxyFailed' : 'QueryFailed'
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b)

const aggregate = (aggregation: Aggregation, values: readonly number[]): number => {
  switch (aggregation) {
    case 'avg':
      return sum(values) / values.length
    case 'max':
      return values.reduce((a, b) => Math.max(a, b))
    case 'min':
      return values.reduce((a, b) => Math.min(a, b))
    case 'median':
      return median(values)
    case 'p90':
      return percentile(values, 90)
    case 'p95':
      return percentile(values, 95)
    case 'p99':
      return percentile(values, 99)
  }
}

/** The smallest value that at least this share of all values does not exceed. */
const percentile = (values: readonly number[], share: number): number =>
  sorted(values)[Math.ceil((values.length * share) / 100) - 1] ?? NaN

const median = (values: readonly number[]): number => {
  const half = values.length / 2
  return (
    sum(sorted(values).slice(Math.ceil(half) - 1, Math.floor(half) + 1)) / (2 - (values.length % 2))
  )
}
