/**
 * How long to wait before the next attempt, and the waiting.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** The range that waits are taken from. */
export interface BackOff {
  readonly minMs: number
  readonly maxMs: number
}

/**
 * The wait before attempt number `failures + 1`: random between the least wait and a bound that doubles with each failure.
 *
 * Random over the whole range, so that many who failed together don't come back together.
 */
export const backOffMs = (
  failures: number,
  { minMs, maxMs }: BackOff,
  random: () => number = Math.random,
): number => {
  const bound = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30))
  return minMs + random() * Math.max(0, bound - minMs)
}

/** Waits, or less when the signal is aborted; tells whether the whole time has passed. */
export const pause = async (ms: number, signal: AbortSignal): Promise<boolean> => {
  try {
    await sleep(ms, undefined, { signal })
    return true
  } catch {
    // Nothing but the abort can fail here, and that is an answer.
    return false
  }
}
