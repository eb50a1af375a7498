import { expect, test } from '@jest/globals'
import type { KeptnMetricsProvider } from '../../../api/index.ts'
import { askedOnce } from '../../../metrics/once.ts'
import type { Outcome } from '../../../metrics/outcome.ts'
import type { Question } from '../../../metrics/source.ts'
import { aProvider } from './source-server.ts'

const value: Outcome = { kind: 'value', value: '4', raw: '"4"' }
const question: Question = { query: 'up', at: new Date('2026-01-01T00:00:00.2Z') }
const never = new AbortController().signal

/** Measurements that end when the test says so. */
const start = () => {
  const clock = { now: 0 }
  const begun: {
    readonly end: (outcome: Outcome) => void
    readonly fail: (error: Error) => void
    readonly signal: AbortSignal
  }[] = []
  const measure = askedOnce(
    (_provider, _question, signal) =>
      new Promise((resolve, reject) => {
        begun.push({ end: resolve, fail: reject, signal })
      }),
    () => clock.now,
  )
  return { measure, begun, clock }
}

test('equal questions of one second are asked once, while it is under way and after', async () => {
  const { measure, begun, clock } = start()
  const provider = aProvider({})
  const first = measure(provider, question, never)
  const later = { ...question, at: new Date('2026-01-01T00:00:00.9Z') }
  const second = measure(provider, later, never)
  expect(begun).toHaveLength(1)
  begun[0]?.end(value)
  expect(await Promise.all([first, second])).toEqual([value, value])
  clock.now = 999
  expect(await measure(provider, question, never)).toBe(value)
  expect(begun).toHaveLength(1)
})

test.each<[string, KeptnMetricsProvider, Question]>([
  ['query', aProvider({}), { ...question, query: 'down' }],
  ['second', aProvider({}), { ...question, at: new Date('2026-01-01T00:00:01Z') }],
  ['path', aProvider({}), { ...question, path: 'a' }],
  ['aggregation', aProvider({}), { ...question, aggregation: 'avg' }],
  ['range', aProvider({}), { ...question, range: { from: new Date(0), to: question.at } }],
  [
    'provider',
    { ...aProvider({}), metadata: { ...aProvider({}).metadata, uid: 'another' } },
    question,
  ],
  [
    'state of the provider',
    { ...aProvider({}), metadata: { ...aProvider({}).metadata, resourceVersion: '2' } },
    question,
  ],
])('another %s is another question', (_name, provider, other) => {
  const { measure, begun } = start()
  void measure(aProvider({}), question, never)
  void measure(provider, other, never)
  expect(begun).toHaveLength(2)
})

test('an answer does not outlive its moment', async () => {
  const { measure, begun, clock } = start()
  const first = measure(aProvider({}), question, never)
  begun[0]?.end(value)
  await first
  clock.now = 1000
  void measure(aProvider({}), question, never)
  expect(begun).toHaveLength(2)
})

test('who gives up ends nothing for the others', async () => {
  const { measure, begun } = start()
  const one = new AbortController()
  const first = measure(aProvider({}), question, one.signal)
  const second = measure(aProvider({}), question, never)
  one.abort(new Error('given up'))
  await expect(first).rejects.toThrow('given up')
  expect(begun[0]?.signal.aborted).toBe(false)
  begun[0]?.end(value)
  expect(await second).toBe(value)
})

test('when all have given up it ends, and the next one asks anew', async () => {
  const { measure, begun } = start()
  const [one, two] = [new AbortController(), new AbortController()]
  const asked = [one, two].map(({ signal }) => measure(aProvider({}), question, signal))
  one.abort()
  two.abort()
  await Promise.allSettled(asked)
  expect(begun[0]?.signal.aborted).toBe(true)
  void measure(aProvider({}), question, never)
  expect(begun).toHaveLength(2)
})

test('a rejection is for those who waited for it alone', async () => {
  const { measure, begun } = start()
  const first = measure(aProvider({}), question, never)
  begun[0]?.fail(new Error('a bug'))
  await expect(first).rejects.toThrow('a bug')
  void measure(aProvider({}), question, never)
  expect(begun).toHaveLength(2)
})

test('who has given up before asks nothing', async () => {
  const { measure, begun } = start()
  await expect(measure(aProvider({}), question, AbortSignal.abort())).rejects.toThrow()
  expect(begun).toHaveLength(0)
})
