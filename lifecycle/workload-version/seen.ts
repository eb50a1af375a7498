/**
 * What a decision about a workload version is made on, and what several parts of it say alike.
 *
 * @module
 */
import {
  conditionTypes,
  type Condition,
  type KeptnApp,
  type KeptnAppVersion,
  type KeptnWorkloadVersion,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import type { GuardState } from '../actions/guard.ts'
import { skipsIn } from '../actions/records.ts'
import { attemptOf } from '../checks/ending.ts'
import type { Owner } from '../checks/rollout.ts'
import type { Children, Definitions } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'
import type { Telling } from '../transitions.ts'
import type { Standing } from './standing.ts'

export type WorkloadVersionStatus = StatusOf<KeptnWorkloadVersion>

/** Everything that one decision needs. */
export interface WorkloadVersionSeen {
  readonly now: Date
  readonly version: KeptnWorkloadVersion
  readonly standing: Standing
  /** Whether pods of it are held. */
  readonly isHeld: boolean
  /** The KeptnApp of its name that is there now, whoever made it. */
  readonly app: KeptnApp | undefined
  /** The app version that this workload version belongs to: the newest one that is not deprecated. */
  readonly appVersion: KeptnAppVersion | undefined
  readonly owner: Owner
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
  /** Whether it is known who has written what people ask of the version. */
  readonly actionsGuard: GuardState
}

/** The status of a version that nothing has happened to yet. */
export const begin: WorkloadVersionStatus = {
  preDeploymentStatus: 'Pending',
  deploymentStatus: 'Pending',
  preDeploymentEvaluationStatus: 'Pending',
  postDeploymentEvaluationStatus: 'Pending',
  postDeploymentStatus: 'Pending',
  status: 'Pending',
}

/** What a version says about its checks before the deployment. */
export type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

/** The status with a verdict, unless it has one that counts. */
export const withVerdict = (
  status: WorkloadVersionStatus,
  verdict: Verdict,
  now: Date,
): WorkloadVersionStatus => {
  const type = conditionTypes.preDeploymentPassed
  // A verdict that let pods go is never taken back: they run.
  if (findCondition(status.conditions, type)?.status === 'True') return status
  return { ...status, conditions: withCondition(status.conditions, { type, ...verdict }, now) }
}

/** What events of the version have in common. */
export const tellingOf = ({ version, config, now }: WorkloadVersionSeen): Telling => ({
  subject: version,
  version: version.spec.version,
  eventNames: config.eventNames,
  now,
  attempt: attemptOf(version),
  skips: skipsIn(version.status),
})
