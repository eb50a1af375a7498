/**
 * Numbers of a criterion, without rounding, and how Kubernetes writes them. Pure.
 *
 * @module
 */

/** Exactly `digits` × 10^`exponent`; the digits end in no zero, and zero has exponent 0. */
export interface Amount {
  readonly digits: bigint
  readonly exponent: number
}

/** Longer ones are no number that anybody means, and take long to compare. */
const longest = 100

/** Reads a plain decimal such as `600`, `-0.5` or `+.5`; `undefined`: it is something else. */
export const parseAmount = (text: string): Amount | undefined => {
  if (text.length > longest) return undefined
  const [found, sign = '', whole = '', fraction = ''] =
    /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(text) ?? []
  if (found === undefined || whole + fraction === '') return undefined
  const digits = BigInt(whole + fraction)
  return withoutTens({ digits: sign === '-' ? -digits : digits, exponent: -fraction.length })
}

const withoutTens = ({ digits, exponent }: Amount): Amount => {
  if (digits === 0n) return { digits, exponent: 0 }
  let [rest, power] = [digits, exponent]
  for (; rest % 10n === 0n; rest /= 10n) power += 1
  return { digits: rest, exponent: power }
}

/** Below zero, zero or above it, as the first one is less than, equal to or greater than the second. */
export const compareAmounts = (a: Amount, b: Amount): number => {
  const exponent = Math.min(a.exponent, b.exponent)
  const [left, right] = [scaled(a, exponent), scaled(b, exponent)]
  return left < right ? -1 : left > right ? 1 : 0
}

const scaled = ({ digits, exponent }: Amount, to: number): bigint =>
  digits * 10n ** BigInt(exponent - to)

const finest = -9
const largest: Amount = { digits: 2n ** 63n - 1n, exponent: 0 }
const suffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E']

/** The amount as Kubernetes writes a quantity; `undefined`: it would be rounded, or is too large for one. */
export const quantityOf = (amount: Amount): string | undefined => {
  const { digits, exponent } = amount
  const size = { digits: digits < 0n ? -digits : digits, exponent }
  if (exponent < finest || compareAmounts(size, largest) > 0) return undefined
  const power = 3 * Math.floor(exponent / 3)
  return `${scaled(amount, power)}${suffixes[(power - finest) / 3] ?? ''}`
}
