/**
 * What a KeptnWorkloadVersion does next: wait for its app, then go through the phases of a workload.
 *
 * @module
 */
import { conditionTypes } from '../../api/index.ts'
import { traceOfWorkloadVersion, type VersionTrace } from '../../identity/trace.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import { actOn, withGuardSaid } from '../actions/decide.ts'
import { skipsIn } from '../actions/records.ts'
import { haveAppChecksPassed } from '../checks/app-checks.ts'
import {
  areAllStopped,
  attemptOf,
  endings,
  isAborted,
  isLoweredFor,
  isReleased,
  isTriedAgainFor,
} from '../checks/ending.ts'
import { addedTooLate, withLateChecks } from '../checks/late-checks.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import { runChecks } from '../checks/run-checks.ts'
import type { Parent } from '../children.ts'
import { sayRefused } from '../held-up.ts'
import { beforeDeployment, workloadPhases } from '../phases.ts'
import { deprecate, walkPhases, type PhaseResult } from '../progress.ts'
import { cutMessage } from '../transitions.ts'
import { beginningOf, beginsWith, contextOf } from './beginning.ts'
import { runDeployment } from './deployment.ts'
import {
  begin,
  tellingOf,
  withVerdict,
  type Verdict,
  type WorkloadVersionSeen,
  type WorkloadVersionStatus,
} from './seen.ts'
import { pausedBy, waitForApp, writtenAppOf } from './waiting.ts'

type WorkloadPhase = (typeof workloadPhases)[number]

/** The workload's own words stand before those of its app. */
const metadataOf = (
  { version }: WorkloadVersionSeen,
  { appContextMetadata }: WorkloadVersionStatus,
): Readonly<Record<string, string>> => ({ ...appContextMetadata, ...version.spec.metadata })

/** Its spans; `undefined` while nobody is told of spans. */
const traceOf = (
  { version, config }: WorkloadVersionSeen,
  { phaseTraceIDs, attempt = 1 }: WorkloadVersionStatus,
): VersionTrace | undefined =>
  config.traced ? traceOfWorkloadVersion(version, phaseTraceIDs, attempt) : undefined

const parentOf = (seen: WorkloadVersionSeen, status: WorkloadVersionStatus): Parent => ({
  object: seen.version,
  objectType: 'Workload',
  appName: seen.version.spec.app,
  appVersion: '',
  workloadName: seen.version.spec.workloadName,
  workloadVersion: seen.version.spec.version,
  metadata: metadataOf(seen, status),
  attempt: status.attempt ?? 1,
  trace: traceOf(seen, status),
})

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

const skippedIn = ({
  preDeploymentTaskStatus = [],
  preDeploymentEvaluationTaskStatus = [],
}: WorkloadVersionStatus): Verdict | undefined => {
  const items = [...preDeploymentTaskStatus, ...preDeploymentEvaluationTaskStatus]
  const skipped = items.filter(({ status }) => status === 'Warning')
  if (skipped.length === 0 || items.some(({ status }) => status === 'Failed')) return undefined
  const each = skipped.map(
    ({ definitionName = '', message = '' }) => `"${definitionName}": ${message}`,
  )
  const message = `All checks before the deployment have passed but those that were skipped; ${each.join('; ')}`
  return { status: 'True', reason: 'ChecksSkipped', message: cutMessage(message) }
}

/** The verdict that follows from where the walk has come to. */
const verdictOf = (status: WorkloadVersionStatus): Verdict => {
  const states = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]
  if (states.every(isPassed)) return skippedIn(status) ?? passed(states.includes('Warning'))
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
    telling: { ...tellingOf(seen), attempt: status.attempt ?? 1, skips: skipsIn(status) },
    trace: traceOf(seen, status),
  })
  const next = decision.status ?? status
  return { ...decision, status: withVerdict(next, verdictOf(next), seen.now) }
}

/**
 * A version that has not begun: it waits for its app. Once a user has written that one, no automatic app will do: else to
 * delete the app would let go what its checks hold.
 */
const beginOrWait = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const writtenAppUID = writtenAppOf(seen)
  const appVersion = beginsWith(seen)
  return appVersion !== undefined && haveAppChecksPassed(appVersion)
    ? proceed(seen, { ...status, ...contextOf(seen, appVersion) })
    : waitForApp(seen, { status, appVersion, writtenAppUID })
}

/** What a new attempt begins with: nothing of the one before but its verdict, who wrote its app, and what people asked. */
const anew = ({ version }: WorkloadVersionSeen): WorkloadVersionStatus => {
  const { conditions = [], writtenAppUID, actions } = version.status ?? {}
  const kept: readonly string[] = [
    conditionTypes.preDeploymentPassed,
    conditionTypes.actionsUnguarded,
  ]
  return {
    ...begin,
    attempt: attemptOf(version) + 1,
    conditions: conditions.filter(({ type }) => kept.includes(type)),
    ...(actions === undefined ? {} : { actions }),
    ...(writtenAppUID === undefined ? {} : { writtenAppUID }),
  }
}

