/**
 * How numbers are written, byte for byte as Keptn does: users compare them.
 *
 * @module
 */

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

/** With an exponent where it is below -4, or not below `limit`. */
const general = (value: number, limit: number): string => {
  const [sign, digits, exponent] = parts(value)
  if (value === 0 || (exponent >= -4 && exponent < limit)) return decimal(value)
  const mantissa = digits.length === 1 ? digits : `${digits.slice(0, 1)}.${digits.slice(1)}`
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`
}

/** A number as Keptn prints an aggregate: with an exponent below 1e-4 and from 1e21 on. */
export const shortest = (value: number): string => general(value, 21)

/** A number with six decimals. A tie goes to the even digit, as in Go. */
export const sixDecimals = (value: number): string => {
  if (!Number.isFinite(value)) return decimal(value)
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`
  const text = value.toFixed(6)
  // Only odd multiples of 1/128 lie in the middle between two numbers with six decimals.
  if (Math.abs(value * 128) % 2 !== 1) return text
  const lower = value.toFixed(7).slice(0, -1)
  return Number(lower.at(-1)) % 2 === 0 ? lower : text
}

/** A number with five digits that count, without zeros at its end: `12.5`, `1.2346e+05`. A tie goes to the even digit. */
export const fiveDigits = (value: number): string => {
  if (!Number.isFinite(value)) return decimal(value)
  const rounded = Number(value.toExponential(4))
  const [exact = '', exponent = ''] = value.toExponential(100).split('e')
  const lower = Number(`${exact.slice(0, exact.indexOf('.') + 5)}e${exponent}`)
  const isTie = /^-?\d\.\d{4}50*$/.test(exact)
  const even = isTie && Number(exact.at(exact.indexOf('.') + 4)) % 2 === 0
  return general(even ? lower : rounded, 5)
}
