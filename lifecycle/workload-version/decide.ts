/**
 * What a KeptnWorkloadVersion does next: wait for its app, then go through the phases of a workload.
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
import { controllerOf } from '../../api/object.ts'
import { workloadName } from '../../identity/names.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Action, type Decision, type Transition } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import { haveAppChecksPassed } from '../checks/app-checks.ts'
import { isAutomatic, isAutomaticVersion } from '../checks/automatic-app.ts'
import {
  areAllStopped,
  attemptOf,
  endings,
  isLoweredFor,
  isReleased,
  isTriedAgainFor,
} from '../checks/ending.ts'
import { addedTooLate, withLateChecks } from '../checks/late-checks.ts'
import { isLeaving } from '../checks/leaving.ts'
import { rolloutOf, type Owner } from '../checks/rollout.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import type { Children, Definitions, Parent } from '../children.ts'
import { workloadPhases } from '../phases.ts'
import {
  deprecate,
  runChecks,
  sayRefused,
  timeOf,
  walkPhases,
  type PhaseResult,
} from '../progress.ts'
import type { LifecycleConfig } from '../config.ts'
import { cutMessage, factTransition, type Telling } from '../transitions.ts'
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

type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

const withVerdict = (
  status: WorkloadVersionStatus,
  verdict: Verdict,
  now: Date,
): WorkloadVersionStatus => {
  const type = conditionTypes.preDeploymentPassed
  // A verdict that let pods go is never taken back: they run.
  if (findCondition(status.conditions, type)?.status === 'True') return status
  return { ...status, conditions: withCondition(status.conditions, { type, ...verdict }, now) }
}

const tellingOf = ({ version, config, now }: WorkloadVersionSeen): Telling => ({
  subject: version,
  version: version.spec.version,
  eventNames: config.eventNames,
  now,
  attempt: attemptOf(version),
})

/** The UID of the KeptnApp that a user wrote for this version, as far as one is known by now. */
const writtenAppOf = ({ version, app, appVersion }: WorkloadVersionSeen): string | undefined => {
  if (app !== undefined && !isAutomatic(app)) return app.metadata.uid
  // The app may be gone already, and its versions wait for garbage collection.
  const isOfWritten =
    app === undefined && appVersion !== undefined && !isAutomaticVersion(appVersion)
  return version.status?.writtenAppUID ?? (isOfWritten ? controllerOf(appVersion)?.uid : undefined)
}

const appDeleted = 'AppDeleted'
const waitingForApp = 'WaitingForApp'

/**
 * How long a new version waits for its app before it says so. Most wait for milliseconds, and a write in between would only
 * hold up the one that lets them go.
 */
const quietMs = 2_000

/** What a version waits for that has not begun. */
const waitingFor = (
  { version, app: written }: WorkloadVersionSeen,
  appVersion: KeptnAppVersion | undefined,
  writtenApp: string | undefined,
): Verdict => {
  const status = 'Unknown'
  const name = version.spec.app
  const isThere = written !== undefined && !isLeaving(written) && !isAutomatic(written)
  // Its versions may be there for a while yet.
  if (writtenApp !== undefined && !isThere) {
    const message = `KeptnApp "${name}" was deleted: apply it again, or delete this KeptnWorkloadVersion to go on without it`
    return { status, reason: appDeleted, message }
  }
  if (appVersion !== undefined) return waitingForChecks(appVersion)
  const message = isThere
    ? waitingForWritten(version, written)
    : `No version of app "${name}" has this workload version yet`
  return { status, reason: waitingForApp, message }
}

/** What is amiss with an app that a user wrote, and none of whose versions lets this one begin. */
const waitingForWritten = (
  { spec }: KeptnWorkloadVersion,
  { metadata, spec: app }: KeptnApp,
): string => {
  const { name } = metadata
  const isListed = app.workloads?.some(
    (listed) =>
      workloadName(name, listed.name) === spec.workloadName && listed.version === spec.version,
  )
  return isListed === true
    ? `No version of KeptnApp "${name}" with this workload version is under way: its KeptnAppVersions say why`
    : `KeptnApp "${name}" does not list version "${spec.version}" of this workload: only a user can add it`
}

/** What an app version still has to pass, in its own words. */
const waitingForChecks = (appVersion: KeptnAppVersion): Verdict => {
  const status = 'Unknown'
  const app = `KeptnAppVersion "${appVersion.metadata.name}"`
  const said = findCondition(appVersion.status?.conditions, conditionTypes.ready)?.message ?? ''
  const why = said === '' ? '' : `: ${said}`
  if (appVersion.status?.status === 'Failed') {
    const message = `${app} has failed, and a new version or revision of the app is needed${why}`
    return { status, reason: 'AppFailed', message: cutMessage(message) }
  }
  const phase = appVersion.status?.currentPhase
  const where = phase === undefined ? '' : `, and is in phase "${phase}"`
  const message = `${app} has not passed its checks before the deployment${where}${why}`
  return { status, reason: waitingForApp, message: cutMessage(message) }
}

