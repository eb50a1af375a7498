import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import {
  compare,
  exactQuantity,
  nearestQuantity,
  parseDecimal,
  parsePlainDecimal,
  parseQuantity,
} from '../../../metrics/quantity.ts'

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

describe('the quantity nearest to a number:', () => {
  test.each([
    ['0', '0'],
    ['-0.0', '0'],
    ['4.0', '4'],
    ['7', '7'],
    ['0.05', '50m'],
    ['1.5', '1500m'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['2500000', '2500k'],
    ['-12000000', '-12M'],
    ['0.000001', '1u'],
    ['0.0000000011', '2n'],
    ['-0.0000000011', '-2n'],
    ['0.0000000000001', '1n'],
    ['5e-05', '50e-6'],
    ['1e3', '1e3'],
    ['25e0', '25'],
    ['1.5e+21', '9223372036854775807'],
    ['-1.5e+21', '-9223372036854775807'],
    ['99999999999999999999', '9223372036854775807'],
    ['1000000000000000000', '1E'],
  ])('%s is %s', (text, quantity) => {
    expect(nearestQuantity(text)).toBe(quantity)
  })

  test.each(['', '.', '-', 'NaN', '+Inf', '1e', '1e9999', '0x10', '1 ', '1k'])(
    'there is none for %j',
    (text) => {
      expect(nearestQuantity(text)).toBeUndefined()
    },
  )

  test('Kubernetes reads it as what it makes of the number itself', () => {
    const digits = fc.string({ unit: fc.constantFrom('0', '1', '5', '9'), maxLength: 12 })
    const exponent = fc.constantFrom('', 'e3', 'e-7', 'e11', 'E+2')
    fc.assert(
      fc.property(fc.integer(), digits, exponent, (whole, fraction, power) => {
        const text = `${whole}.${fraction}${power}`
        const [read, again] = [parseQuantity(text), parseQuantity(nearestQuantity(text) ?? '')]
        if (read === undefined || again === undefined) throw new Error('is none')
        const bound = { digits: read.amount.digits < 0n ? -limit : limit, exponent: 0 }
        const isInside = compare(read.amount, bound) * (bound.digits < 0n ? -1 : 1) <= 0
        expect(compare(again.amount, isInside ? read.amount : bound)).toBe(0)
      }),
      { numRuns: 5000 },
    )
  })
})

const limit = 2n ** 63n - 1n

describe('the quantity that a plain number is:', () => {
  test.each([
    ['0', '0'],
    ['-0.00', '0'],
    ['10', '10'],
    ['1000', '1k'],
    ['1500', '1500'],
    ['15000', '15k'],
    ['0.5', '500m'],
    ['.25', '250m'],
    ['5.', '5'],
    ['+7', '7'],
    ['-1.50', '-1500m'],
    ['0.000000001', '1n'],
    ['0.0000125', '12500n'],
    ['0.10000000000', '100m'],
    ['1000000000000000000', '1E'],
    ['9223372036854775807', '9223372036854775807'],
    ['-9223372036854775808', undefined],
    ['0.0000000001', undefined],
    ['-0.0000000001', undefined],
    ['9223372036854775808', undefined],
  ])('%s is %s', (text, quantity) => {
    const number = parsePlainDecimal(text)
    expect(number && exactQuantity(number)).toBe(quantity)
  })

  test.each(['', '.', '-', '1e3', '1k', 'NaN', '0x10', '1,5', '1 2', '٣', '9'.repeat(101)])(
    '"%s" is no plain number',
    (text) => {
      expect(parsePlainDecimal(text)).toBeUndefined()
    },
  )
})
