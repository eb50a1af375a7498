/**
 * What keeps people from asking in the name of others: a policy of the API server, which may be missing.
 *
 * @module
 */
import type { Wake } from '../../kube/controller.ts'

/** Whether the policy is in force. `unknown`: nobody has looked yet. */
export type GuardState = 'present' | 'absent' | 'unknown'

/** Tells of the policy. */
export interface ActionsGuard {
  readonly state: () => GuardState
  /** What wakes a controller for these keys when there may be something else to tell. */
  readonly wakes: (keys: () => readonly string[]) => readonly Wake[]
}
