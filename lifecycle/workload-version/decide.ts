/**
 * What a KeptnWorkloadVersion does next: wait for its app, then go through the phases of a workload.
 *
 * @module
 */
import {
  conditionTypes,
  type Condition,
  type KeptnAppVersion,
  type KeptnWorkloadVersion,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import { rolloutOf, type Owner } from '../checks/rollout.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import type { Children, Definitions, Parent } from '../children.ts'
import { workloadPhases } from '../phases.ts'
import { runChecks, timeOf, walkPhases, type PhaseResult } from '../progress.ts'
import type { LifecycleConfig } from '../config.ts'

export type WorkloadVersionStatus = StatusOf<KeptnWorkloadVersion>

/** Everything that one decision needs. */
export interface WorkloadVersionSeen {
  readonly now: Date
  readonly version: KeptnWorkloadVersion
  /** The app version that this workload version belongs to: the newest one that is not deprecated. */
  readonly appVersion: KeptnAppVersion | undefined
  readonly owner: Owner
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
}

type WorkloadPhase = (typeof workloadPhases)[number]

/** The status of a version that nothing has happened to yet. */
const begin: WorkloadVersionStatus = {
  preDeploymentStatus: 'Pending',
  deploymentStatus: 'Pending',
  preDeploymentEvaluationStatus: 'Pending',
  postDeploymentEvaluationStatus: 'Pending',
  postDeploymentStatus: 'Pending',
  status: 'Pending',
}

const withVerdict = (
  status: WorkloadVersionStatus,
  verdict: Pick<Condition, 'status' | 'reason' | 'message'>,
  now: Date,
): WorkloadVersionStatus => {
  const type = conditionTypes.preDeploymentPassed
  // A verdict that let pods go is never taken back: they run.
  if (findCondition(status.conditions, type)?.status === 'True') return status
  return { ...status, conditions: withCondition(status.conditions, { type, ...verdict }, now) }
}

const waitForApp = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { appVersion, now } = seen
  const status = seen.version.status ?? begin
  const app = `KeptnAppVersion "${appVersion?.metadata.name ?? ''}"`
  const failed = appVersion?.status?.status === 'Failed'
  const verdict =
    appVersion === undefined
      ? {
          reason: 'WaitingForApp',
          message: `No version of app "${seen.version.spec.app}" has this workload version yet`,
        }
      : failed
        ? {
            reason: 'AppFailed',
            message: `${app} has failed: a new version or revision of the app is needed`,
          }
        : {
            reason: 'WaitingForApp',
            message: `${app} has not passed its checks before the deployment`,
          }
  return {
    status: withVerdict(status, { status: 'Unknown', ...verdict }, now),
    actions: [],
    transitions: [],
  }
}

const metadataOf = (seen: WorkloadVersionSeen): Readonly<Record<string, string>> => ({
  ...seen.version.status?.appContextMetadata,
  ...seen.version.spec.metadata,
})

const parentOf = (seen: WorkloadVersionSeen): Parent => ({
  object: seen.version,
  objectType: 'Workload',
  appName: seen.version.spec.app,
  appVersion: '',
  workloadName: seen.version.spec.workloadName,
  workloadVersion: seen.version.spec.version,
  metadata: metadataOf(seen),
})

/** The part of a revision's key after the owner's UID. */
const hashOf = (version: KeptnWorkloadVersion): string | undefined =>
  version.spec.revision?.split('/')[1]

const runDeployment = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): PhaseResult<WorkloadVersionStatus> => {
  const startTime = status.deploymentStartTime ?? timeOf(seen.now)
  const changes = { deploymentStartTime: startTime }
  const rollout = rolloutOf(seen.owner, hashOf(seen.version))
  if (rollout.kind === 'ready') return { state: 'Succeeded', changes }
  const deadline = new Date(Date.parse(startTime) + seen.config.observabilityTimeoutMs)
  if (seen.now < deadline) {
    return { state: 'Progressing', detail: rollout.message, changes, wakeAt: deadline }
  }
  return { state: 'Failed', detail: `has reached timeout: ${rollout.message}`, changes }
}

const run = (
  seen: WorkloadVersionSeen,
  phase: WorkloadPhase,
  status: WorkloadVersionStatus,
): PhaseResult<WorkloadVersionStatus> =>
  phase.runs === 'deployment'
    ? runDeployment(seen, status)
    : runChecks(seen, parentOf(seen), phase, status)

const passed = (warned: boolean): Pick<Condition, 'status' | 'reason' | 'message'> =>
  warned
    ? {
        status: 'True',
        reason: 'ChecksWarned',
        message: 'Checks failed, and blockDeployment is false',
      }
    : {
        status: 'True',
        reason: 'ChecksPassed',
        message: 'All checks before the deployment have passed',
      }

/** The verdict that follows from where the walk has come to. */
const verdictOf = (
  status: WorkloadVersionStatus,
): Pick<Condition, 'status' | 'reason' | 'message'> => {
  const states = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]
  if (states.every(isPassed)) return passed(states.includes('Warning'))
  const ready = findCondition(status.conditions, conditionTypes.ready)
  const message = ready?.message ?? status.currentPhase ?? ''
  return status.status === 'Failed'
    ? { status: 'False', reason: 'ChecksFailed', message }
    : { status: 'Unknown', reason: 'ChecksRunning', message }
}

/**
 * Decides what a workload version does next.
 *
 * A version that has ended answers itself, whatever else was seen. The verdict `PreDeploymentPassed` becomes true here
 * and nowhere else, from stored outcomes alone; gates open in another pass, on the stored verdict.
 */
export const decide = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { version, now, config } = seen
  const status = version.status ?? begin
  if (isTerminal(status.status)) return settled
  const begun = status.currentPhase !== undefined
  if (!begun && !hasAppPassed(seen)) return waitForApp(seen)
  const decision = walkPhases({
    level: 'Workload',
    phases: workloadPhases,
    status: begun ? status : { ...status, ...contextOf(seen) },
    run: (phase, current) => run(seen, phase as WorkloadPhase, current),
    telling: {
      subject: version,
      version: version.spec.version,
      eventNames: config.eventNames,
      now,
    },
  })
  const next = decision.status ?? status
  return { ...decision, status: withVerdict(next, verdictOf(next), now) }
}

const hasAppPassed = ({ appVersion }: WorkloadVersionSeen): boolean =>
  isPassed(appVersion?.status?.preDeploymentStatus) &&
  isPassed(appVersion?.status?.preDeploymentEvaluationStatus)

/** The app's metadata, as they are when the version begins. */
const contextOf = ({ appVersion }: WorkloadVersionSeen): Partial<WorkloadVersionStatus> =>
  appVersion?.spec.metadata === undefined ? {} : { appContextMetadata: appVersion.spec.metadata }
