/**
 * Keys that are due at an instant.
 *
 * @module
 */

/** Calls back for each key once its instant has come. Each key is there once, with its earliest instant. */
export interface Schedule {
  /** Adds a key, or moves it forward; a later instant than the one it has changes nothing. */
  at(key: string, due: number): void
  cancel(key: string): void
  size(): number
  close(): void
}

interface Entry {
  readonly key: string
  readonly due: number
}

/** What `setTimeout` can take: a longer time fires at once. */
const maxTimerMs = 2 ** 31 - 1

/** Makes a schedule on a clock, with one timer that sleeps no longer than `maxSleepMs` before it looks at the clock again. */
export const createSchedule = (options: {
  readonly clock: () => number
  readonly maxSleepMs?: number
  readonly fire: (key: string) => void
}): Schedule => {
  const { clock, fire } = options
  const maxSleepMs = Math.min(options.maxSleepMs ?? maxTimerMs, maxTimerMs)
  const dues = new Map<string, number>()
  /** The latest first, so that what is due is taken from the end. */
  const entries: Entry[] = []
  let timer: NodeJS.Timeout | undefined

  /** The first place whose entry is not later than `due`. */
  const placeOf = (due: number): number => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((entries[middle]?.due ?? 0) > due) low = middle + 1
      else high = middle
    }
    return low
  }

  const cancel = (key: string): void => {
    const due = dues.get(key)
    if (due === undefined) return
    dues.delete(key)
    let place = placeOf(due)
    while (entries[place]?.key !== key) place += 1
    entries.splice(place, 1)
  }

  const arm = (): void => {
    clearTimeout(timer)
    const next = entries.at(-1)
    if (next === undefined) return
    timer = setTimeout(wake, Math.min(Math.max(1, Math.ceil(next.due - clock())), maxSleepMs))
  }

  const wake = (): void => {
    const now = clock()
    for (let next = entries.at(-1); next && next.due <= now; next = entries.at(-1)) {
      entries.pop()
      dues.delete(next.key)
      fire(next.key)
    }
    arm()
  }

  return {
    at(key, due) {
      if ((dues.get(key) ?? Infinity) <= due) return
      cancel(key)
      dues.set(key, due)
      entries.splice(placeOf(due), 0, { key, due })
      arm()
    },
    cancel(key) {
      cancel(key)
      arm()
    },
    size: () => entries.length,
    close() {
      clearTimeout(timer)
      entries.length = 0
      dues.clear()
    },
  }
}
