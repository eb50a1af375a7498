import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { formatDuration, parseDuration } from '../../../api/duration.ts'

test.each([
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['5ms', 5],
  ['1.5s', 1500],
  ['.5s', 500],
  ['5.m', 300_000],
  ['0', 0],
  ['0s', 0],
  ['-1m', -60_000],
  ['+1m', 60_000],
  ['1µs', 0.001],
  ['1μs', 0.001],
  ['2ns', 0.000002],
  ['1m1m', 120_000],
])('"%s" is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '5', '5mins', '1h 2m', 'h', '.s', '-', '--1m', 's5', '1d', ' 5m', '1e3s', '00'])(
  '"%s" is none',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test.each([
  [0, '0s'],
  [0.5, '500µs'],
  [500, '500ms'],
  [1500, '1.5s'],
  [300_000, '5m0s'],
  [5_400_000, '1h30m0s'],
  [3_600_000, '1h0m0s'],
  [90_061_001, '25h1m1.001s'],
  [-5000, '-5s'],
])('%d ms is "%s"', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('what is written reads back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 1e12 }), (ms) => {
      expect(parseDuration(formatDuration(ms))).toBe(ms === 0 ? 0 : ms)
    }),
    { numRuns: 2000 },
  )
})