/** Whether what a version waits for can't wait itself: it is not the usual, or there is more to store than that. */
const isNews = (
  { version }: WorkloadVersionSeen,
  {
    before,
    writtenAppUID,
    verdict,
  }: {
    readonly before: WorkloadVersionStatus
    readonly writtenAppUID: string | undefined
    readonly verdict: Verdict
  },
): boolean =>
  writtenAppUID !== before.writtenAppUID ||
  verdict.reason !== waitingForApp ||
  before.attempt !== version.status?.attempt

const waitForApp = (
  seen: WorkloadVersionSeen,
  { status: before, appVersion, writtenAppUID }: Waiting,
): Decision<WorkloadVersionStatus> => {
  const verdict = waitingFor(seen, appVersion, writtenAppUID)
  const sayAt = new Date(Date.parse(seen.version.metadata.creationTimestamp) + quietMs)
  if (!isNews(seen, { before, writtenAppUID, verdict }) && seen.now < sayAt) {
    return { ...settled, wakeAt: sayAt }
  }
  const status = { ...before, ...(writtenAppUID === undefined ? {} : { writtenAppUID }) }
  const said = findCondition(before.conditions, conditionTypes.preDeploymentPassed)?.reason
  const told: readonly Transition[] =
    verdict.reason === appDeleted && said !== appDeleted
      ? [
          factTransition(tellingOf(seen), {
            reason: appDeleted,
            what: writtenAppUID ?? '',
            message: verdict.message,
            severity: 'Warning',
          }),
        ]
      : []
  return { status: withVerdict(status, verdict, seen.now), actions: [], transitions: told }
}

/** A version that has not begun, and what it waits for. */
interface Waiting {
  /** The stored status, or that of a new attempt. */
  readonly status: WorkloadVersionStatus
  readonly appVersion: KeptnAppVersion | undefined
  readonly writtenAppUID: string | undefined
}

/** The workload's own words stand before those of its app. */
const metadataOf = (
  { version }: WorkloadVersionSeen,
  { appContextMetadata }: WorkloadVersionStatus,
): Readonly<Record<string, string>> => ({ ...appContextMetadata, ...version.spec.metadata })

const parentOf = (seen: WorkloadVersionSeen, status: WorkloadVersionStatus): Parent => ({
  object: seen.version,
  objectType: 'Workload',
  appName: seen.version.spec.app,
  appVersion: '',
  workloadName: seen.version.spec.workloadName,
  workloadVersion: seen.version.spec.version,
  metadata: metadataOf(seen, status),
  attempt: status.attempt ?? 1,
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
  const detail = `has reached timeout: ${rollout.message}`
  return { state: 'Failed', detail, changes, transitions: timedOut(seen, detail) }
}

/** Keptn tells of it twice, first by this reason (spec/lifecycle 15.6, 47). */
const timedOut = (seen: WorkloadVersionSeen, detail: string): readonly Transition[] => {
  if (seen.config.eventNames !== 'keptn') return []
  const message = `Workload Deployment: ${detail}`
  const fact = { reason: 'WorkloadDeployFinished', what: 'timeout', message } as const
  return [factTransition(tellingOf(seen), { ...fact, severity: 'Warning' })]
}

const run = (
  seen: WorkloadVersionSeen,
  phase: WorkloadPhase,
  status: WorkloadVersionStatus,
): PhaseResult<WorkloadVersionStatus> =>
  phase.runs === 'deployment'
    ? runDeployment(seen, status)
    : runChecks(seen, parentOf(seen, status), phase, status)

const passed = (warned: boolean): Verdict =>
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
const verdictOf = (status: WorkloadVersionStatus): Verdict => {
  const states = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]
  if (states.every(isPassed)) return passed(states.includes('Warning'))
  const ready = findCondition(status.conditions, conditionTypes.ready)
  const message = ready?.message ?? status.currentPhase ?? ''
  return status.status === 'Failed'
    ? { status: 'False', reason: 'ChecksFailed', message }
    : { status: 'Unknown', reason: 'ChecksRunning', message }
}

/** Walks on through the phases; one that begins takes the metadata of its app along. */
const proceed = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const decision = walkPhases({
    level: 'Workload',
    phases: workloadPhases,
    status,
    run: (phase, current) => run(seen, phase as WorkloadPhase, current),
    telling: { ...tellingOf(seen), attempt: status.attempt ?? 1 },
  })
  const next = decision.status ?? status
  return { ...decision, status: withVerdict(next, verdictOf(next), seen.now) }
}

/** What a version takes along from its app when it begins. */
const contextOf = ({ spec }: KeptnAppVersion): Partial<WorkloadVersionStatus> => ({
  begunFor: { version: spec.version, revision: spec.revision },
  ...(spec.metadata === undefined ? {} : { appContextMetadata: spec.metadata }),
})

