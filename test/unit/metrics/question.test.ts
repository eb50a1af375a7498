import { describe, expect, test } from '@jest/globals'
import type { KeptnMetric } from '../../../api/index.ts'
import { dueAt, questionOf } from '../../../metrics/keptn-metric/question.ts'
import { aMetric } from '../evaluation/objects.ts'
import { aProvider } from './source-server.ts'

const now = new Date('2026-01-01T00:01:00Z')
const asked = (over: Partial<NonNullable<KeptnMetric['status']>> = {}): KeptnMetric =>
  aMetric({ lastUpdated: '2026-01-01T00:00:55Z', ...over })
const condition = (type: string, status: 'True' | 'False', observedGeneration: number) => ({
  type,
  status,
  reason: 'x',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:55Z',
  observedGeneration,
})

describe('when a metric is due', () => {
  const later = new Date('2026-01-01T00:01:05Z')
  const atOnce = new Date(0)
  test.each<[string, KeptnMetric, Date]>([
    ['an interval after it was asked', asked(), later],
    ['the same after a failure', asked({ errMsg: 'no values' }), later],
    ['at once if it never was asked', aMetric(undefined), atOnce],
    ['at once if its last time cannot be read', asked({ lastUpdated: 'yesterday' }), atOnce],
    [
      'at once if its last time is in the future',
      asked({ lastUpdated: '2026-01-01T01:00:00Z' }),
      atOnce,
    ],
    [
      'at once if its spec has changed',
      asked({ conditions: [condition('Ready', 'True', 0)] }),
      atOnce,
    ],
    [
      'at once if it could not be asked',
      asked({ conditions: [condition('Stalled', 'True', 1)] }),
      atOnce,
    ],
    ['in time if all is well', asked({ conditions: [condition('Ready', 'True', 1)] }), later],
  ])('%s', (_name, metric, expected) => {
    expect(dueAt(metric, now)).toEqual(expected)
  })
})

describe('what is asked', () => {
  const ask = (range?: KeptnMetric['spec']['range']) => {
    const metric = aMetric(undefined)
    const spec = { ...metric.spec, ...(range === undefined ? {} : { range }) }
    const question = questionOf({ ...metric, spec }, aProvider({}))
    return question.kind === 'question' ? question.at(now) : question.reason
  }
  const from = new Date('2025-12-31T23:56:00Z')
  test.each<[string, KeptnMetric['spec']['range'] | undefined, unknown]>([
    ['now', undefined, { query: 'up', at: now }],
    ['a range', { interval: '5m' }, { query: 'up', at: now, range: { from, to: now } }],
    [
      'a range in steps',
      { interval: '5m', step: '1m30s', aggregation: 'avg' },
      { query: 'up', at: now, range: { from, to: now, stepMs: 90_000 }, aggregation: 'avg' },
    ],
    ['a step without an aggregation', { interval: '5m', step: '1m' }, 'RangeInvalid'],
    ['a step of nothing', { interval: '5m', step: '0s', aggregation: 'avg' }, 'RangeInvalid'],
    ['a range that cannot be read', { interval: '5mins' }, 'RangeInvalid'],
  ])('%s', (_name, range, expected) => {
    expect(ask(range)).toEqual(expected)
  })

  test('every change of metric or provider makes it another question', () => {
    const metric = aMetric(undefined)
    const provider = aProvider({})
    const changed = <T extends { readonly metadata: object }>(object: T, metadata: object): T => ({
      ...object,
      metadata: { ...object.metadata, ...metadata },
    })
    const id = (one: KeptnMetric, other = provider): string => {
      const question = questionOf(one, other)
      return question.kind === 'question' ? question.id : ''
    }
    const ids = [
      id(metric),
      id(changed(metric, { generation: 2 })),
      id(changed(metric, { uid: 'recreated' })),
      id(metric, changed(provider, { generation: 2 })),
      id(metric, changed(provider, { uid: 'recreated' })),
    ]
    expect(new Set(ids).size).toBe(5)
    expect(id(changed(metric, { resourceVersion: '8' }))).toBe(ids[0])
  })
})
