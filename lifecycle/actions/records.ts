/**
 * What versions have recorded of what people asked of them.
 *
 * @module
 */
import type { ActionRecord, ActionType, KeptnAppVersion } from '../../api/index.ts'

/** The part of a version's status that has the records. */
export interface Recorded {
  readonly actions?: readonly ActionRecord[]
  readonly attempt?: number
}

/** What was done, the earliest first: all of it, or what is of one type. */
export const carriedOut = (
  status: Recorded | undefined,
  wanted?: ActionType,
): readonly ActionRecord[] =>
  (status?.actions ?? []).filter(
    ({ outcome, type }) => outcome === 'CarriedOut' && (wanted === undefined || type === wanted),
  )

/** How often people have let this app version begin anew. */
export const retriesOf = ({ status }: KeptnAppVersion): number => carriedOut(status, 'retry').length

/** How many checks people have skipped in the present attempt. */
export const skipsIn = (status: Recorded | undefined): number =>
  carriedOut(status, 'skip').filter(({ attempt }) => attempt === (status?.attempt ?? 1)).length
