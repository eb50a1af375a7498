import { describe, expect, test } from '@jest/globals'
import { addedTo, ratioOfAdded } from '../../bench/statistics.ts'

describe('what something adds', () => {
  test('is the difference from what was measured beside it', () => {
    expect(addedTo([10, 20, 30], [12, 21, 29])).toEqual([2, 1, -1])
  })

  test('has a ratio without spread where all slices tell the same', () => {
    const ratio = ratioOfAdded([[3], [3], [3], [3], [3], [3]], [[2], [2], [2], [2], [2], [2]])
    expect(ratio).toEqual({ value: 1.5, low: 1.5, high: 1.5 })
  })

  test('has a ratio of the medians of all, around which the slices spread', () => {
    const ours = [[1, 3], [3, 5], [2, 3, 4], [3], [-4, 3, 9], [3, 4]]
    const peers = [[2], [2], [1, 2, 3], [2], [-1, 2, 5], [2]]
    const { value, low, high } = ratioOfAdded(ours, peers)
    expect(value).toBe(1.5)
    expect(low).toBeLessThanOrEqual(value)
    expect(high).toBeGreaterThanOrEqual(value)
  })

  test('grows an interval with the difference between slices', () => {
    const peers = Array.from({ length: 6 }, () => [2])
    const width = (ours: readonly (readonly number[])[]): number => {
      const { low, high } = ratioOfAdded(ours, peers)
      return high - low
    }
    expect(width([[1], [2], [3], [4], [5], [6]])).toBeGreaterThan(
      width([[3], [3.1], [3.2], [3.3], [3.4], [3.5]]),
    )
  })
})