/**
 * A version that has not begun: it waits for its app. Once a user has written that one, no automatic app will do: else to
 * delete the app would let go what its checks hold.
 */
const beginOrWait = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const writtenAppUID = writtenAppOf(seen)
  const { appVersion: found } = seen
  const isBarred = writtenAppUID !== undefined && found !== undefined && isAutomaticVersion(found)
  const appVersion = isBarred ? undefined : found
  return appVersion !== undefined && haveAppChecksPassed(appVersion)
    ? proceed(seen, { ...status, ...contextOf(appVersion) })
    : waitForApp(seen, { status, appVersion, writtenAppUID })
}

/** What a new attempt begins with: nothing of the one before but its verdict, and who wrote its app. */
const anew = ({ version }: WorkloadVersionSeen): WorkloadVersionStatus => {
  const { conditions = [], writtenAppUID } = version.status ?? {}
  return {
    ...begin,
    attempt: attemptOf(version) + 1,
    conditions: conditions.filter(({ type }) => type === conditionTypes.preDeploymentPassed),
    ...(writtenAppUID === undefined ? {} : { writtenAppUID }),
  }
}

/** Whether its app asks for another attempt of what has failed. */
const isAskedToTryAgain = ({ version, appVersion }: WorkloadVersionSeen): boolean =>
  appVersion !== undefined &&
  isTriedAgainFor(version, appVersion) &&
  haveAppChecksPassed(appVersion)

/**
 * A version that stays as it is. A revision of the app that was lowered is noted, so that the next one counts as raised; and
 * one that was raised in vain, so that the app does not wait for an attempt that nobody wants.
 */
const rest = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { version, appVersion, standing } = seen
  const { status } = version
  if (status === undefined || appVersion === undefined) return settled
  const isRaisedInVain = standing === 'superseded' && isAskedToTryAgain(seen)
  if (!isRaisedInVain && !isLoweredFor(version, appVersion)) return settled
  const { spec } = appVersion
  const begunFor = { version: spec.version, revision: spec.revision }
  return { status: { ...status, begunFor }, actions: [], transitions: [] }
}

/** A version that has ended: it stays so, unless its app asks for it again or pods of it are held once more. */
const beginAnewOrRest = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { version, standing, children } = seen
  // What was released stays so: its pods are held for a moment only, and by nobody's wish.
  const isWantedAgain =
    version.status?.status === 'Deprecated' &&
    !isReleased(version) &&
    seen.isHeld &&
    areAllStopped(version, children)
  return standing === 'wanted' && (isAskedToTryAgain(seen) || isWantedAgain)
    ? beginOrWait(seen, anew(seen))
    : rest(seen)
}

/**
 * A StatefulSet replaces its pods in their order, and waits for each: for one that is held, for ever.
 * https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
const supersededMessage = ({ version, isHeld }: WorkloadVersionSeen): string => {
  const message = 'The workload has gone over to another version before this one was released'
  return version.spec.resourceReference.kind === 'StatefulSet' && isHeld
    ? `${message}: delete its held pods, which the StatefulSet does not replace by itself`
    : message
}

/** Ends a version that nobody wants any more. Its verdict stays where it let pods go: they run. */
const giveUp = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const hasLeft = seen.standing === 'opted-out'
  const reason = hasLeft ? endings.optedOut : endings.superseded
  const message = hasLeft ? 'The namespace is not managed any more' : supersededMessage(seen)
  const telling = tellingOf(seen)
  const decision = deprecate({
    phases: workloadPhases,
    status,
    reason,
    message,
    isVoid: false,
    telling,
  })
  const verdict: Verdict = { status: 'False', reason, message }
  return { ...decision, status: withVerdict(decision.status ?? status, verdict, seen.now) }
}

/** What the version says when one of its tasks or evaluations is not taken. */
export const refused = (
  seen: WorkloadVersionSeen,
  action: Action,
  error: ApiError,
): Decision<WorkloadVersionStatus> =>
  sayRefused(seen.version.status ?? begin, { action, error, telling: tellingOf(seen) })

const advance = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  if (isTerminal(status.status)) return beginAnewOrRest(seen)
  if (seen.standing === 'opted-out') return giveUp(seen, status)
  if (seen.standing === 'superseded' && !isReleased(seen.version)) return giveUp(seen, status)
  return status.currentPhase === undefined ? beginOrWait(seen, status) : proceed(seen, status)
}

/**
 * Decides what a workload version does next.
 *
 * A version that has ended answers itself, whatever else was seen; it says at most that a check came too late. The verdict
 * `PreDeploymentPassed` becomes true here and nowhere else, from stored outcomes alone; gates open in another pass, on the
 * stored verdict.
 */
export const decide = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { status = begin } = seen.version
  const decision = advance(seen, status)
  const late = addedTooLate(seen.version.spec, decision.status ?? status, workloadPhases)
  return withLateChecks(decision, { status, late, telling: tellingOf(seen) })
}
