/**
 * What a query came to. A missing measurement is an outcome of its own and never becomes a number.
 *
 * @module
 */
import type { Aggregation } from '../api/index.ts'
import type { Sample } from './source.ts'

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
  | { readonly kind: 'error'; readonly message: string }

/** An outcome that is not a value. */
export type Failure = Exclude<Outcome, { kind: 'value' }>

/**
 * One outcome for the samples of one query. With an aggregation all samples count, else the oldest one does.
 *
 * Anything but finite numbers of a single series is not a value.
 */
export const outcomeOf = (
  samples: readonly Sample[],
  aggregation: Aggregation | undefined,
): Outcome => {
  const series = new Set(samples.map((sample) => sample.series)).size
  if (series > 1) return { kind: 'too-many-series', series }
  const [first] = samples
  if (first === undefined) return { kind: 'no-data' }
  const counted = aggregation === undefined ? [first] : samples
  const odd = counted.find(({ value }) => !Number.isFinite(value))
  if (odd !== undefined) return { kind: 'not-a-number', text: decimal(odd.value) }
  if (aggregation === undefined) {
    const value = decimal(first.value)
    return { kind: 'value', value, raw: JSON.stringify(value) }
  }
  const values = counted.map(({ value }) => value)
  const total = aggregate(aggregation, values)
  // The sum of finite numbers may be too large for a number.
  if (!Number.isFinite(total)) return { kind: 'not-a-number', text: decimal(total) }
  return { kind: 'value', value: shortest(total), raw: JSON.stringify(values.map(decimal)) }
}

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
    case 'error':
      return { reason: 'QueryFailed', message: failure.message }
  }
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

/** Digits and exponent of the shortest decimal that reads back as the same number. */
const parts = (value: number): readonly [sign: string, digits: string, exponent: number] => {
  const [mantissa = '', exponent = ''] = value.toExponential().split('e')
  return [value < 0 ? '-' : '', mantissa.replace(/[-.]/g, ''), Number(exponent)]
}

/** A number as a plain decimal, never with an exponent. */
export const decimal = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const [sign, digits, exponent] = parts(value)
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** A number as Keptn prints an aggregate: with an exponent below 1e-4 and from 1e21 on. */
const shortest = (value: number): string => {
  const [sign, digits, exponent] = parts(value)
  if (value === 0 || (exponent >= -4 && exponent < 21)) return decimal(value)
  const mantissa = digits.length === 1 ? digits : `${digits.slice(0, 1)}.${digits.slice(1)}`
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
}
