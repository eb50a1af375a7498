/**
 * What a KeptnAppVersion does next: its checks, then its workloads, then its checks again, then its promotion.
 *
 * @module
 */
import type { KeptnAppVersion, State } from '../../api/index.ts'
import { workloadName } from '../../identity/names.ts'
import { settled, type Action, type Decision, type Transition } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import { actOn, withGuardSaid } from '../actions/decide.ts'
import { skipsIn } from '../actions/records.ts'
import { haveAppChecksPassed } from '../checks/app-checks.ts'
import {
  areAllStopped,
  attemptOf,
  endingOf,
  endings,
  isReleased as isWorkloadReleased,
  isTriedAgainFor,
} from '../checks/ending.ts'
import { addedTooLate, withLateChecks } from '../checks/late-checks.ts'
import { isPassed, isTerminal, rollUp } from '../checks/roll-up.ts'
import { runChecks } from '../checks/run-checks.ts'
import { sayRefused } from '../held-up.ts'
import { withPhasesEnded } from '../phase-times.ts'
import {
  appPhases,
  beforeDeployment,
  deployPhase,
  onFailurePhase,
  promotionPhase,
} from '../phases.ts'
import { deprecate, walkPhases, type PhaseResult } from '../progress.ts'
import { factTransition, type Telling } from '../transitions.ts'
import { lossOf } from './loss.ts'
import { appParent, traceOf, withFailureTasks } from './on-failure.ts'
import {
  isWaitedFor,
  type AppVersionSeen,
  type AppVersionStatus,
  type ListedWorkload,
} from './seen.ts'

type AppPhase = (typeof appPhases)[number]

const begin: AppVersionStatus = {
  preDeploymentStatus: 'Pending',
  preDeploymentEvaluationStatus: 'Pending',
  workloadOverallStatus: 'Pending',
  postDeploymentStatus: 'Pending',
  postDeploymentEvaluationStatus: 'Pending',
  promotionStatus: 'Pending',
  status: 'Pending',
}

/**
 * A workload version that has ended, and is about to begin anew, counts as one that has not begun. One that ended because
 * its namespace left counts as deployed if it was released, or if nothing of it is held since: what was let go then runs.
 */
const stateOf = (appVersion: KeptnAppVersion, listed: ListedWorkload): State => {
  const { found, isHeld } = listed
  const state = found?.status?.status ?? 'Pending'
  if (found === undefined) return state
  const isOptedOut = endingOf(found) === endings.optedOut
  if (isOptedOut && (!isHeld || isWorkloadReleased(found))) return 'Succeeded'
  return state === 'Deprecated' || isTriedAgain(appVersion, listed) ? 'Pending' : state
}

const isTriedAgain = (
  appVersion: KeptnAppVersion,
  { found, isLeftBehind }: ListedWorkload,
): boolean => found !== undefined && isTriedAgainFor(found, appVersion) && !isLeftBehind

const describeWorkload = (appVersion: KeptnAppVersion, listed: ListedWorkload): string => {
  const { name, version, found, present } = listed
  if (found === undefined) return `workload "${name}" has no version "${version}" yet`
  if (endingOf(found) === endings.superseded && present !== version) {
    return `workload "${name}" version "${version}" was superseded`
  }
  // Not its phase: each of its steps would be a write here, too.
  return `workload "${name}" version "${version}" is ${stateOf(appVersion, listed)}`
}

/** What the workloads wait for; where one has failed, that alone, since it decides. */
const describeWorkloads = ({ version, workloads }: AppVersionSeen): string => {
  const open = workloads.filter((listed) => stateOf(version, listed) !== 'Succeeded')
  const failed = open.filter((listed) => stateOf(version, listed) === 'Failed')
  return (failed.length > 0 ? failed : open)
    .map((listed) => describeWorkload(version, listed))
    .join('; ')
}

/** How soon a new attempt is looked for that is about to begin: its owner may go on before it does, which nobody tells. */
const startingMs = 2_000

/** Keptn tells of workloads that are not there yet; so do its words here, once, as their deployment begins. */
const absent = (
  { workloads, version }: AppVersionSeen,
  before: AppVersionStatus,
  telling: Telling,
): readonly Transition[] => {
  const isNews = telling.eventNames === 'keptn' && before.workloadStatus === undefined
  if (!isNews) return []
  return workloads
    .filter(({ found }) => found === undefined)
    .map(({ name }) =>
      factTransition(telling, {
        reason: 'ReconcileWorkloadNotFound',
        what: name,
        message: `could not find KeptnWorkloadVersion for KeptnWorkload: ${workloadName(version.spec.appName, name)}`,
        severity: 'Warning',
        phase: deployPhase.name,
      }),
    )
}

const runWorkloads = (
  seen: AppVersionSeen,
  before: AppVersionStatus,
  telling: Telling,
): PhaseResult<AppVersionStatus> => {
  const workloadStatus = seen.workloads.map((listed) => ({
    workload: { name: listed.name, version: listed.version },
    status: stateOf(seen.version, listed),
  }))
  const states = workloadStatus.map(({ status }) => status)
  const isStarting = seen.workloads.some((listed) => isTriedAgain(seen.version, listed))
  return {
    state: rollUp(states, seen.workloads.length),
    detail: describeWorkloads(seen),
    changes: { workloadStatus },
    transitions: absent(seen, before, telling),
    ...(isStarting ? { wakeAt: new Date(seen.now.getTime() + startingMs) } : {}),
  }
}

