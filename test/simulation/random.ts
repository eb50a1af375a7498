/**
 * Chance that can be repeated: everything random in a history follows from its seed.
 *
 * @module
 */

/** A source of choices. */
export interface Random {
  /** From 0 up to but without 1. */
  next(): number
  /** Whole, from `least` to `most`. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  /** One of them; throws when there is none. */
  pick<T>(choices: readonly T[]): T
  /** Each is in or out. */
  some<T>(choices: readonly T[]): readonly T[]
}

/** Makes the source of a seed: mulberry32, which is small and even enough. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (least: number, most: number): number =>
    least + Math.floor(next() * (most - least + 1))
  const pick = <T>(choices: readonly T[]): T => {
    if (choices.length === 0) throw new Error('Cannot pick: there is no choice')
    return choices[between(0, choices.length - 1)] as T
  }
  return {
    next,
    between,
    pick,
    chance: (probability) => next() < probability,
    some: (choices) => choices.filter(() => next() < 0.5),
  }
}
