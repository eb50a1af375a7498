/**
 * Queries under way, and their outcomes until they are stored.
 *
 * A query runs beside the controller's passes, not inside of one: a source that hangs for its whole deadline keeps no worker
 * busy. When a query ends, its key is woken, and the next pass takes the outcome. Per key there is one query at a time. Per
 * source few are in flight, and more wait their turn, so that one slow source takes no place from others.
 *
 * Nothing here outlives a term of leading, and nothing has to: what was not stored is asked again. What was asked in a former term,
 * and is overdue when this one begins, is asked over some seconds; what is due only then, when it is due.
 *
 * @module
 */
import type { Store } from '../kube/store.ts'
import type { Outcome } from './outcome.ts'
import { shareOf } from './share.ts'

/** An outcome and the instant it is about. */
export interface Measurement {
  /** In whole seconds, as it is stored; no two of a key are equal. */
  readonly at: Date
  readonly outcome: Outcome
}

/** Something to ask. */
export interface Inquiry {
  readonly key: string
  /** An inquiry with another id replaces one that is under way. */
  readonly id: string
  /** What may be slow: inquiries of one source share its few places. */
  readonly source: string
  /** The last instant that was stored for the key; the next one will be another. */
  readonly after?: Date | undefined
  /** When it was due, of one that is asked again and again. */
  readonly dueAt?: Date
  readonly run: (at: Date, signal: AbortSignal) => Promise<Outcome>
}

/** What is known of a key. */
export type Progress =
  | { readonly kind: 'none' }
  | { readonly kind: 'under-way'; readonly id: string }
  | { readonly kind: 'done'; readonly id: string; readonly measurement: Measurement }

/** The queries of a process that are under way, and their outcomes until they are stored. */
export interface Measurements {
  /** Looks, and starts nothing. */
  progress(key: string): Progress
  /** Starts an inquiry, unless the very same is under way. */
  ask(inquiry: Inquiry): void
  /** Gives up whatever is under way for a key, and forgets it. */
  forget(key: string): void
  /** Wakes controllers: tells the key of each inquiry that has ended. */
  readonly ended: Store<never>
}

interface Entry {
  readonly inquiry: Inquiry
  readonly abort: AbortController
  /** While it is not even waiting for its turn. */
  stopWaiting?: () => void
  measurement?: Measurement
  error?: Error
}

/** Runs inquiries for a term, until the signal is aborted. */
export const createMeasurements = (options: {
  readonly now: () => Date
  readonly signal: AbortSignal
  readonly perSource?: number
  readonly inAll?: number
  /** Runs something after a while, and answers how to prevent it. */
  readonly later?: (run: () => void, ms: number) => () => void
}): Measurements => {
  const { now, signal, perSource = 4, inAll = 64, later = afterMs } = options
  const begunAt = now()
  const entries = new Map<string, Entry>()
  const waiting = new Set<Entry>()
  const running = new Map<string, number>()
  const listeners: ((key: string) => void)[] = []
  let total = 0

  const count = (source: string, by: 1 | -1): void => {
    const next = (running.get(source) ?? 0) + by
    if (next === 0) running.delete(source)
    else running.set(source, next)
    total += by
  }

  const startWaiting = (): void => {
    for (const entry of waiting) {
      if (total >= inAll) return
      if ((running.get(entry.inquiry.source) ?? 0) >= perSource) continue
      waiting.delete(entry)
      void run(entry)
    }
  }

  const run = async (entry: Entry): Promise<void> => {
    const { key, source, after, run: inquire } = entry.inquiry
    const at = nextSecond(now(), after)
    count(source, 1)
    try {
      const outcome = await inquire(at, entry.abort.signal)
      entry.measurement = { at, outcome }
    } catch (error) {
      // Kept for the pass that asks for it: the loop logs it and tries again later.
      entry.error = error instanceof Error ? error : new Error('A query failed', { cause: error })
    } finally {
      count(source, -1)
      startWaiting()
    }
    if (entries.get(key) === entry) for (const tell of listeners) tell(key)
  }

  const forget = (key: string): void => {
    const entry = entries.get(key)
    if (entry === undefined) return
    entries.delete(key)
    waiting.delete(entry)
    entry.stopWaiting?.()
    entry.abort.abort()
  }

  signal.addEventListener(
    'abort',
    () => {
      for (const key of [...entries.keys()]) forget(key)
    },
    { once: true },
  )

  return {
    progress: (key) => {
      const entry = entries.get(key)
      if (entry === undefined) return { kind: 'none' }
      const { id } = entry.inquiry
      if (entry.error !== undefined) {
        entries.delete(key)
        throw entry.error
      }
      return entry.measurement === undefined
        ? { kind: 'under-way', id }
        : { kind: 'done', id, measurement: entry.measurement }
    },
    ask: (inquiry) => {
      if (signal.aborted) return
      const before = entries.get(inquiry.key)
      if (before?.inquiry.id === inquiry.id && before.measurement === undefined) return
      forget(inquiry.key)
      const entry: Entry = { inquiry, abort: new AbortController() }
      entries.set(inquiry.key, entry)
      const take = (): void => {
        waiting.add(entry)
        startWaiting()
      }
      const patienceMs = spreadMs(inquiry, begunAt, now())
      if (patienceMs > 0) entry.stopWaiting = later(take, patienceMs)
      else take()
    },
    forget,
    ended: {
      get: () => undefined,
      all: () => [],
      by: () => [],
      lists: () => 0,
      onListed: () => undefined,
      learn: () => undefined,
      learnGone: () => undefined,
      subscribe: (listener) => {
        listeners.push((key) => {
          listener({ now: key as never })
        })
      },
    },
  }
}

/** The instant in whole seconds, and never the one that was stored last. */
const nextSecond = (now: Date, after: Date | undefined): Date => {
  const second = Math.floor(now.getTime() / 1000) * 1000
  return new Date(second === after?.getTime() ? second + 1000 : second)
}

const afterMs = (run: () => void, ms: number): (() => void) => {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** Over how long overdue inquiries are spread at most, and which part of their age. */
const longestSpreadMs = 10_000
const spreadOfAge = 1 / 2

/** How long an inquiry has to wait that was overdue when this term began, counted from that beginning. */
const spreadMs = ({ key, after, dueAt }: Inquiry, begunAt: Date, now: Date): number => {
  if (after === undefined || after >= begunAt) return 0
  if (dueAt === undefined || dueAt >= begunAt) return 0
  const ageMs = begunAt.getTime() - after.getTime()
  const windowMs = Math.min(longestSpreadMs, ageMs * spreadOfAge)
  return shareOf(key) * windowMs - (now.getTime() - begunAt.getTime())
}
