/**
 * The released list of a namespace, as admission goes by it: what is added counts after half a second, what is taken away at once.
 *
 * The guard lets a pod come without a gate by the list that the API server has in its own memory, and ours may be ahead of that.
 * By an entry that has just come a pod would pass us and be refused there, so until the entry has settled such a pod is held.
 * It costs nothing: the gate of a released revision opens within milliseconds.
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

// The memory of a busy API server was seen to be 50 ms behind ours.
const settleMs = 500

/** The history of a list that was there when we came: nobody asks us before the API server knows it as well. */
export const begin = (list: Released): History => [{ list, since: -Infinity }]

/** The history after a change. */
export const change = (history: History, list: Released, now: number): History => {
  const settled = history.findLastIndex(({ since }) => since + settleMs <= now)
  return [...history.slice(Math.max(settled, 0)), { list, since: now }]
}

/** The revisions that are on the list and have been for a while. */
export const settled = (history: History, now: number): Released => {
  const last = history.findLastIndex(({ since }) => since + settleMs <= now)
  const lists = history.slice(Math.max(last, 0))
  return { has: (revision) => last >= 0 && lists.every(({ list }) => list.has(revision)) }
}
