import { describe, expect, test } from '@jest/globals'
import {
  mostStored,
  progressKey,
  readProgress,
  withTold,
  writeProgress,
  type Progress,
} from '../../../telemetry/progress.ts'

const told = (...ends: readonly number[]): ReadonlyMap<string, number> =>
  new Map(ends.map((end, index) => [progressKey(index.toString(16).padStart(16, '0'), end), end]))

const noTold: Progress = { since: 0, told: new Map() }

describe('progress', () => {
  test('is read as it was written, whoever writes it', () => {
    const progress: Progress = { since: 1_000, told: told(1_000, 1_001, 1_001, 1_070) }
    expect(readProgress(writeProgress(progress))).toEqual(progress)
    for (const text of ['', 'x', '{}', 'null', '{"since":"a"}', '{"since":1,"told":{"2":3}}']) {
      expect(readProgress(text)).toBeUndefined()
    }
  })

  test('forgets what ended more than a minute ago, for all of that was told', () => {
    const next = withTold(noTold, told(900, 940, 990), { now: 1_000, waitingSince: Infinity })
    expect(next.since).toBe(940)
    expect([...next.told.values()]).toEqual([940, 990])
  })

  test('does not go beyond what still waits', () => {
    const next = withTold(noTold, told(900, 940), { now: 1_000, waitingSince: 905 })
    expect(next.since).toBe(905)
    expect([...next.told.values()]).toEqual([940])
  })

  test('never goes back', () => {
    const next = withTold({ since: 950, told: new Map() }, told(960), {
      now: 900,
      waitingSince: 10,
    })
    expect(next.since).toBe(950)
  })

  test('is stored with a bound, whatever waits', () => {
    const many = Array.from({ length: mostStored + 10 }, (_, index) => 1_000 + index)
    const progress = withTold(noTold, told(...many), { now: 10_000, waitingSince: 1_000 })
    expect(progress.told.size).toBe(mostStored + 10)
    const stored = readProgress(writeProgress(progress))
    expect(stored?.told.size).toBe(mostStored)
    expect(stored?.since).toBe(1_010)
    expect(writeProgress(progress).length).toBeLessThan(200_000)
  })

  test('is bounded in memory, too', () => {
    const many = Array.from({ length: 25_000 }, () => 1_000)
    const progress = withTold(noTold, told(...many), { now: 1_010, waitingSince: 1_000 })
    expect(progress).toEqual({ since: 1_001, told: new Map() })
  })
})
