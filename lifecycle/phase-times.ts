/**
 * When the phases of a version began and ended, in its present attempt, for who shows them later: a status alone tells it, and
 * nothing is decided by it.
 *
 * A phase that was never entered has no times, though its state may say that it was released or skipped. Where a version
 * that has failed goes on in the same attempt, the phase that it goes on from has not ended any more.
 *
 * @module
 */
import type { PhaseTimes } from '../api/index.ts'
import { wholeSeconds } from '../kube/conditions.ts'

/** A status that says when phases began and ended. */
export interface Timed {
  readonly phaseTimes?: PhaseTimes
}

interface Named {
  readonly name: string
}

/** Notes that a phase begins, unless it has in this attempt. */
export const withPhaseBegun = <Status extends Timed>(
  status: Status,
  { name }: Named,
  now: Date,
): Status =>
  status.phaseTimes?.[name] === undefined
    ? {
        ...status,
        phaseTimes: { ...status.phaseTimes, [name]: { startTime: wholeSeconds(now) } },
      }
    : status

/** Notes that phases end. Those that were not entered, or have ended before, stay as they are. */
export const withPhasesEnded = <Status extends Timed>(
  status: Status,
  phases: readonly Named[],
  now: Date,
): Status => {
  const { phaseTimes = {} } = status
  const ended = phases.flatMap(({ name }) => {
    const times = phaseTimes[name]
    const isOpen = times !== undefined && times.endTime === undefined
    return isOpen ? [[name, { ...times, endTime: wholeSeconds(now) }] as const] : []
  })
  if (ended.length === 0) return status
  return { ...status, phaseTimes: { ...phaseTimes, ...Object.fromEntries(ended) } }
}

/** Takes back that phases have ended: the version goes on with them. */
export const withPhasesReopened = <Status extends Timed>(
  status: Status,
  phases: readonly Named[],
): Status => {
  const { phaseTimes = {} } = status
  const reopened = phases.flatMap(({ name }) => {
    const times = phaseTimes[name]
    return times?.endTime === undefined ? [] : [[name, { startTime: times.startTime }] as const]
  })
  if (reopened.length === 0) return status
  return { ...status, phaseTimes: { ...phaseTimes, ...Object.fromEntries(reopened) } }
}
