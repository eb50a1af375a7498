/**
 * What several states come to together.
 *
 * @module
 */
import type { State } from '../../api/index.ts'

/** Tells whether a phase with this state lets the next one begin. */
export const isPassed = (state: State | undefined): boolean =>
  state === 'Succeeded' || state === 'Warning'

/** Tells whether this state is never left again. */
export const isTerminal = (state: State | undefined): boolean =>
  state === 'Succeeded' || state === 'Warning' || state === 'Failed' || state === 'Deprecated'

/** In this order, one is enough to decide. */
const deciding = ['Progressing', 'Pending', 'Unknown'] as const

/**
 * One state for the states of all parts.
 *
 * A failed or deprecated part fails the whole at once, without waiting for the others. A part that is not there yet
 * keeps the whole Pending; no parts at all are a success. (Keptn's rules: spec/lifecycle 5.7.)
 */
export const rollUp = (states: readonly (State | undefined)[], expected: number): State => {
  const known = states.map((state) => state ?? 'Pending')
  if (known.some((state) => state === 'Failed' || state === 'Deprecated')) return 'Failed'
  const open = deciding.find((state) => known.includes(state))
  if (open !== undefined) return open
  if (known.length < expected) return 'Pending'
  // An object from elsewhere may hold any word: one that nobody knows is no success.
  return known.every(isPassed) ? 'Succeeded' : 'Unknown'
}
