/**
 * What a KeptnAppVersion does next: its checks, then its workloads, then its checks again, then its promotion.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion, State, StatusOf } from '../../api/index.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import { isBeforeDeployment } from '../checks/app-checks.ts'
import { attemptOf, endingOf, endings, isReleased, isTriedAgainFor } from '../checks/ending.ts'
import { addedTooLate, withLateChecks } from '../checks/late-checks.ts'
import { isPassed, isTerminal, rollUp } from '../checks/roll-up.ts'
import type { Children, Definitions, Parent } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'
import { appPhases, deployPhase, promotionPhase } from '../phases.ts'
import { deprecate, runChecks, sayRefused, walkPhases, type PhaseResult } from '../progress.ts'
import type { Telling } from '../transitions.ts'

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
  /** When this process first saw the version as it is. */
  readonly seenAt: Date
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
}

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

const parentOf = (version: KeptnAppVersion, attempt: number): Parent => ({
  object: version,
  objectType: 'App',
  appName: version.spec.appName,
  appVersion: version.spec.version,
  workloadName: '',
  workloadVersion: '',
  metadata: version.spec.metadata ?? {},
  attempt,
})

/**
 * A workload version that has ended, and is about to begin anew, counts as one that has not begun. One that ended because
 * its namespace left counts as deployed if it was released, or if nothing of it is held since: what was let go then runs.
 */
const stateOf = (appVersion: KeptnAppVersion, { found, isHeld }: ListedWorkload): State => {
  const state = found?.status?.status ?? 'Pending'
  if (found === undefined) return state
  const isOptedOut = endingOf(found) === endings.optedOut
  if (isOptedOut && (!isHeld || isReleased(found))) return 'Succeeded'
  return state === 'Deprecated' || isTriedAgainFor(found, appVersion) ? 'Pending' : state
}

const describeWorkload = (appVersion: KeptnAppVersion, listed: ListedWorkload): string => {
  const { name, version, found } = listed
  if (found === undefined) return `workload "${name}" has no version "${version}" yet`
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

const runWorkloads = (seen: AppVersionSeen): PhaseResult<AppVersionStatus> => {
  const workloadStatus = seen.workloads.map((listed) => ({
    workload: { name: listed.name, version: listed.version },
    status: stateOf(seen.version, listed),
  }))
  const states = workloadStatus.map(({ status }) => status)
  return {
    state: rollUp(states, seen.workloads.length),
    detail: describeWorkloads(seen),
    changes: { workloadStatus },
  }
}

/** Why this app version will never be deployed as it is; nothing to do with its checks. */
interface Loss {
  readonly reason: string
  readonly message: string
  readonly isVoid: boolean
}

/** Whether the workload version ended while the app version was there: times are whole seconds. */
const endedSince = (found: KeptnWorkloadVersion, { metadata }: KeptnAppVersion): boolean =>
  Date.parse(found.status?.endTime ?? '') >= Date.parse(metadata.creationTimestamp)

/** A workload version that was never made, or is gone, and that nobody makes any more: else it would be waited for, for ever. */
const lossByAbsence = (
  { place, version: { status } }: AppVersionSeen,
  { name, version, found, present }: ListedWorkload,
): Loss | undefined => {
  if (place !== 'outdated' || isPassed(status?.workloadOverallStatus)) return undefined
  if (found !== undefined || present === version) return undefined
  const message = `Workload "${name}" has no version "${version}", and the app has gone over to another version`
  return { reason: endings.superseded, message, isVoid: false }
}

/** What this workload version, which has ended before its release, means for its app version. */
const lossBy = (
  { version: appVersion, hasLeft }: AppVersionSeen,
  { name, version, found, present }: ListedWorkload,
): Loss | undefined => {
  const ending = found && endingOf(found)
  if (found === undefined || ending === undefined) return undefined
  const what = `Workload "${name}" version "${version}"`
  if (ending === endings.optedOut) {
    // The namespace has come back: what was let go meanwhile keeps nothing else from its checks.
    if (!hasLeft) return undefined
    const message = `${what} is not checked any more: its namespace is not managed`
    return { reason: ending, message, isVoid: false }
  }
  // One that ended earlier, and is wanted again, is about to begin anew.
  if (present === version && !endedSince(found, appVersion)) return undefined
  const message = `${what} was superseded before its release`
  return { reason: endings.superseded, message, isVoid: false }
}

const lossOf = (seen: AppVersionSeen): Loss | undefined => {
  const { version, place, workloads } = seen
  if (place === 'made-again') {
    const message = 'The same version of the app was made again'
    return { reason: endings.madeAgain, message, isVoid: true }
  }
  // A version that deploys already goes on: its workloads tell what becomes of it.
  if (place === 'outdated' && isBeforeDeployment(version)) {
    const message = 'The app has gone over to another version before this one was deployed'
    return { reason: endings.superseded, message, isVoid: false }
  }
  if (seen.isDeserted && !isPassed(version.status?.workloadOverallStatus)) {
    const message = 'All workloads of the app were deleted before they were deployed'
    return { reason: endings.deserted, message, isVoid: false }
  }
  return workloads
    .map((listed) => lossBy(seen, listed) ?? lossByAbsence(seen, listed))
    .find((loss) => loss !== undefined)
}

/** Whether a listed workload version waits for an app version that lets it begin. */
const isWaitedFor = ({ workloads }: AppVersionSeen): boolean =>
  workloads.some(
    ({ found }) =>
      found?.status?.currentPhase === undefined && !isTerminal(found?.status?.status ?? 'Failed'),
  )

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
        ? runWorkloads(seen)
        : runChecks(
            seen,
            parentOf(seen.version, telling.attempt ?? 1),
            phase as Exclude<AppPhase, { runs: 'deployment' }>,
            current,
          ),
    isOff: (phase) => phase.state === promotionPhase.state && !seen.promotes,
    telling,
  })

