/**
 * What a workload version does while it has not begun: it waits for its app, and says what for.
 *
 * @module
 */
import {
  conditionTypes,
  type KeptnApp,
  type KeptnAppVersion,
  type KeptnWorkloadVersion,
} from '../../api/index.ts'
import { controllerOf } from '../../api/object.ts'
import { workloadName } from '../../identity/names.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import { isAutomatic, isAutomaticVersion } from '../checks/automatic-app.ts'
import { haveAppChecksPassed } from '../checks/app-checks.ts'
import { isAborted, isReleased } from '../checks/ending.ts'
import { isLeaving } from '../checks/leaving.ts'
import { appPhases } from '../phases.ts'
import { cutMessage, factTransition } from '../transitions.ts'
import {
  tellingOf,
  withVerdict,
  type Verdict,
  type WorkloadVersionSeen,
  type WorkloadVersionStatus,
} from './seen.ts'

/** The UID of the KeptnApp that a user wrote for this version, as far as one is known by now. */
export const writtenAppOf = ({
  version,
  app,
  appVersion,
}: WorkloadVersionSeen): string | undefined => {
  if (app !== undefined && !isAutomatic(app)) return app.metadata.uid
  // The app may be gone already, and its versions wait for garbage collection.
  const isOfWritten =
    app === undefined && appVersion !== undefined && !isAutomaticVersion(appVersion)
  return version.status?.writtenAppUID ?? (isOfWritten ? controllerOf(appVersion)?.uid : undefined)
}

const appDeleted = 'AppDeleted'
const waitingForApp = 'WaitingForApp'
const [, appPreEvaluations] = appPhases
const appAborted = 'AppAborted'

/** Whether it waits since its app version was aborted. */
export const saysAppAborted = ({ status }: Pick<KeptnWorkloadVersion, 'status'>): boolean =>
  findCondition(status?.conditions, conditionTypes.preDeploymentPassed)?.reason === appAborted

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

/** What a version waits for whose app version a person has ended. */
const abortedApp = ({ metadata, status }: KeptnAppVersion): Verdict => {
  const said = findCondition(status?.conditions, conditionTypes.ready)?.message ?? ''
  const message = `KeptnAppVersion "${metadata.name}" does not go on: ask it for a retry, or this version for a release (${said})`
  return { status: 'Unknown', reason: appAborted, message: cutMessage(message) }
}

/**
 * What a version that has begun, and is not released, waits for: once its app version was aborted, for one that has passed
 * its checks. `undefined`: for nothing.
 */
export const pausedBy = (
  { version }: WorkloadVersionSeen,
  appVersion: KeptnAppVersion | undefined,
): Verdict | undefined => {
  if (isReleased(version)) return undefined
  if (appVersion !== undefined && isAborted(appVersion)) return abortedApp(appVersion)
  if (!saysAppAborted(version)) return undefined
  if (appVersion !== undefined && haveAppChecksPassed(appVersion)) return undefined
  const message = 'Its app was aborted, and no version of it has passed its checks since'
  return { status: 'Unknown', reason: appAborted, message }
}

/** What an app version still has to pass, in its own words. */
const waitingForChecks = (appVersion: KeptnAppVersion): Verdict => {
  const status = 'Unknown'
  const app = `KeptnAppVersion "${appVersion.metadata.name}"`
  const said = findCondition(appVersion.status?.conditions, conditionTypes.ready)?.message ?? ''
  const why = said === '' ? '' : `: ${said}`
  if (isAborted(appVersion)) return abortedApp(appVersion)
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

/** What is told of a wait: that its app was deleted. */
const waitFacts = (
  seen: WorkloadVersionSeen,
  waiting: Waiting,
  { reason, message }: Verdict,
): readonly Transition[] => {
  const { status: before, writtenAppUID } = waiting
  const words = [conditionTypes.preDeploymentPassed, conditionTypes.ready].map((type) =>
    findCondition(before.conditions, type),
  )
  if (reason !== appDeleted) {
    const isNews = words.every((said) => said?.message !== message)
    return isNews && seen.config.eventNames === 'keptn' ? keptnFacts(seen, waiting) : []
  }
  if (words[0]?.reason === appDeleted) return []
  const deleted = { reason, what: writtenAppUID ?? '', message, severity: 'Warning' } as const
  return [factTransition(tellingOf(seen), deleted)]
}

/** Keptn says it by a phase of the app: that the version has none, and that its evaluations have failed. */
const keptnFacts = (seen: WorkloadVersionSeen, { appVersion }: Waiting): readonly Transition[] => {
  const { name, longName } = appPreEvaluations
  const warn = (fact: string, words: string): readonly Transition[] => [
    factTransition(tellingOf(seen), {
      reason: `${name}${fact}`,
      what: appVersion?.metadata.uid ?? '',
      message: `${longName}: has failed since app ${words}`,
      severity: 'Warning',
      phase: name,
    }),
  ]
  if (appVersion === undefined) return warn('AppVersionNotFound', 'could not be found')
  const hasFailed = appVersion.status?.preDeploymentEvaluationStatus === 'Failed'
  return hasFailed ? warn('Failed', 'has failed') : []
}

/** A version that has not begun, and what it waits for. */
export interface Waiting {
  /** The stored status, or that of a new attempt. */
  readonly status: WorkloadVersionStatus
  readonly appVersion: KeptnAppVersion | undefined
  readonly writtenAppUID: string | undefined
}

/** Waits, and says what for once it is worth saying. */
export const waitForApp = (
  seen: WorkloadVersionSeen,
  { status: before, appVersion, writtenAppUID }: Waiting,
): Decision<WorkloadVersionStatus> => {
  const verdict = waitingFor(seen, appVersion, writtenAppUID)
  const sayAt = new Date(Date.parse(seen.version.metadata.creationTimestamp) + quietMs)
  if (!isNews(seen, { before, writtenAppUID, verdict }) && seen.now < sayAt) {
    return { ...settled, wakeAt: sayAt }
  }
  const status = { ...before, ...(writtenAppUID === undefined ? {} : { writtenAppUID }) }
  const told = waitFacts(seen, { status: before, appVersion, writtenAppUID }, verdict)
  return { status: withWord(seen, status, verdict), actions: [], transitions: told }
}

/** The verdict of one whose pods were let go before stays as it is: there `Ready` says what the next attempt waits for. */
const withWord = (
  { version, now }: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
  verdict: Verdict,
): WorkloadVersionStatus => {
  if (!isReleased(version)) return withVerdict(status, verdict, now)
  const ready = { type: conditionTypes.ready, ...verdict } as const
  return { ...status, conditions: withCondition(status.conditions, ready, now) }
}
