/**
 * What a decision about an app version is made on.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion, StatusOf } from '../../api/index.ts'
import type { GuardState } from '../actions/guard.ts'
import { isAutomaticVersion } from '../checks/automatic-app.ts'
import { isTerminal } from '../checks/roll-up.ts'
import type { Children, Definitions } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'

export type AppVersionStatus = StatusOf<KeptnAppVersion>

/** A workload that the app version lists, with the version of it that exists. */
export interface ListedWorkload {
  readonly name: string
  readonly version: string
  readonly found: KeptnWorkloadVersion | undefined
  /** The version that the workload has now, if there is one. */
  readonly present: string | undefined
  /** Whether pods of the version are held. */
  readonly isHeld: boolean
  /**
   * Whether it has failed, and this app version does not try it again, whatever its revision: its owner has gone on to
   * something else, or another app version is what it would begin with.
   */
  readonly isLeftBehind: boolean
}

/**
 * Where an app version stands among those of its app. `outdated`: the app has gone over to another version. `made-again`:
 * the same version of the app was made once more, by a new revision or another change of the KeptnApp. `unknown`: the app
 * is gone, or has no version of its present generation yet.
 */
export type Place = 'present' | 'outdated' | 'made-again' | 'unknown'

/** Everything that one decision needs. */
export interface AppVersionSeen {
  readonly now: Date
  readonly version: KeptnAppVersion
  readonly place: Place
  /** Whether its namespace is known, and not managed any more. */
  readonly hasLeft: boolean
  readonly workloads: readonly ListedWorkload[]
  /** Whether the app was made from these workloads, and none of them is there any more. */
  readonly isDeserted: boolean
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
  /** Whether tasks are run to promote an app version that has passed everything else. */
  readonly promotes: boolean
  /** Whether it is known who has written what people ask of the version. */
  readonly actionsGuard: GuardState
}

/** Whether a listed workload version waits for this app version, or one like it, to let it begin. */
export const isWaitedFor = ({ version: appVersion, workloads }: AppVersionSeen): boolean =>
  workloads.some(({ found }) => {
    if (found === undefined) return false
    const { currentPhase, status, writtenAppUID } = found.status ?? {}
    // One that a user wrote an app for begins with no other.
    const isBarred = writtenAppUID !== undefined && isAutomaticVersion(appVersion)
    return currentPhase === undefined && !isTerminal(status) && !isBarred
  })
