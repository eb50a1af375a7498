/**
 * What the statuses of app versions and workload versions have in common.
 *
 * @module
 */
import type { Condition, State } from '../api/index.ts'
import { withCondition } from '../kube/conditions.ts'
import type { Timed } from './phase-times.ts'
import type { Traced } from './phase-traces.ts'
import { cutMessage } from './transitions.ts'

/** What every version's status has, besides the states of its phases. */
export interface VersionStatus extends Timed, Traced {
  readonly status: State
  readonly currentPhase?: string
  readonly startTime?: string
  readonly endTime?: string
  readonly conditions?: readonly Condition[]
}

/** The API server takes 32 KiB of a condition's message; tasks that fail may have much to say. */
const longestCondition = 4096

/** The status with one condition set. */
export const setCondition = <Status extends VersionStatus>(
  status: Status,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Status => {
  const message = cutMessage(condition.message, longestCondition)
  return { ...status, conditions: withCondition(status.conditions, { ...condition, message }, now) }
}
