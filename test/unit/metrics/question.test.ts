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
  // Its turns are at the first second of every ten.
  const later = new Date('2026-01-01T00:01:01Z')
  const atOnce = new Date(0)
  test.each<[string, KeptnMetric, Date]>([
    ['at the next of its turns', asked(), later],
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

describe('the turns of metrics', () => {
  const first = Date.parse('2026-01-01T00:00:55Z')
  const made = (uid: string, fetchIntervalSeconds: number, lastUpdated: Date): KeptnMetric => {
    const metric = aMetric({ lastUpdated: lastUpdated.toISOString() })
    const { metadata, spec } = metric
    return { ...metric, metadata: { ...metadata, uid }, spec: { ...spec, fetchIntervalSeconds } }
  }
  const next = (uid: string, seconds: number, last: number): number =>
    dueAt(made(uid, seconds, new Date(last)), new Date(last)).getTime()
  const uids = Array.from({ length: 1000 }, (_, index) => `uid-${index}`)

  /** The instants of three queries after the first one. */
  const course = (uid: string, seconds: number, from = first): readonly number[] => {
    const instants = [from]
    for (let at = from; instants.length <= 3; instants.push(at)) at = next(uid, seconds, at)
    return instants.slice(1)
  }

  test('that were first asked together are spread over their interval soon', () => {
    const counts = new Map<number, number>()
    for (const uid of uids) {
      const turn = (course(uid, 30).at(-1) ?? 0) % 30_000
      counts.set(turn, (counts.get(turn) ?? 0) + 1)
    }
    expect(counts.size).toBe(30)
    // A thirtieth of them is 33.
    expect(Math.max(...counts.values())).toBeLessThan(66)
  })

  test.each([1, 2, 3, 7, 30, 3600])('every %s s are never nearer than half of that', (seconds) => {
    for (const uid of uids.slice(0, 100)) {
      const instants = [first, ...course(uid, seconds)]
      const gaps = instants.slice(1).map((at, index) => at - (instants[index] ?? 0))
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(seconds * 500)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(seconds * 1000)
      expect(gaps.at(-1)).toBe(seconds * 1000)
    }
  })

  test('stay where they are, however late one was', () => {
    for (const uid of uids.slice(0, 100)) {
      const turn = course(uid, 30).at(-1) ?? 0
      for (const lateMs of [1000, 10_000, 15_000]) {
        expect(next(uid, 30, turn + lateMs)).toBe(turn + 30_000)
      }
      expect(course(uid, 30, turn + 29_000)[1]).toBe(turn + 60_000)
    }
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
