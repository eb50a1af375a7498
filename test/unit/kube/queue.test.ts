import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { createQueue, type Queue } from '../../../kube/queue.ts'

let queue: Queue

beforeEach(() => {
  jest.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z') })
  queue = createQueue({ random: () => 1 })
})

afterEach(() => {
  queue.close()
  jest.useRealTimers()
})

/** The key that is ready now; `undefined` when none is. */
const taken = async (): Promise<string | undefined> =>
  queue.size() === 0 ? undefined : queue.take()

const inMs = (ms: number): Date => new Date(Date.now() + ms)

test('keys come in the order in which they were first wanted, each once', async () => {
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
  expect([await taken(), await taken(), await taken(), await taken()]).toEqual([
    ...['a', 'b', 'c'],
    undefined,
  ])
})

test('a taken key is given to no second worker, and comes again when it was wanted meanwhile', async () => {
  queue.add('a')
  expect(await taken()).toBe('a')
  queue.add('a')
  queue.add('b')
  expect(await taken()).toBe('b')
  expect(await taken()).toBeUndefined()
  queue.done('a')
  expect(await taken()).toBe('a')
  queue.done('a')
  expect(await taken()).toBeUndefined()
})

test('a worker that waits gets the next key', async () => {
  const first = queue.take()
  const second = queue.take()
  queue.add('a')
  queue.add('a')
  queue.add('b')
  expect([await first, await second]).toEqual(['a', 'b'])
})

test('closing sends all workers home', async () => {
  const worker = queue.take()
  queue.close()
  queue.add('a')
  expect([await worker, await queue.take()]).toEqual([undefined, undefined])
})

test('a key that fails waits longer each time, up to the bound, and begins anew after success', async () => {
  const waits: number[] = []
  queue.add('a')
  for (let round = 0; round < 12; round += 1) {
    expect(await taken()).toBe('a')
    if (round === 11) queue.succeed('a')
    queue.fail('a')
    queue.done('a')
    const startedAt = Date.now()
    jest.advanceTimersToNextTimer()
    waits.push(Date.now() - startedAt)
  }
  expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800])
  expect(Math.max(...waits)).toBe(30_000)
  expect(waits.at(-1)).toBe(100)
})

test('one that backs off does not delay others, and a change makes it ready at once', async () => {
  queue.add('a')
  await taken()
  queue.fail('a')
  queue.done('a')
  queue.add('b')
  expect(await taken()).toBe('b')
  queue.add('a')
  expect(await taken()).toBe('a')
  queue.done('a')
  jest.advanceTimersByTime(60_000)
  expect(await taken()).toBeUndefined()
})

test('the least wait that the API server asked for is kept', async () => {
  queue.add('a')
  await taken()
  queue.fail('a', { atLeastMs: 5_000 })
  queue.done('a')
  jest.advanceTimersByTime(4_999)
  expect(await taken()).toBeUndefined()
  jest.advanceTimersByTime(1)
  expect(await taken()).toBe('a')
})

test('of several wishes for a key the earliest counts, and one look fulfils them all', async () => {
  queue.addAt('a', inMs(3_000))
  queue.addAt('a', inMs(1_000))
  queue.addAt('a', inMs(2_000))
  queue.addAt('b', inMs(1_500))
  jest.advanceTimersByTime(999)
  expect(await taken()).toBeUndefined()
  jest.advanceTimersByTime(1)
  expect(await taken()).toBe('a')
  jest.advanceTimersByTime(500)
  expect(await taken()).toBe('b')
  jest.advanceTimersByTime(10_000)
  expect(await taken()).toBeUndefined()
})

test('a look for another reason fulfils a wish as well', async () => {
  queue.addAt('a', inMs(1_000))
  queue.add('a')
  expect(await taken()).toBe('a')
  queue.done('a')
  jest.advanceTimersByTime(10_000)
  expect(await taken()).toBeUndefined()
})

test('a wish for the far future does not fire early', async () => {
  queue.addAt('a', inMs(60 * 86_400_000))
  jest.advanceTimersByTime(59 * 86_400_000)
  expect(await taken()).toBeUndefined()
  jest.advanceTimersByTime(86_400_000)
  expect(await taken()).toBe('a')
})

test('a wish is kept within a minute when the clock is set forward', async () => {
  queue.addAt('a', inMs(3_600_000))
  jest.setSystemTime(Date.now() + 3_600_000)
  jest.advanceTimersByTime(60_000)
  expect(await taken()).toBe('a')
})

test('many keys, due in any order, come when they are due', async () => {
  const order = Array.from({ length: 500 }, (_, index) => (index * 7_919) % 500)
  for (const place of order) queue.addAt(String(place), inMs(1_000 + place))
  for (let place = 0; place < 500; place += 1) {
    jest.advanceTimersByTime(place === 0 ? 1_000 : 1)
    expect(await taken()).toBe(String(place))
  }
})
