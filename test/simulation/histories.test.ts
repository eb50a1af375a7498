/**
 * Random histories of a whole cluster: the real controllers in the real loop, on an API server in memory, with lost
 * answers, conflicts, late watches and crashes. What must hold in all of them is in `oracle.ts`.
 *
 * `HISTORIES=10000` runs more; `SEED=7` runs one and prints what was stored.
 */
import { expect, test } from '@jest/globals'
import { runHistory, type Outcome } from './history.ts'

const count = Number(process.env['HISTORIES'] ?? 2_000)
const only = process.env['SEED']
const print = (line: string): void => void process.stdout.write(`${line}\n`)

const runAll = async (): Promise<readonly Outcome[]> => {
  if (only !== undefined) return [await runHistory(Number(only), print)]
  const outcomes: Outcome[] = []
  for (let seed = 1; seed <= count; seed += 1) outcomes.push(await runHistory(seed))
  return outcomes
}

test('gates open only after their checks, and in the end everything has ended', async () => {
  const outcomes = await runAll()
  const bad = outcomes.filter(({ complaints }) => complaints.length > 0)
  expect(bad.slice(0, 5).map(({ seed, complaints }) => ({ seed, complaints }))).toEqual([])

  // Histories in which nothing happens would prove nothing.
  if (only !== undefined) return
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0)
  expect(sum(({ crashes }) => crashes)).toBeGreaterThan(count / 2)
  expect(sum(({ opened }) => opened)).toBeGreaterThan(count / 2)
}, 300_000)
