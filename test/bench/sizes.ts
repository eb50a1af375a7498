/**
 * How much the long benchmarks do.
 *
 * @module
 */

/** What a person may choose. */
export interface Sizes {
  /** After how many workloads `lifecycle-scale` tells its figures. */
  readonly workloads: readonly number[]
  /** How often `discovery` applies its 200 workloads. */
  readonly repetitions: number
  /** How often `metrics-fanout` asks each metric, in seconds. There are as many metrics as make the same load. */
  readonly interval: number
  /** How many pods `admit-creation` creates each way. */
  readonly creations: number
  /** How many pods stay held while `gate-burst` lets others go. */
  readonly others: number
}

/** What the limits speak of. */
export const defaultSizes: Sizes = {
  workloads: [1_000, 5_000],
  repetitions: 50,
  interval: 30,
  creations: 600,
  others: 10_000,
}

const count = (text: string): number => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new Error(`"${text}" is no number above zero`)
}

/** Reads `1000,5000`. */
export const parseCounts = (text: string): readonly number[] =>
  text
    .split(',')
    .map(count)
    .sort((a, b) => a - b)

/** Reads `50`. */
export const parseCount = count
