import { describe, expect, test } from '@jest/globals'
import type { KeptnMetric, StatusOf } from '../../../../api/index.ts'
import { metricGauges } from '../../../../metrics/serving/gauges.ts'
import { aMetric } from '../../evaluation/objects.ts'

const now = new Date('2026-01-01T00:01:00Z')
const good: StatusOf<KeptnMetric> = { value: '4.5', lastUpdated: '2026-01-01T00:00:55Z' }
const gaugesOf = (...metrics: readonly KeptnMetric[]) => metricGauges(metrics, now)

describe('the name of a gauge', () => {
  test.each([
    ['available-cpus', 'available_cpus'],
    ['a.b--c', 'a_b_c'],
    ['cpu95', 'cpu95'],
  ])('of %s is %s, and its help the name itself', (name, expected) => {
    expect(gaugesOf(aMetric(good, { name }))).toEqual([
      { name: expected, help: name, values: [{ labels: {}, value: 4.5 }] },
    ])
  })

  test('that would begin with a digit is none', () => {
    expect(gaugesOf(aMetric(good, { name: '95th-percentile' }))).toEqual([])
  })
})

describe('what is not a number that counts is no gauge, and never 0:', () => {
  test.each<[string, StatusOf<KeptnMetric> | undefined]>([
    ['no status', undefined],
    ['an empty value', { ...good, value: '' }],
    ['a blank value', { ...good, value: ' ' }],
    ['NaN', { ...good, value: 'NaN' }],
    ['an infinity', { ...good, value: '+Inf' }],
    ['text', { ...good, value: '4 apples' }],
    ['a value from before an error', { ...good, errMsg: 'no values' }],
    [
      'a value that should long have been renewed',
      { ...good, lastUpdated: '2025-12-31T23:59:39Z' },
    ],
  ])('%s', (_name, status) => {
    expect(gaugesOf(aMetric(status))).toEqual([])
  })

  test('but a value that is a little late is one', () => {
    const late = { ...good, lastUpdated: '2025-12-31T23:59:40Z' }
    expect(gaugesOf(aMetric(late))).toHaveLength(1)
  })
})

test('metrics whose names come to the same have a value each, told apart by labels', () => {
  const metrics = [
    aMetric({ ...good, value: '3' }, { name: 'a.b', namespace: 'shop' }),
    aMetric({ ...good, value: '2' }, { name: 'a-b', namespace: 'shop' }),
    aMetric({ ...good, value: '1' }, { name: 'a-b', namespace: 'bank' }),
  ]
  const expected = [
    {
      name: 'a_b',
      help: 'a-b',
      values: [
        { labels: { name: 'a-b', namespace: 'bank' }, value: 1 },
        { labels: { name: 'a-b', namespace: 'shop' }, value: 2 },
        { labels: { name: 'a.b', namespace: 'shop' }, value: 3 },
      ],
    },
  ]
  expect(gaugesOf(...metrics)).toEqual(expected)
  expect(gaugesOf(...metrics.toReversed())).toEqual(expected)
})

test('one of two keeps its labels while the other has no value', () => {
  const empty = aMetric(undefined, { namespace: 'bank' })
  const [gauge] = gaugesOf(aMetric(good), empty)
  expect(gauge?.values).toEqual([
    { labels: { name: 'available-cpus', namespace: 'shop' }, value: 4.5 },
  ])
})

test('a metric that is being deleted is gone', () => {
  const metric = aMetric(good)
  const metadata = { ...metric.metadata, deletionTimestamp: '2026-01-01T00:00:59Z' }
  expect(gaugesOf({ ...metric, metadata })).toEqual([])
})
