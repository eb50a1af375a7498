/**
 * Lets a version that has failed begin anew.
 *
 * @module
 */
import type { VersionAction } from '../../api/index.ts'
import { isAborted } from '../checks/ending.ts'
import { attemptIn, byWhom, refused, type ActedStatus, type Answer, type Asked } from './asked.ts'

/** Lets the version begin its next attempt, once nothing of an aborted one runs any more. */
export const retry = <Status extends ActedStatus>(
  { status, anew, areAllStopped }: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  if (status.status !== 'Failed') {
    return refused('The version has not failed: there is nothing to begin anew')
  }
  // No two attempts run side by side where one of them was to stop.
  if (isAborted({ status }) && !areAllStopped) return { kind: 'waits' }
  const next = anew()
  const message = `Attempt ${String(attemptIn(next))} asked for ${byWhom(entry)}`
  const verdict = { status: 'Unknown', reason: 'TriedAgain', message } as const
  return { kind: 'done', message, status: next, verdict }
}
