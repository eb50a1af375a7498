import { expect, test } from '@jest/globals'
import { quantityOf } from '../../../../metrics/custom-metrics/quantity.ts'

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
  ['99999999999999999999', '9223372036854775807'],
  ['1000000000000000000', '1E'],
])('%s is the quantity %s', (text, quantity) => {
  expect(quantityOf(text)).toBe(quantity)
})

test.each(['', '.', '-', 'NaN', '+Inf', '1e', '1e9999', '0x10', '1 ', '1k'])(
  '%j is no quantity',
  (text) => {
    expect(quantityOf(text)).toBeUndefined()
  },
)