/** Whether its app asks for another attempt of what has failed. */
const isAskedToTryAgain = ({ version, appVersion, children }: WorkloadVersionSeen): boolean =>
  appVersion !== undefined &&
  isTriedAgainFor(version, appVersion) &&
  haveAppChecksPassed(appVersion) &&
  // What an abort stops decides nothing any more, but must not run beside the next attempt.
  (!isAborted(version) || areAllStopped(version, children))

/** A version that stays as it is: a revision that was lowered is noted, so that the next one counts as raised. */
const rest = ({ version, appVersion }: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { status } = version
  if (status === undefined || appVersion === undefined || !isLoweredFor(version, appVersion)) {
    return settled
  }
  return { status: { ...status, begunFor: beginningOf(appVersion) }, actions: [], transitions: [] }
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
  return status.currentPhase === undefined ? startOrWait(seen, status) : goOnOrWait(seen, status)
}

/** One that a person has released does not wait for its app. */
const startOrWait = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const isLetGo = beforeDeployment(workloadPhases).every(({ state }) => isPassed(status[state]))
  if (!isLetGo) return beginOrWait(seen, status)
  const appVersion = beginsWith(seen)
  const context = appVersion === undefined ? {} : contextOf(seen, appVersion)
  return proceed(seen, { ...status, ...context })
}

/** One that is not released makes nothing more while its app version is aborted. */
const goOnOrWait = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> => {
  const verdict = pausedBy(seen, beginsWith(seen))
  if (verdict === undefined) return proceed(seen, status)
  const ready = { ...verdict, type: conditionTypes.ready } as const
  const conditions = withCondition(status.conditions, ready, seen.now)
  const paused = withVerdict({ ...status, conditions }, verdict, seen.now)
  return { status: paused, actions: [], transitions: [] }
}

const unwantedFor = ({ version, standing }: WorkloadVersionSeen): string | undefined => {
  if (standing === 'opted-out') return 'its namespace is not managed any more'
  // One that was let go goes its way to the end, which somebody may have to cut short.
  const goesOn = isReleased(version) && !isTerminal(version.status?.status)
  if (standing === 'superseded' && !goesOn) {
    return 'its workload has gone over to another version'
  }
  if (version.status?.status !== 'Deprecated') return undefined
  return isReleased(version)
    ? 'it has ended, and its pods were let go before'
    : 'it has ended, and begins anew by itself once its pods are held again'
}

const released = 'The pods of this version were let go before: nothing holds them'

/**
 * A version that a person ends now has had all that its app has asked for by then: only what the app asks for later lets it
 * begin anew.
 */
const endedForGood = (
  { appVersion }: WorkloadVersionSeen,
  before: WorkloadVersionStatus,
  status: WorkloadVersionStatus,
): WorkloadVersionStatus =>
  appVersion !== undefined && status.status === 'Failed' && before.status !== 'Failed'
    ? { ...status, begunFor: beginningOf(appVersion) }
    : status

/** Does what people ask of the version, if there is anything. */
const act = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): Decision<WorkloadVersionStatus> | undefined => {
  const { version, children } = seen
  const acted = actOn({
    entries: version.spec.actions,
    status,
    phases: workloadPhases,
    listed: version.spec,
    guard: seen.actionsGuard,
    unwanted: unwantedFor(seen),
    released: isReleased(version) ? released : undefined,
    areAllStopped: areAllStopped(version, children),
    anew: () => anew(seen),
    telling: tellingOf(seen),
  })
  if (acted === undefined) return undefined
  const { verdict, transitions } = acted
  const ended = endedForGood(seen, status, acted.status)
  const next = verdict === undefined ? ended : withVerdict(ended, verdict, seen.now)
  return { status: next, actions: [], transitions }
}

/**
 * Decides what a workload version does next.
 *
 * A version that has ended answers itself, whatever else was seen; it says at most that a check came too late. The verdict
 * `PreDeploymentPassed` becomes true here and nowhere else, from stored outcomes alone, or since a person has asked for it; gates open in another pass, on the
 * stored verdict.
 */
export const decide = (seen: WorkloadVersionSeen): Decision<WorkloadVersionStatus> => {
  const { status: stored = begin } = seen.version
  const status = withGuardSaid(stored, seen.actionsGuard, seen.now)
  const decided = act(seen, status) ?? advance(seen, status)
  const decision = status === stored ? decided : { ...decided, status: decided.status ?? status }
  const late = addedTooLate(seen.version.spec, decision.status ?? status, workloadPhases)
  return withLateChecks(decision, { status, late, telling: tellingOf(seen) })
}
