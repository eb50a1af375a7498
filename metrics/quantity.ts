/**
 * Numbers without rounding, and Kubernetes quantities, read and written as Kubernetes does. Pure.
 *
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 *
 * @module
 */

/** Exactly `digits` × 10^`exponent`. */
export interface Decimal {
  readonly digits: bigint
  readonly exponent: number
}

/** A quantity that somebody wrote. */
export interface Quantity {
  readonly amount: Decimal
  /** As Kubernetes' own programs write it. */
  readonly text: string
}

/** Beyond what a double can hold there is nothing to compare with, and a text of four letters must not cost a gigabyte. */
const largestExponent = 400

const number = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i

/** Reads a plain number, with or without an exponent; `undefined` for anything else, NaN and the infinities among it. */
export const parseDecimal = (text: string): Decimal | undefined => {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = number.exec(text) ?? []
  if (whole + fraction === '' || Math.abs(Number(exponent)) > largestExponent) return undefined
  const digits = BigInt(whole + fraction)
  return {
    digits: sign === '-' ? -digits : digits,
    exponent: Number(exponent) - fraction.length,
  }
}

/** Longer ones are no number that anybody means, and take long to compare. */
const longestPlain = 100

/** Reads a number as people write it, such as `600`, `-0.5` or `+.5`: without an exponent; `undefined`: it is something else. */
export const parsePlainDecimal = (text: string): Decimal | undefined =>
  text.length > longestPlain || /e/i.test(text) ? undefined : parseDecimal(text)

/** Below zero, zero or above it, as the first one is less than, equal to or greater than the second. */
export const compare = (a: Decimal, b: Decimal): number => {
  const exponent = Math.min(a.exponent, b.exponent)
  const [left, right] = [scaled(a, exponent), scaled(b, exponent)]
  return left < right ? -1 : left > right ? 1 : 0
}

const scaled = ({ digits, exponent }: Decimal, to: number): bigint =>
  digits * 10n ** BigInt(exponent - to)

type Format = 'exponent' | 'decimal' | 'binary'

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

const quantity = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+|[KMGTPE]i|[numkMGTPE]?)$/

/** What a text says, before anything is rounded. */
interface Parts {
  readonly negative: boolean
  /** Without leading zeros. */
  readonly whole: string
  readonly fraction: string
  readonly format: Format
  /** Of ten, or of two. */
  readonly power: number
}

const partsOf = (text: string): Parts | undefined => {
  const [, sign = '', whole = '', fraction = '', suffix = ''] = quantity.exec(text) ?? []
  const scale = scaleOf(suffix)
  if (whole + fraction === '' || scale === undefined) return undefined
  const trimmed = whole.replace(/^0+/, '')
  return { negative: sign === '-', whole: trimmed === '' ? '0' : trimmed, fraction, ...scale }
}

const scaleOf = (suffix: string): Pick<Parts, 'format' | 'power'> | undefined => {
  const decimal = decimalSuffixes.indexOf(suffix)
  if (decimal >= 0) return { format: 'decimal', power: 3 * decimal - 9 }
  const binary = binarySuffixes.indexOf(suffix)
  if (binary > 0) return { format: 'binary', power: 10 * binary }
  const power = /^e/i.test(suffix) ? Number(suffix.slice(1)) : NaN
  return Math.abs(power) <= largestExponent ? { format: 'exponent', power } : undefined
}

/** Reads a quantity; `undefined` when it is none, or too large to be compared with anything. */
export const parseQuantity = (written: string | number): Quantity | undefined => {
  const source = String(written).trim()
  const parts = partsOf(source)
  if (parts === undefined) return undefined
  const amount = amountOf(parts)
  const text = isKept(parts) ? source : shown(amount, parts.format)
  return { amount, text }
}

/**
 * The quantity nearest to a number that is written with or without an exponent, and in the same way; `undefined`: it is no finite
 * number. What is finer than a billionth is rounded away from zero, what is too large becomes the largest or the least quantity.
 */
export const nearestQuantity = (text: string): string | undefined => {
  const number = parseDecimal(text)
  if (number === undefined) return undefined
  return shown(capped(rounded(number)), /e/i.test(text) ? 'exponent' : 'decimal')
}

/** A number as a quantity; `undefined`: it would be rounded, or is too large for one. */
export const exactQuantity = (number: Decimal): string | undefined => {
  const isExact = compare(capped(rounded(number)), number) === 0
  return isExact ? shown(number, 'decimal') : undefined
}

/** The finest that Kubernetes knows: 10^-9. What is finer becomes the next such number away from zero. */
const finest = -9
const largest = 2n ** 63n - 1n

const amountOf = ({ negative, whole, fraction, format, power }: Parts): Decimal => {
  const read = BigInt(whole + fraction) * (format === 'binary' ? 2n ** BigInt(power) : 1n)
  const exponent = (format === 'binary' ? 0 : power) - fraction.length
  const amount = rounded({ digits: negative ? -read : read, exponent })
  // Kubernetes takes decimal ones that are larger.
  return format === 'binary' ? capped(amount) : amount
}

const rounded = ({ digits, exponent }: Decimal): Decimal => {
  if (exponent >= finest) return { digits, exponent }
  const unit = 10n ** BigInt(finest - exponent)
  const up = digits < 0n ? 1n - unit : unit - 1n
  return { digits: (digits + up) / unit, exponent: finest }
}

const capped = (amount: Decimal): Decimal => {
  for (const bound of [largest, -largest]) {
    const limit = { digits: bound, exponent: 0 }
    if (compare(amount, limit) * (bound < 0n ? -1 : 1) > 0) return limit
  }
  return amount
}

/** Whether Kubernetes takes a text for one in its own form, by the few looks that it takes at it. */
const isKept = ({ whole, fraction, format, power }: Parts): boolean => {
  const digits = whole + fraction
  if (format === 'binary') {
    const room = 14 - whole.length - Math.trunc((power * 3) / 10)
    return fraction === '' && room >= 0 && (BigInt(whole) & 7n) !== 0n
  }
  const scale = power - fraction.length
  const isShort = digits.length <= 18 && scale >= finest
  return isShort && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
}

const shown = (amount: Decimal, format: Format): string => {
  if (amount.digits === 0n) return '0'
  const whole = format === 'binary' ? wholeOf(amount) : undefined
  if (whole === undefined || (whole > -1024n && whole < 1024n)) return decimalForm(amount, format)
  const [digits, times] = withoutFactors(whole, 1024n)
  return `${String(digits)}${binarySuffixes[times] ?? ''}`
}

const wholeOf = ({ digits, exponent }: Decimal): bigint | undefined => {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent)
  const unit = 10n ** BigInt(-exponent)
  return digits % unit === 0n ? digits / unit : undefined
}

const decimalForm = (amount: Decimal, format: Format): string => {
  const [short, tens] = withoutFactors(amount.digits, 10n)
  const exponent = amount.exponent + tens
  const power = 3 * Math.floor(exponent / 3)
  const digits = String(short * 10n ** BigInt(exponent - power))
  const suffix = format === 'exponent' ? undefined : decimalSuffixes[(power - finest) / 3]
  return `${digits}${suffix ?? (power === 0 ? '' : `e${power}`)}`
}

/** The number without its factors, and how many of them there were. */
const withoutFactors = (of: bigint, factor: bigint): readonly [bigint, number] => {
  let rest = of
  let times = 0
  while (rest !== 0n && rest % factor === 0n) {
    rest /= factor
    times += 1
  }
  return [rest, times]
}
