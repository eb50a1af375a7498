/**
 * Durations as the specs of our kinds write them: Go's notation, `5m`, `1h30m0s`, `500ms`.
 * https://pkg.go.dev/time#ParseDuration
 *
 * @module
 */

const unitMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3, // U+00B5, micro sign
  μs: 1e-3, // U+03BC, Greek letter mu: Go accepts both
  ns: 1e-6,
}

// One number with its unit. Longer units come first, so that `5ms` is never `5m` and a stray `s`.
const part = /(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|h|m|s)/y

/**
 * Reads a duration as milliseconds; `undefined` when Go would refuse the text.
 *
 * A number without a unit is refused, except `0`; a sign is allowed once, in front.
 *
 * @example
 * parseDuration('1h30m') // 5_400_000
 */
export const parseDuration = (text: string): number | undefined => {
  const sign = text.startsWith('-') ? -1 : 1
  const unsigned = /^[+-]/.test(text) ? text.slice(1) : text
  if (unsigned === '0') return 0
  const total = sumOfParts(unsigned)
  return total === undefined ? undefined : sign * total
}

const sumOfParts = (text: string): number | undefined => {
  let total = 0
  let at = 0
  while (at < text.length) {
    part.lastIndex = at
    const match = part.exec(text)
    const [whole = '', amount = '', unit = ''] = match ?? []
    if (whole === '') return undefined
    total += Number(amount) * (unitMs[unit] ?? 0)
    at += whole.length
  }
  // 10.275 s must be 10275 ms, which a product of binary fractions only nearly is.
  return at === 0 ? undefined : Number(total.toPrecision(15))
}

/**
 * Writes milliseconds in the form that Go prints: `5m0s`, `1h30m0s`, `1.5s`, `500ms`, `0s`.
 *
 * Parts below a microsecond are dropped; no spec of ours is that fine.
 */
export const formatDuration = (ms: number): string => {
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms === 0) return '0s'
  if (ms < 1) return `${String(Math.round(ms * 1000))}µs`
  if (ms < 1000) return `${String(Math.round(ms * 1000) / 1000)}ms`
  const microseconds = Math.round(ms * 1000)
  const hours = Math.floor(microseconds / 3.6e9)
  const minutes = Math.floor((microseconds % 3.6e9) / 6e7)
  const seconds = `${String((microseconds % 6e7) / 1e6)}s`
  if (hours > 0) return `${String(hours)}h${String(minutes)}m${seconds}`
  return minutes > 0 ? `${String(minutes)}m${seconds}` : seconds
}