/** A new attempt: nothing counts of the one before but what was said about it. */
const beginAnew = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> => {
  const attempt = attemptOf(seen.version) + 1
  const { conditions } = status
  const fresh = { ...begin, attempt, ...(conditions === undefined ? {} : { conditions }) }
  return walk(seen, fresh, { ...telling, attempt })
}

const advance = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  telling: Telling,
): Decision<AppVersionStatus> => {
  const loss = lossOf(seen)
  const isVoid = loss?.isVoid === true
  if (status.status === 'Deprecated') {
    const isNeeded = loss === undefined && seen.place === 'present' && isWaitedFor(seen)
    return isNeeded ? beginAnew(seen, status, telling) : settled
  }
  if (loss !== undefined && (isVoid || !isTerminal(status.status))) {
    return deprecate({ phases: appPhases, status, telling, ...loss })
  }
  return isTerminal(status.status) ? settled : walk(seen, status, telling)
}

/** How long what the workloads come to may wait, while nothing follows from it. */
const pauseMs = 1_000

/**
 * How far its workloads are is told now and then: with hundreds of them each step would be a write, and nobody waits for it.
 * What becomes of the version is told at once.
 */
const unhurried = (
  { version, now, seenAt }: AppVersionSeen,
  decision: Decision<AppVersionStatus>,
): Decision<AppVersionStatus> => {
  const { status, actions, transitions } = decision
  const isUnderWay =
    status?.currentPhase === deployPhase.name && version.status?.currentPhase === deployPhase.name
  if (!isUnderWay || actions.length > 0 || transitions.length > 0) return decision
  const dueAt = new Date(seenAt.getTime() + pauseMs)
  return dueAt > now ? { ...settled, wakeAt: dueAt } : decision
}

const tellingOf = ({ version, now, config }: AppVersionSeen): Telling => ({
  subject: version,
  version: version.spec.version,
  eventNames: config.eventNames,
  now,
  attempt: attemptOf(version),
})

/** What the version says when one of its tasks or evaluations is not taken. */
export const refused = (
  seen: AppVersionSeen,
  action: Action,
  error: ApiError,
): Decision<AppVersionStatus> =>
  sayRefused(seen.version.status ?? begin, { action, error, telling: tellingOf(seen) })

/**
 * Decides what an app version does next. One that has ended answers itself, unless the same version was made again, or
 * pods are held for it once more.
 */
export const decide = (seen: AppVersionSeen): Decision<AppVersionStatus> => {
  const { version } = seen
  const telling = tellingOf(seen)
  const status = version.status ?? begin
  const decision = unhurried(seen, advance(seen, status, telling))
  const late = addedTooLate(version.spec, decision.status ?? status, appPhases)
  return withLateChecks(decision, { status, late, telling })
}
