/**
 * What is said of many measurements. Pure.
 *
 * @module
 */

/** How many times as long one thing took as another, and where that lies with a probability of 95 %. */
export interface Ratio {
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The smallest value that at least this share of all values does not exceed. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  if (found === undefined) throw new Error('Cannot tell a quantile of no values')
  return found
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Cuts a list into this many lists of equal length, in order; what is left over goes with the last. */
export const slices = <T>(values: readonly T[], count: number): readonly (readonly T[])[] => {
  const size = Math.floor(values.length / count)
  return Array.from({ length: count }, (_, index) =>
    values.slice(index * size, index === count - 1 ? undefined : (index + 1) * size),
  )
}

/** The arithmetic mean. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** Student's t for 95 %, two-sided: its expansion around the normal distribution, good to 1 % from five degrees on. */
const studentsT = (degrees: number): number => {
  const z = 1.959964
  return (
    z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees * degrees)
  )
}

/**
 * The ratio of the medians of two things that were measured in turns. Slice by slice, so that what slows the machine
 * down for a while slows both down.
 */
export const ratioOfMedians = (
  ours: readonly (readonly number[])[],
  peers: readonly (readonly number[])[],
): Ratio => {
  const logarithms = ours.map((slice, index) => {
    const peer = peers[index]
    if (peer === undefined) throw new Error('Cannot tell a ratio: a slice has no counterpart')
    return Math.log(median(slice) / median(peer))
  })
  const center = mean(logarithms)
  const variance =
    logarithms.reduce((sum, value) => sum + (value - center) ** 2, 0) / (logarithms.length - 1)
  const half = studentsT(logarithms.length - 1) * Math.sqrt(variance / logarithms.length)
  return { value: Math.exp(center), low: Math.exp(center - half), high: Math.exp(center + half) }
}

/** What each of some measurements has more than the one that was taken beside it. */
export const addedTo = (base: readonly number[], values: readonly number[]): readonly number[] =>
  values.map((value, index) => value - (base[index] ?? Number.NaN))

/**
 * How many times as much one thing adds as another, by the medians of what each adds. A single measurement says little of
 * something so small, and may well be below zero; so the interval comes from leaving out one slice after the other (jackknife).
 */
export const ratioOfAdded = (
  ours: readonly (readonly number[])[],
  peers: readonly (readonly number[])[],
): Ratio => {
  const without = (slice: number): number => {
    const rest = (all: readonly (readonly number[])[]): number =>
      median(all.filter((_, index) => index !== slice).flat())
    return rest(ours) / rest(peers)
  }
  const count = ours.length
  const whole = without(-1)
  const pseudo = ours.map((_, slice) => count * whole - (count - 1) * without(slice))
  const center = mean(pseudo)
  const variance = pseudo.reduce((sum, value) => sum + (value - center) ** 2, 0) / (count - 1)
  const half = studentsT(count - 1) * Math.sqrt(variance / count)
  return { value: whole, low: whole - half, high: whole + half }
}
