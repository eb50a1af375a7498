import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compare, parseDecimal, parseQuantity } from '../../../../metrics/analysis/quantity.ts'

/** By what Kubernetes' own library makes of each text. */
test.each([
  [2, '2'],
  ['0.5', '500m'],
  [1000, '1k'],
  ['1500', '1500'],
  ['10000', '10k'],
  ['99.95', '99950m'],
  // Taken for its own form: three digits behind the point, no zeros at either end.
  ['99.999', '99.999'],
  ['1.500', '1.500'],
  ['0.500', '500m'],
  ['1e3', '1e3'],
  ['1e2', '100'],
  ['12e6', '12e6'],
  ['1E', '1E'],
  ['1Ki', '1Ki'],
  ['1024Ki', '1Mi'],
  ['1.5Gi', '1536Mi'],
  ['512Ki', '512Ki'],
  ['0.5Ki', '512'],
  ['8Ei', '9223372036854775807'],
  ['0.9n', '1n'],
  ['-0.9n', '-1n'],
  ['-2.5', '-2500m'],
  ['+5', '+5'],
  ['.25', '250m'],
  ['5.', '5.'],
  ['0', '0'],
  ['0.0', '0'],
  ['000', '0'],
  ['100u', '100u'],
  ['1000000000000000000000', '1e21'],
])('%s is written as "%s"', (written, text) => {
  expect(parseQuantity(written)?.text).toBe(text)
})

test.each(['', '.', 'ten', '1 k', '1KI', '1e', 'e3', '1e1.5', '1e999999999', '0x10', 'NaN', '--1'])(
  '"%s" is no quantity',
  (text) => {
    expect(parseQuantity(text)).toBeUndefined()
  },
)

test.each(['', 'NaN', '+Inf', '.', '1k', '1e999999999'])('"%s" is no decimal', (text) => {
  expect(parseDecimal(text)).toBeUndefined()
})

describe('numbers are compared without rounding:', () => {
  test.each([
    ['0.3', '300m', 0],
    ['0.30000000000000004', '300m', 1],
    // As doubles these two are equal.
    ['9007199254740992', '9007199254740993', -1],
    ['1e-10', '0', 1],
    ['1048576', '1Mi', 0],
    ['-1', '-1500m', 1],
    ['1e3', '1k', 0],
  ])('%s against %s', (value, written, order) => {
    const decimal = parseDecimal(value)
    const quantity = parseQuantity(written)
    expect(decimal && quantity && compare(decimal, quantity.amount)).toBe(order)
  })
})

test('what is written reads back as the same number', () => {
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'e3', 'E-3', 'e7')
  const whole = fc.integer({ min: -1e9, max: 1e9 })
  const digits = fc.string({ unit: fc.constantFrom('0', '1', '5', '9'), maxLength: 6 })
  fc.assert(
    fc.property(whole, digits, suffix, (number, fraction, unit) => {
      const first = parseQuantity(`${number}.${fraction}${unit}`)
      const again = parseQuantity(first?.text ?? '')
      if (first === undefined || again === undefined) throw new Error('is none')
      expect(compare(first.amount, again.amount)).toBe(0)
      expect(parseQuantity(again.text)?.text).toBe(again.text)
    }),
    { numRuns: 5000 },
  )
})

test('whole and milli numbers are ordered as they are counted', () => {
  const milli = fc.integer({ min: -1e6, max: 1e6 })
  fc.assert(
    fc.property(milli, milli, (a, b) => {
      const value = parseDecimal((a / 1000).toFixed(3))
      const bound = parseQuantity(`${b}m`)
      expect(value && bound && compare(value, bound.amount)).toBe(Math.sign(a - b))
    }),
  )
})
