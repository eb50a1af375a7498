/**
 * Random histories of a whole cluster: the real controllers in the real loop, on an API server in memory, with lost
 * answers, conflicts, late watches and crashes. What must hold in all of them is in `oracle/`.
 *
 * `npm run simulate -- --seed 7 --trace` runs one of them again.
 */
import { availableParallelism } from 'node:os'
import { expect, test } from '@jest/globals'
import { runSeeds } from './seeds.ts'

const last = 10_000

test('gates open only after their checks, and in the end everything has ended', async () => {
  const { bad, crashes, opened } = await runSeeds({
    seeds: { first: 1, last },
    workers: availableParallelism(),
  })
  expect(bad.slice(0, 5).map(({ seed, complaints }) => ({ seed, complaints }))).toEqual([])

  // Histories in which nothing happens would prove nothing.
  expect(crashes).toBeGreaterThan(last / 2)
  expect(opened).toBeGreaterThan(last / 2)
}, 900_000)
