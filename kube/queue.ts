/**
 * The keys that a controller has to look at.
 *
 * A key is in one of these places: *ready* (waits for a worker, first come first served), *taken* (a worker has it), *taken and
 * wanted again* (it changed meanwhile, and becomes ready when the worker is done), *later* (backing off after a failure, or to be
 * woken at an instant), or nowhere. A change makes a key ready at once, also one that backs off: the change may be what it was waiting for.
 *
 * Back-off runs on the monotonic clock, waking on the wall clock: setting the clock or suspending the machine makes
 * neither late.
 *
 * @module
 */
import { backOffMs, type BackOff } from './back-off.ts'
import { createSchedule } from './schedule.ts'

/** Keys to look at: each once, never twice at the same time, later when it failed. */
export interface Queue {
  /** Wants the key looked at, now. */
  add(key: string): void
  /** Wants the key looked at once the wall clock shows this time; the earliest wish counts, and any look fulfils it. */
  addAt(key: string, at: Date): void
  /** The next key, for one worker; `undefined` when the queue is closed. */
  take(): Promise<string | undefined>
  /** The look at a taken key went well. */
  succeed(key: string): void
  /** It didn't: the key comes again after a back-off of its own, never earlier than `atLeastMs`. Returns how often in a row. */
  fail(key: string, wait?: { readonly atLeastMs?: number; readonly atMostMs?: number }): number
  /** The worker has let go of the key. */
  done(key: string): void
  /** Gives no more keys away. */
  close(): void
  size(): number
}

const defaultBackOff: BackOff = { minMs: 50, maxMs: 30_000 }
const recheckMs = 60_000

/** Makes an empty queue. */
export const createQueue = (
  options: {
    readonly backOff?: BackOff
    readonly random?: () => number
    readonly now?: () => Date
  } = {},
): Queue => {
  const backOff = options.backOff ?? defaultBackOff
  const now = options.now ?? (() => new Date())
  const ready = createFifo()
  const taken = new Set<string>()
  const wanted = new Set<string>()
  const failures = new Map<string, number>()
  const waiting: ((key: string | undefined) => void)[] = []
  let isClosed = false

  const add = (key: string): void => {
    if (isClosed) return
    if (taken.has(key)) {
      wanted.add(key)
      return
    }
    ready.add(key)
    const worker = waiting.shift()
    if (worker) worker(next())
  }

  const retries = createSchedule({ clock: () => performance.now(), fire: add })
  const wakes = createSchedule({
    clock: () => now().getTime(),
    // A timer can't see the wall clock being set.
    maxSleepMs: recheckMs,
    fire: add,
  })

  const next = (): string | undefined => {
    const key = ready.shift()
    if (key === undefined) return undefined
    taken.add(key)
    retries.cancel(key)
    wakes.cancel(key)
    return key
  }

  return {
    add,
    addAt(key, at) {
      if (!isClosed) wakes.at(key, at.getTime())
    },
    take() {
      const key = isClosed ? undefined : next()
      if (isClosed || key !== undefined) return Promise.resolve(key)
      return new Promise((resolve) => waiting.push(resolve))
    },
    succeed(key) {
      failures.delete(key)
    },
    fail(key, { atLeastMs = 0, atMostMs = backOff.maxMs } = {}) {
      const count = (failures.get(key) ?? 0) + 1
      failures.set(key, count)
      const range = { minMs: backOff.minMs, maxMs: Math.min(backOff.maxMs, atMostMs) }
      const waitMs = Math.max(atLeastMs, backOffMs(count, range, options.random))
      if (!isClosed) retries.at(key, performance.now() + waitMs)
      return count
    },
    done(key) {
      taken.delete(key)
      if (wanted.delete(key)) add(key)
    },
    close() {
      isClosed = true
      retries.close()
      wakes.close()
      for (const worker of waiting.splice(0)) worker(undefined)
    },
    size: () => ready.size(),
  }
}

interface Fifo {
  add(key: string): void
  shift(): string | undefined
  size(): number
}

/** Keys in the order in which they came, each once. */
const createFifo = (): Fifo => {
  const present = new Set<string>()
  let keys: string[] = []
  let head = 0
  return {
    add(key) {
      if (present.has(key)) return
      present.add(key)
      keys.push(key)
    },
    shift() {
      const key = keys[head]
      if (key === undefined) return undefined
      present.delete(key)
      head += 1
      // An array's own shift moves all that follows; here it is done once for many.
      if (head > 1_000 && head * 2 > keys.length) {
        keys = keys.slice(head)
        head = 0
      }
      return key
    },
    size: () => present.size,
  }
}
