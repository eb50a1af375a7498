/**
 * Which endings are counted: each stored one once, by the replica that leads.
 *
 * What a list shows first, what ended before the term began and what an ended object says later are not counted. An ending of the
 * second in which a term began isn't either, where it came before: stored times have whole seconds, and once too few is
 * better than twice.
 *
 * @module
 */
import type { KubeObject } from '../../api/object.ts'
import type { Change, Store } from '../../kube/store.ts'

/** A time of leading. */
export interface Leading {
  readonly since: Date
  readonly stillLeading: () => boolean
}

/** An object that comes to an end. */
export interface Ending extends KubeObject {
  readonly status?: { readonly startTime?: string; readonly endTime?: string }
}

/** Whether the change is an ending that was stored since then. */
export const isNewEnding = ({ before, now }: Change<Ending>, since: Date): boolean => {
  const endTime = now?.status?.endTime
  if (before === undefined || endTime === undefined) return false
  return endTime !== before.status?.endTime && Date.parse(endTime) >= since.getTime()
}

/** Seconds from the beginning to the end; `undefined` where one of them is not stored. */
export const lengthOf = ({ status }: Ending): number | undefined => {
  const { startTime, endTime } = status ?? {}
  if (startTime === undefined || endTime === undefined) return undefined
  return Math.max(0, (Date.parse(endTime) - Date.parse(startTime)) / 1_000)
}

/** Whoever counts the endings of one kind. */
export interface Counting<T extends Ending> {
  /** An object is there that has not ended: from now on its series are shown, at 0. */
  readonly open: (object: T) => void
  /** An ending that counts. */
  readonly ended: (object: T) => void
  /** The object is gone. */
  readonly gone: (object: T) => void
}

/** Follows a store for as long as the process lives. */
export const follow = <T extends Ending>(
  store: Store<T>,
  leading: () => Leading | undefined,
  counting: Counting<T>,
): void => {
  store.subscribe((change) => {
    const { before, now } = change
    if (now === undefined) {
      if (before !== undefined) counting.gone(before)
      return
    }
    if (now.status?.endTime === undefined) counting.open(now)
    const term = leading()
    if (term?.stillLeading() === true && isNewEnding(change, term.since)) counting.ended(now)
  })
}
