import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { Aggregation } from '../../../api/index.ts'
import {
  asItIs,
  decimal,
  explain,
  outcomeOf,
  type Outcome,
  type Reading,
} from '../../../metrics/outcome.ts'
import type { Sample } from '../../../metrics/source.ts'

const samples = (...values: readonly number[]): Sample[] =>
  values.map((value, i) => ({ series: 'a', at: new Date(i * 1000), value }))

describe('numbers as Keptn writes them', () => {
  test.each([
    [4, '4'],
    [0, '0'],
    [-0, '0'],
    [0.05, '0.05'],
    [-1.5, '-1.5'],
    [1e-7, '0.0000001'],
    [1e21, '1000000000000000000000'],
    [1.5e23, '150000000000000000000000'],
    [123456.789, '123456.789'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ])('%d is %s', (number, text) => {
    expect(decimal(number)).toBe(text)
  })

  test('every number reads back as itself, and has no exponent', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        const text = decimal(number)
        expect(Number(text)).toBe(number === 0 ? 0 : number)
        expect(text).toMatch(/^-?\d+(\.\d+)?$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('aggregation', () => {
  const table: readonly [Aggregation, readonly number[], string][] = [
    ['max', [1, 4, 2], '4'],
    ['min', [3, 1, 2], '1'],
    ['avg', [1, 2, 4, 3], '2.5'],
    ['median', [4, 1, 2], '2'],
    ['median', [4, 1, 3, 2], '2.5'],
    ['median', [7], '7'],
    ['p90', [1, 2, 3, 4], '4'],
    ['p90', [1, 2, 3, 4, 5], '5'],
    ['p90', [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], '9'],
    ['p95', [1], '1'],
    ['p99', Array.from({ length: 100 }, (_, i) => 100 - i), '99'],
    ['avg', [0.00001], '1e-05'],
    ['avg', [0.0001], '0.0001'],
    ['max', [1.5e21], '1.5e+21'],
    ['min', [-2e-7], '-2e-07'],
  ]
  test.each(table)('%s of %j is %s', (aggregation, values, value) => {
    expect(outcomeOf(samples(...values), aggregation)).toEqual({
      kind: 'value',
      value,
      raw: JSON.stringify(values.map(decimal)),
    })
  })

  test.each<Aggregation>(['avg', 'max', 'median', 'p90'])(
    '%s of nothing is no data',
    (aggregation) => {
      expect(outcomeOf([], aggregation)).toEqual({ kind: 'no-data' })
    },
  )

  test('one sample that is no number spoils all', () => {
    expect(outcomeOf(samples(1, NaN, 3), 'max')).toEqual({ kind: 'not-a-number', text: 'NaN' })
  })

  test('a mean that is too large for a number is none', () => {
    const outcome = outcomeOf(samples(Number.MAX_VALUE, Number.MAX_VALUE), 'avg')
    expect(outcome.kind).toBe('not-a-number')
  })
})

test('more numbers than a status can hold are none', () => {
  const many = (count: number): Sample[] => samples(...Array.from({ length: count }, () => 1))
  expect(outcomeOf(many(11_000), 'max')).toMatchObject({ value: '1' })
  expect(outcomeOf(many(11_001), 'max')).toEqual({
    kind: 'error',
    message: 'The reply holds more than 11000 numbers: ask for less',
  })
})

test('without an aggregation the oldest sample counts, as in Keptn', () => {
  expect(outcomeOf(samples(7, 8, NaN), undefined)).toEqual({
    kind: 'value',
    value: '7',
    raw: '"7"',
  })
})

describe('how a source is read', () => {
  const write = (value: number): string => value.toFixed(1)
  const reading = { write, writeEach: decimal } as const
  test.each<[Reading['counts'], Outcome]>([
    ['oldest', { kind: 'value', value: '7.0', raw: '"7.0"' }],
    ['last', { kind: 'value', value: '3.0', raw: '"3.0"' }],
    ['mean', { kind: 'value', value: '5.0', raw: '["7","5","3"]' }],
    ['only', { kind: 'too-many-series', series: 3 }],
  ])('%s', (counts, outcome) => {
    expect(outcomeOf(samples(7, 5, 3), undefined, { ...reading, counts })).toEqual(outcome)
  })

  test('only, and there is one', () => {
    const outcome = outcomeOf(samples(7), undefined, { ...reading, counts: 'only' })
    expect(outcome).toMatchObject({ value: '7.0' })
  })

  test('a sample that does not count may be no number', () => {
    const outcome = outcomeOf(samples(NaN, 5), undefined, { ...reading, counts: 'last' })
    expect(outcome).toMatchObject({ value: '5.0' })
  })

  test('a mean of finite numbers that is too large for a number is none', () => {
    const large = samples(Number.MAX_VALUE, Number.MAX_VALUE)
    const outcome = outcomeOf(large, undefined, {
      counts: 'mean',
      write: decimal,
      writeEach: decimal,
    })
    expect(outcome).toEqual({ kind: 'not-a-number', text: '+Inf' })
  })

  test('an aggregate is made from the numbers as they are written', () => {
    const writeEach = (value: number): string => value.toFixed(1)
    const outcome = outcomeOf(samples(1.04, 2.04), 'avg', { ...reading, writeEach, counts: 'mean' })
    expect(outcome).toEqual({ kind: 'value', value: '1.5', raw: '["1.0","2.0"]' })
  })
})

describe('a series that ends long before what was asked about', () => {
  test.each<[string, Date | undefined, Aggregation | undefined, Outcome['kind']]>([
    ['ends at that instant', new Date(2000), 'avg', 'value'],
    ['ends before', new Date(2001), 'avg', 'stale'],
    [
      'has an oldest sample from before, which is the one that counts',
      new Date(1),
      undefined,
      'stale',
    ],
    ['ends before nothing', undefined, 'avg', 'value'],
  ])('%s', (_name, notBefore, aggregation, kind) => {
    expect(outcomeOf(samples(1, 2, 3), aggregation, asItIs, notBefore).kind).toBe(kind)
  })

  test('says from when its newest value is', () => {
    const outcome = outcomeOf(samples(1, 2), 'max', asItIs, new Date(5000))
    expect(outcome).toEqual({ kind: 'stale', newest: new Date(1000) })
    expect(explain({ kind: 'stale', newest: new Date(1000) })).toEqual({
      reason: 'Stale',
      message:
        'the newest value in the query result is of 1970-01-01T00:00:01.000Z, long before what was asked about',
    })
  })
})

test('a value comes of finite numbers of one series, and of nothing else', () => {
  const sample = fc.record({
    series: fc.constantFrom('a', 'a', 'a', 'b'),
    at: fc.constant(new Date(0)),
    value: fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, 0)),
  })
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 4 }), (given) => {
      const outcome = outcomeOf(given, undefined)
      const isValue =
        given.length > 0 &&
        new Set(given.map(({ series }) => series)).size === 1 &&
        Number.isFinite(given[0]?.value)
      expect(outcome.kind === 'value').toBe(isValue)
    }),
    { numRuns: 5000 },
  )
})
