/**
 * Numbers as Kubernetes writes quantities, which is how a HorizontalPodAutoscaler reads them.
 *
 * @module
 */

const number = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,3}))?$/

/** Quantities are exact to the billionth. */
const places = 9
const largest = (2n ** 63n - 1n) * 10n ** BigInt(places)
const suffixes: Readonly<Record<number, string>> = {
  [-9]: 'n',
  [-6]: 'u',
  [-3]: 'm',
  0: '',
  3: 'k',
  6: 'M',
  9: 'G',
  12: 'T',
  15: 'P',
  18: 'E',
}

/**
 * A decimal in the canonical form of a quantity: `0.05` is `50m`, `1000` is `1k`, and a number with an exponent keeps one.
 * What is finer than a billionth is rounded away from zero; what is too large becomes the largest quantity.
 * `undefined`: it is not a finite decimal.
 */
export const quantityOf = (text: string): string | undefined => {
  const found = number.exec(text)
  if (found === null) return undefined
  const [, sign = '', whole = '', fraction = '', exponent] = found
  if (whole + fraction === '') return undefined
  const billionths = scaled(
    BigInt(whole + fraction),
    Number(exponent ?? 0) - fraction.length + places,
  )
  if (billionths === 0n) return '0'
  const size = billionths > largest ? largest : billionths
  return `${sign === '-' ? '-' : ''}${canonical(size, exponent !== undefined)}`
}

/** The digits times this power of ten, rounded up. */
const scaled = (digits: bigint, power: number): bigint => {
  if (power >= 0) return digits * 10n ** BigInt(power)
  const divisor = 10n ** BigInt(-power)
  return (digits + divisor - 1n) / divisor
}

const canonical = (billionths: bigint, hasExponent: boolean): string => {
  let mantissa = billionths
  let exponent = -places
  while (mantissa % 1000n === 0n && exponent < 18) {
    mantissa /= 1000n
    exponent += 3
  }
  if (!hasExponent) return `${mantissa}${suffixes[exponent] ?? ''}`
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
}
