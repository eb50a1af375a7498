/**
 * Waiting for a state of the world, instead of sleeping and hoping.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

/** Repeats a check until it doesn't throw, and returns its result; throws the check's last error when the time is over. */
export const eventually = async <T>(
  check: () => T | Promise<T>,
  { timeoutMs = 30_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() >= deadline) throw error
      await sleep(everyMs)
    }
  }
}
