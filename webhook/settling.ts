/**
 * What has come on the released list of a namespace so lately that the API server may not know it yet.
 *
 * The guard lets a pod come without a gate by the list that the API server has in its own memory, and ours may be ahead of that:
 * a pod that passes us by an entry that has just come would be refused there. So the answer about such a pod waits until the
 * entry has settled. To hold the pod instead would make it depend on somebody who opens its gate.
 *
 * @module
 */
import type { RevisionKey } from '../identity/revision.ts'

/** What is asked of a list. */
export type Released = Pick<ReadonlySet<RevisionKey>, 'has'>

/** A list, and since when it was the present one, in milliseconds of a clock that never goes back. */
interface Known {
  readonly list: Released
  readonly since: number
}

/** The lists that a namespace has had lately, the oldest first: the last one that has settled, and those after it. */
export type History = readonly Known[]

/** How long it takes. The memory of a busy API server was seen to be 50 ms behind ours. */
export const settleMs = 250

/** The history of a list that was there when we came: nobody asks us before the API server knows it as well. */
export const begin = (list: Released): History => [{ list, since: -Infinity }]

/** The history after a change. */
export const change = (history: History, list: Released, now: number): History => [
  ...history.slice(Math.max(lastSettled(history, now), 0)),
  { list, since: now },
]

/** Of the revisions that are on the list: those that have not been for long enough. */
export const recent = (history: History, now: number): Released => {
  const last = lastSettled(history, now)
  return {
    has: (revision) => last < 0 || history.slice(last).some(({ list }) => !list.has(revision)),
  }
}

const lastSettled = (history: History, now: number): number =>
  history.findLastIndex(({ since }) => since + settleMs <= now)
