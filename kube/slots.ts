/**
 * A limit on how much happens at once: whoever comes when all slots are taken waits for its turn.
 *
 * @module
 */

/** A fixed number of slots, given out first come, first served. */
export interface Slots {
  /** Resolves to the function that gives the slot back; rejects with the signal's reason when aborted while waiting. */
  take(signal?: AbortSignal): Promise<() => void>
}

/** Makes `count` slots. */
export const createSlots = (count: number): Slots => {
  let free = count
  const waiting = new Set<() => void>()

  const release = (): void => {
    const [next] = waiting
    if (next === undefined) {
      free += 1
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    take(signal) {
      return new Promise((resolve, reject) => {
        const abandon = (): void => {
          waiting.delete(enter)
          reject(signal?.reason as Error)
        }
        const enter = (): void => {
          signal?.removeEventListener('abort', abandon)
          let held = true
          resolve(() => {
            if (held) release()
            held = false
          })
        }
        if (signal?.aborted === true) {
          abandon()
        } else if (free > 0) {
          free -= 1
          enter()
        } else {
          waiting.add(enter)
          signal?.addEventListener('abort', abandon, { once: true })
        }
      })
    },
  }
}
