import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { fiveDigits, shortest, sixDecimals } from '../../../metrics/digits.ts'

test.each([
  [0, '0.000000'],
  [4, '4.000000'],
  [-1.5, '-1.500000'],
  [1 / 3, '0.333333'],
  [2 / 3, '0.666667'],
  [0.0000004, '0.000000'],
  // Exactly in the middle: the even digit, as in Go.
  [0.0078125, '0.007812'],
  [0.0234375, '0.023438'],
  [-0.0078125, '-0.007812'],
  [123456789.123456789, '123456789.123457'],
  [1e21, '1000000000000000000000.000000'],
  [1e23, '99999999999999991611392.000000'],
])('%d with six decimals is %s', (value, text) => {
  expect(sixDecimals(value)).toBe(text)
})

test.each([
  [0, '0'],
  [4, '4'],
  [89.116, '89.116'],
  [-12.5, '-12.5'],
  [10_000, '10000'],
  [99_999.6, '1e+05'],
  [100_000, '1e+05'],
  [123_456.78, '1.2346e+05'],
  // Exactly in the middle: the even digit, as in Go.
  [123_445, '1.2344e+05'],
  [123_455, '1.2346e+05'],
  [-123_445, '-1.2344e+05'],
  [0.0001, '0.0001'],
  [0.00001234567, '1.2346e-05'],
  [1 / 3, '0.33333'],
])('%d with five digits is %s', (value, text) => {
  expect(fiveDigits(value)).toBe(text)
})

test('what is written is never farther from the number than its last digit allows', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e308, max: 1e308 }), (value) => {
      const size = Math.abs(value)
      // What is cut off, and what a decimal loses when it is read back as a number.
      expect(Math.abs(Number(sixDecimals(value)) - value)).toBeLessThanOrEqual(
        5.0000001e-7 + size * Number.EPSILON,
      )
      const error = Math.abs(Number(fiveDigits(value)) - value)
      expect(error <= size * 5.0000001e-5 || size < Number.MIN_VALUE * 2 ** 20).toBe(true)
      expect(Number(shortest(value))).toBe(value === 0 ? 0 : value)
    }),
    { numRuns: 5000 },
  )
})
