/**
 * Turns for writes that nobody waits for: one after the other at a steady pace, so that a version with thousands of held
 * pods does not write to all of them at once, and their events find room.
 *
 * @module
 */

/** Who may write when. */
export interface Turns {
  /** The turn of this key; a new one at the end of the row, unless it has one that it did not use. */
  of(key: string, now: Date): Date
  /** The key has nothing to write. */
  forget(key: string): void
}

/** A row in which nobody stands. */
export const takeTurns = (everyMs = 10): Turns => {
  const turns = new Map<string, Date>()
  let nextAtMs = 0
  return {
    of(key, now) {
      const turn = turns.get(key) ?? new Date(Math.max(nextAtMs, now.getTime()))
      if (!turns.has(key)) nextAtMs = turn.getTime() + everyMs
      if (turn > now) turns.set(key, turn)
      else turns.delete(key)
      return turn
    },
    forget(key) {
      turns.delete(key)
    },
  }
}
