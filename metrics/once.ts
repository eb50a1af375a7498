/**
 * Asks equal questions of one moment once: metrics that several people have written, and objectives of one analysis, may ask
 * the same of one source.
 *
 * @module
 */
import type { Measure } from './ask.ts'
import type { Outcome } from './outcome.ts'

/** For how long after its begin an answer counts for the same question. */
const momentMs = 1000

interface Entry {
  readonly outcome: Promise<Outcome>
  readonly abort: AbortController
  readonly begunAt: number
  /** How many wait for the outcome. */
  callers: number
  isUnderWay: boolean
}

/**
 * Answers equal questions to one provider, about the same second, from one measurement.
 *
 * One caller's signal ends nothing for the others: the measurement is given up when none of them waits any more.
 */
export const askedOnce = (
  measure: Measure,
  now: () => number = () => performance.now(),
): Measure => {
  const entries = new Map<string, Entry>()

  const sweep = (): void => {
    for (const [key, { isUnderWay, begunAt }] of entries) {
      if (!isUnderWay && begunAt + momentMs <= now()) entries.delete(key)
    }
  }

  const begin = (key: string, ...[provider, question]: Asked): Entry => {
    const abort = new AbortController()
    const outcome = measure(provider, question, abort.signal)
    const entry: Entry = { outcome, abort, begunAt: now(), callers: 0, isUnderWay: true }
    entries.set(key, entry)
    const end = (): void => {
      entry.isUnderWay = false
    }
    outcome.then(end, () => {
      end()
      // A bug or a lost API server: the next one has to try for itself.
      if (entries.get(key) === entry) entries.delete(key)
    })
    return entry
  }

  const leave = (key: string, entry: Entry): void => {
    entry.callers--
    if (entry.callers > 0 || !entry.isUnderWay) return
    // Forgotten at once: whoever asks now must not get what was given up.
    if (entries.get(key) === entry) entries.delete(key)
    entry.abort.abort()
  }

  return async (provider, question, signal) => {
    signal.throwIfAborted()
    sweep()
    const key = keyOf(provider, question)
    const entry = entries.get(key) ?? begin(key, provider, question)
    entry.callers++
    try {
      return await unlessAborted(entry.outcome, signal)
    } finally {
      leave(key, entry)
    }
  }
}

type Asked = readonly [provider: Parameters<Measure>[0], question: Parameters<Measure>[1]]

const keyOf = (...[{ metadata }, { at, ...question }]: Asked): string =>
  JSON.stringify([
    metadata.uid,
    metadata.resourceVersion,
    Math.floor(at.getTime() / 1000),
    question,
  ])

/** The promise, or the reason of the signal if that comes first. */
const unlessAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', giveUp)
    })
  })
