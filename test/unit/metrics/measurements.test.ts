import { afterEach, expect, test } from '@jest/globals'
import { createMeasurements, type Inquiry } from '../../../metrics/measurements.ts'
import type { Outcome } from '../../../metrics/outcome.ts'

const value: Outcome = { kind: 'value', value: '4', raw: '"4"' }
let term = new AbortController()
afterEach(() => {
  term.abort()
})

/** Inquiries that end when the test says so. */
const start = (limits: { readonly perSource?: number; readonly inAll?: number } = {}) => {
  term = new AbortController()
  const clock = { now: new Date('2026-01-01T00:00:00.9Z') }
  const waits = new Map<number, () => void>()
  const measurements = createMeasurements({
    now: () => clock.now,
    signal: term.signal,
    later: (run, ms) => {
      waits.set(ms, run)
      return () => waits.delete(ms)
    },
    ...limits,
  })
  const open = new Map<string, { end: (outcome: Outcome) => void; fail: (error: Error) => void }>()
  const aborted: string[] = []
  const inquiry = (key: string, over: Partial<Inquiry> = {}): Inquiry => ({
    key,
    id: '1',
    source: 'prom',
    run: (_at, signal) =>
      new Promise((resolve, reject) => {
        open.set(key, { end: resolve, fail: reject })
        signal.addEventListener('abort', () => {
          aborted.push(key)
          reject(new Error('aborted'))
        })
      }),
    ...over,
  })
  const told: string[] = []
  measurements.ended.subscribe(({ now }) => told.push(String(now)))
  return { measurements, inquiry, open, aborted, told, clock, waits }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('an outcome is told, and kept until the next inquiry', async () => {
  const { measurements, inquiry, open, told } = start()
  measurements.ask(inquiry('shop/a'))
  expect(measurements.progress('shop/a')).toEqual({ kind: 'under-way', id: '1' })
  measurements.ask(inquiry('shop/a'))
  open.get('shop/a')?.end(value)
  await turn()
  expect(told).toEqual(['shop/a'])
  const measurement = { at: new Date('2026-01-01T00:00:00Z'), outcome: value }
  expect(measurements.progress('shop/a')).toEqual({ kind: 'done', id: '1', measurement })
  measurements.ask(inquiry('shop/a'))
  expect(measurements.progress('shop/a').kind).toBe('under-way')
})

test('another question ends the one under way, whose outcome is told to nobody', async () => {
  const { measurements, inquiry, aborted, told } = start()
  measurements.ask(inquiry('shop/a'))
  measurements.ask(inquiry('shop/a', { id: '2' }))
  await turn()
  expect(aborted).toEqual(['shop/a'])
  expect(told).toEqual([])
  expect(measurements.progress('shop/a')).toEqual({ kind: 'under-way', id: '2' })
})

test('a source that hangs keeps its own places busy, and no others', async () => {
  const { measurements, inquiry, open } = start({ perSource: 2 })
  for (const key of ['a', 'b', 'c', 'd']) measurements.ask(inquiry(key, { source: 'hangs' }))
  measurements.ask(inquiry('other', { source: 'answers' }))
  expect([...open.keys()]).toEqual(['a', 'b', 'other'])
  open.get('b')?.end(value)
  await turn()
  expect([...open.keys()]).toEqual(['a', 'b', 'other', 'c'])
})

test('no more are under way than in all', async () => {
  const { measurements, inquiry, open } = start({ inAll: 2 })
  for (const key of ['a', 'b', 'c']) measurements.ask(inquiry(key, { source: key }))
  expect([...open.keys()]).toEqual(['a', 'b'])
  open.get('a')?.end(value)
  await turn()
  expect([...open.keys()]).toEqual(['a', 'b', 'c'])
})

test('what is forgotten while it waits is never asked', async () => {
  const { measurements, inquiry, open } = start({ perSource: 1 })
  measurements.ask(inquiry('a'))
  measurements.ask(inquiry('b'))
  measurements.forget('b')
  measurements.forget('a')
  await turn()
  expect([...open.keys()]).toEqual(['a'])
  expect(measurements.progress('b')).toEqual({ kind: 'none' })
})

test('a bug in a source is thrown at whoever asks, once', async () => {
  const { measurements, inquiry, open, told } = start()
  measurements.ask(inquiry('a'))
  open.get('a')?.fail(new TypeError('a bug'))
  await turn()
  expect(told).toEqual(['a'])
  expect(() => measurements.progress('a')).toThrow('a bug')
  expect(measurements.progress('a')).toEqual({ kind: 'none' })
})

test('no instant is the one that was stored last, so that what is stored is recognised', async () => {
  const { measurements, inquiry, open, waits } = start()
  measurements.ask(inquiry('a', { after: new Date('2026-01-01T00:00:00Z') }))
  for (const run of waits.values()) run()
  open.get('a')?.end(value)
  await turn()
  const progress = measurements.progress('a')
  expect(progress.kind === 'done' && progress.measurement.at).toEqual(
    new Date('2026-01-01T00:00:01Z'),
  )
})

test('the end of a term ends what is under way, and tells nothing more', async () => {
  const { measurements, inquiry, aborted, told } = start()
  measurements.ask(inquiry('a'))
  term.abort()
  await turn()
  expect(aborted).toEqual(['a'])
  expect(told).toEqual([])
})

const begunAt = Date.parse('2026-01-01T00:00:00.9Z')
const before = (ms: number): Date => new Date(begunAt - ms)
/** What was asked so long ago, and was due a moment ago. */
const overdue = (ms: number) => ({ after: before(ms), dueAt: before(1) })

test('what is overdue when a term begins is asked over ten seconds', () => {
  const { measurements, inquiry, open, waits } = start({ perSource: 1_000, inAll: 1_000 })
  const keys = Array.from({ length: 1_000 }, (_, index) => `shop/metric-${index}`)
  for (const key of keys) measurements.ask(inquiry(key, overdue(60_000)))
  expect(open.size).toBe(0)
  const seconds = [...waits.keys()].map((ms) => Math.floor(ms / 1000))
  expect(seconds).toHaveLength(1_000)
  for (let second = 0; second < 10; second++) {
    const count = seconds.filter((one) => one === second).length
    expect(count).toBeGreaterThan(50)
    expect(count).toBeLessThan(150)
  }
  for (const run of waits.values()) run()
  expect(open.size).toBe(1_000)
})

test('what is asked often waits no longer than half of its age', () => {
  const { measurements, inquiry, waits } = start()
  for (let index = 0; index < 100; index++) {
    measurements.ask(inquiry(`shop/${index}`, overdue(2_000)))
  }
  expect(Math.max(...waits.keys())).toBeLessThanOrEqual(1_000)
})

test('what is new, or is due later, or was asked in this term, does not wait', () => {
  const { measurements, inquiry, open, clock, waits } = start({ perSource: 9 })
  measurements.ask(inquiry('new'))
  measurements.ask(inquiry('asked-since', { ...overdue(60_000), after: new Date(begunAt + 100) }))
  clock.now = new Date(begunAt + 10)
  measurements.ask(inquiry('due-later', { after: before(20_000), dueAt: clock.now }))
  expect([...open.keys()]).toEqual(['new', 'asked-since', 'due-later'])
  expect(waits.size).toBe(0)
})

test('what waits is under way, and is forgotten with its key', () => {
  const { measurements, inquiry, open, waits } = start()
  const asked = inquiry('shop/a', overdue(60_000))
  measurements.ask(asked)
  measurements.ask(asked)
  expect(waits.size).toBe(1)
  expect(measurements.progress('shop/a')).toEqual({ kind: 'under-way', id: '1' })
  measurements.forget('shop/a')
  expect(waits.size).toBe(0)
  expect(open.size).toBe(0)
})