const walk = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> =>
  walkPhases({
    level: 'App',
    phases: appPhases,
    status,
    run: (phase, current) =>
      phase.runs === 'deployment'
        ? runWorkloads(seen, current, telling)
        : runChecks(
            seen,
            appParent(seen, telling.attempt ?? 1),
            phase as Exclude<AppPhase, { runs: 'deployment' }>,
            current,
          ),
    isOff: (phase) => phase.state === promotionPhase.state && !seen.promotes,
    telling,
    trace: traceOf(seen, telling.attempt ?? 1),
  })

/** A new attempt: nothing counts of the one before but what was said about it, and what people asked. */
const anew = ({ version }: AppVersionSeen, status: AppVersionStatus): AppVersionStatus => {
  const { conditions, actions } = status
  return {
    ...begin,
    attempt: attemptOf(version) + 1,
    ...(conditions === undefined ? {} : { conditions }),
    ...(actions === undefined ? {} : { actions }),
  }
}

const beginAnew = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> => {
  const attempt = attemptOf(seen.version) + 1
  return walk(seen, anew(seen, status), { ...telling, attempt, skips: 0 })
}

const isWantedAgain = (seen: AppVersionSeen): boolean =>
  seen.place === 'present' && isWaitedFor(seen) && areAllStopped(seen.version, seen.children)

const advance = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> => {
  const loss = lossOf(seen)
  const isVoid = loss?.isVoid === true
  if (status.status === 'Deprecated') {
    const isNeeded = loss === undefined && isWantedAgain(seen)
    return isNeeded ? beginAnew(seen, status, telling) : settled
  }
  if (loss !== undefined && (isVoid || !isTerminal(status.status))) {
    return deprecate({ phases: appPhases, status, telling, ...loss })
  }
  return isTerminal(status.status) ? settled : walk(seen, status, telling)
}

const tellingOf = ({ version, now, config }: AppVersionSeen): Telling => ({
  subject: version,
  version: version.spec.version,
  eventNames: config.eventNames,
  now,
  attempt: attemptOf(version),
  skips: skipsIn(version.status),
})

const unwantedFor = (seen: AppVersionSeen): string | undefined => {
  // One that deploys goes its way to the end, which somebody may have to cut short.
  const goesOn = haveAppChecksPassed(seen.version) && !isTerminal(seen.version.status?.status)
  if (seen.place === 'outdated' && !goesOn) {
    return 'the app has gone over to another version'
  }
  const loss = lossOf(seen)
  if (loss !== undefined) return loss.message
  return seen.version.status?.status === 'Deprecated'
    ? 'it has ended, and begins anew by itself once a version of its workloads waits for it'
    : undefined
}

const passedBefore =
  'The checks of the app before its deployment have passed: ask it of the KeptnWorkloadVersions whose own checks hold them'

const isReleased = (status: AppVersionStatus): boolean =>
  beforeDeployment(appPhases).every(({ state }) => isPassed(status[state]))

/** Does what people ask of the version, if there is anything. */
const act = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> | undefined => {
  const { version, children } = seen
  const acted = actOn({
    entries: version.spec.actions,
    status,
    phases: appPhases,
    listed: version.spec,
    guard: seen.actionsGuard,
    unwanted: unwantedFor(seen),
    released: isReleased(status) ? passedBefore : undefined,
    areAllStopped: areAllStopped(version, children),
    anew: () => anew(seen, status),
    telling,
  })
  if (acted === undefined) return undefined
  const isAborting = acted.status.status === 'Failed' && status.status !== 'Failed'
  const next = isAborting ? withoutFailureTasks(acted.status, seen.now) : acted.status
  return { status: next, actions: [], transitions: acted.transitions }
}

/** Those that were begun are stopped. */
const withoutFailureTasks = (status: AppVersionStatus, now: Date): AppVersionStatus => {
  if (status.onFailureStatus === undefined || isTerminal(status.onFailureStatus)) return status
  const stopped: AppVersionStatus = { ...status, onFailureStatus: 'Deprecated' }
  return withPhasesEnded(stopped, [onFailurePhase], now)
}

/** What the version says when one of its tasks or evaluations is not taken. */
export const refused = (
  seen: AppVersionSeen,
  action: Action,
  error: ApiError,
): Decision<AppVersionStatus> =>
  sayRefused(seen.version.status ?? begin, { action, error, telling: tellingOf(seen) })

/**
 * Decides what an app version does next. One that has ended answers itself, unless the same version was made again, or
 * pods are held for it once more; at most its on-failure tasks are still run.
 */
export const decide = (seen: AppVersionSeen): Decision<AppVersionStatus> => {
  const { version } = seen
  const telling = tellingOf(seen)
  const stored = version.status ?? begin
  const status = withGuardSaid(stored, seen.actionsGuard, seen.now)
  const said = (decision: Decision<AppVersionStatus>): Decision<AppVersionStatus> =>
    status === stored ? decision : { ...decision, status: decision.status ?? status }
  const decision =
    act(seen, status, telling) ??
    withFailureTasks(seen, said(advance(seen, status, telling)), telling)
  const late = addedTooLate(version.spec, decision.status ?? status, appPhases)
  return withLateChecks(decision, { status, late, telling })
}
