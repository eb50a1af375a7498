/**
 * Looking again at what is not watched: Secrets and users' ConfigMaps, which are read by name and never listed.
 *
 * @module
 */
import type { Condition } from '../../api/index.ts'

const shortestMs = 5_000
const longestMs = 30_000

/**
 * When to look again for something whose absence holds an object up: after as long as it has been missing already,
 * within 5 to 30 seconds. It ends with the absence, so that a settled cluster is never asked.
 */
export const nextLook = (stalled: Condition | undefined, now: Date): Date => {
  const since = stalled?.status === 'True' ? Date.parse(stalled.lastTransitionTime) : now.getTime()
  const missingMs = now.getTime() - since
  return new Date(now.getTime() + Math.min(longestMs, Math.max(shortestMs, missingMs)))
}
