/**
 * Runs the histories of many seeds, spread over threads.
 *
 * @module
 */
import { Worker } from 'node:worker_threads'
import type { Outcome } from './history.ts'

/** Seeds from one to another, both included. */
export interface Seeds {
  readonly first: number
  readonly last: number
}

/** How many histories had something in them; those in which nothing happens would prove nothing. */
export interface Tally {
  readonly histories: number
  readonly steps: number
  readonly crashes: number
  /** Versions whose checks before the deployment have passed. */
  readonly opened: number
}

/** What many histories have come to. */
export interface Findings extends Tally {
  readonly ms: number
  /** Those with complaints, the lowest seed first. */
  readonly bad: readonly Outcome[]
}

/** What a thread says of the seeds that it was given. */
export interface Report extends Tally {
  readonly bad: readonly Outcome[]
}

/** How to run them. */
export interface Run {
  readonly seeds: Seeds
  readonly workers: number
  /** Gives out no more seeds once something was found. */
  readonly stopsWhenFound?: boolean
  readonly onProgress?: (tally: Tally) => void
}

const batchSize = 20

/** Gives the seeds out piece by piece, the lowest first. */
const inBatches = function* ({ first, last }: Seeds): Generator<Seeds> {
  for (let from = first; from <= last; from += batchSize) {
    yield { first: from, last: Math.min(last, from + batchSize - 1) }
  }
}

const nothing: Tally = { histories: 0, steps: 0, crashes: 0, opened: 0 }

const add = (one: Tally, other: Tally): Tally => ({
  histories: one.histories + other.histories,
  steps: one.steps + other.steps,
  crashes: one.crashes + other.crashes,
  opened: one.opened + other.opened,
})

/** Sums up what happened in histories. */
export const tallyOf = (outcomes: readonly Outcome[]): Tally =>
  outcomes.map((outcome) => ({ ...outcome, histories: 1 })).reduce(add, nothing)

/** Runs the histories of all seeds. Rejects when a thread fails in another way than by a complaint. */
export const runSeeds = async (run: Run): Promise<Findings> => {
  const startedAt = performance.now()
  const batches = inBatches(run.seeds)
  const bad: Outcome[] = []
  let tally = nothing

  const next = (): Seeds | undefined => {
    if (run.stopsWhenFound === true && bad.length > 0) return undefined
    const batch = batches.next()
    return batch.done === true ? undefined : batch.value
  }

  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL('thread.ts', import.meta.url))
      const give = (): void => {
        const batch = next()
        if (batch !== undefined) thread.postMessage(batch)
        else void thread.terminate().then(() => resolve(), reject)
      }
      thread.on('message', (report: Report) => {
        tally = add(tally, report)
        bad.push(...report.bad)
        run.onProgress?.(tally)
        give()
      })
      thread.on('error', reject)
      give()
    })

  await Promise.all(Array.from({ length: run.workers }, work))
  return {
    ...tally,
    ms: performance.now() - startedAt,
    bad: bad.toSorted((a, b) => a.seed - b.seed),
  }
}
