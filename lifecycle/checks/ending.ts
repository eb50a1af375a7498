/**
 * Why a version ended without having gone through all its phases, and whether it may begin anew.
 *
 * @module
 */
import {
  conditionTypes,
  type ActionRecord,
  type ActionType,
  type ItemStatus,
  type KeptnAppVersion,
  type KeptnEvaluation,
  type KeptnTask,
  type KeptnWorkloadVersion,
  type State,
} from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'
import { carriedOut, retriesOf } from '../actions/records.ts'
import { nameOfChild, type Children } from '../children.ts'
import {
  appPhases,
  beforeDeployment,
  onFailurePhase,
  workloadPhases,
  type CheckItems,
  type CheckPhase,
  type Phase,
} from '../phases.ts'
import type { VersionStatus } from '../version-status.ts'
import { isTerminal } from './roll-up.ts'

/** Reasons of versions that ended `Deprecated`, as the condition `Ready` has them. */
export const endings = {
  /** Another version took its place before this one was released. */
  superseded: 'Superseded',
  /** Its namespace is not managed any more. */
  optedOut: 'OptedOut',
  /** The workloads that its app was made from are gone. */
  deserted: 'WorkloadsDeleted',
  /** The same version of the app was made again. */
  madeAgain: 'Deprecated',
} as const

/** The reason of a version that a person has ended as `Failed`. */
export const aborted = 'Aborted'

type Version = KeptnAppVersion | KeptnWorkloadVersion

/** Whether the checks of the version have let its pods go. That is never taken back, whatever it ends as. */
export const isReleased = ({ status }: KeptnWorkloadVersion): boolean =>
  findCondition(status?.conditions, conditionTypes.preDeploymentPassed)?.status === 'True'

/** Why the version is `Deprecated`; `undefined`: it is not. */
export const endingOf = ({ status }: Version): string | undefined =>
  status?.status === 'Deprecated'
    ? (findCondition(status.conditions, conditionTypes.ready)?.reason ?? endings.madeAgain)
    : undefined

/** Whether a person has ended the version, and nobody has let it go on since. */
export const isAborted = ({ status }: { readonly status?: VersionStatus }): boolean =>
  status?.status === 'Failed' &&
  findCondition(status.conditions, conditionTypes.ready)?.reason === aborted

/** Why nobody waits for the checks of a version any more. */
export interface Abandonment {
  readonly reason: string
  readonly message: string
}

type Child = KeptnTask | KeptnEvaluation

const phasesOf = ({ kind }: Version): readonly Phase[] =>
  kind === 'KeptnAppVersion' ? [...appPhases, onFailurePhase] : workloadPhases

const definitionOf = ({ spec }: Child): string =>
  'taskDefinition' in spec ? spec.taskDefinition : spec.evaluationDefinition

/** Whether this attempt of the version has made it, in one of these phases. */
const isOfAttempt = (
  child: Child,
  version: Version,
  { attempt, phases }: { readonly attempt: number; readonly phases: readonly Phase[] },
): boolean =>
  phases.some((phase) => {
    if (phase.runs === 'deployment') return false
    const { name } = child.metadata
    // What Keptn has begun has a name of Keptn's.
    const isListed =
      attempt === attemptOf(version) && itemsIn(version, phase).some((item) => item.name === name)
    return (
      isListed || nameOfChild({ object: version, attempt }, phase, definitionOf(child)) === name
    )
  })

const itemsIn = ({ status }: Version, { items }: CheckPhase): readonly ItemStatus[] =>
  (status as Partial<Record<CheckItems, readonly ItemStatus[]>> | undefined)?.[items] ?? []

/** Whether the version's next attempt made it: which may be seen before the version says that it has begun anew. */
const isOfNextAttempt = (child: Child, version: Version): boolean =>
  isOfAttempt(child, version, { attempt: attemptOf(version) + 1, phases: phasesOf(version) })

/** Whether it is one of those that an action has stopped. */
const isStoppedBy = (record: ActionRecord, child: Child, version: Version): boolean => {
  const { type, attempt, check } = record
  const all = phasesOf(version)
  switch (type) {
    case 'release':
      return isOfAttempt(child, version, { attempt, phases: beforeDeployment(all) })
    case 'skip': {
      const phases = all.filter(({ name }) => name === record.phase)
      return definitionOf(child) === check && isOfAttempt(child, version, { attempt, phases })
    }
    case 'abort':
      // In the same attempt it stops nothing any more, once the version was released.
      return attempt < attemptOf(version) && isOfAttempt(child, version, { attempt, phases: all })
    case 'retry':
      return false
  }
}

/** Whether the version that made a task or an evaluation has ended before its time, or a person has: what is under way is stopped. */
export const abandonmentOf = (
  version: Version | undefined,
  child: Child,
): Abandonment | undefined => {
  if (version === undefined) return undefined
  const of = `${version.kind} "${version.metadata.name}"`
  const reason = endingOf(version) ?? (isAborted(version) ? aborted : undefined)
  if (reason !== undefined) {
    if (isOfNextAttempt(child, version)) return undefined
    const ready = findCondition(version.status?.conditions, conditionTypes.ready)
    return { reason, message: `Stopped, since ${of} ended: ${ready?.message ?? reason}` }
  }
  const record = carriedOut(version.status).find((each) => isStoppedBy(each, child, version))
  return record && { reason: reasons[record.type], message: `Stopped by ${of}: ${record.message}` }
}

/** Why an action has stopped something, in a word. */
const reasons: Readonly<Record<ActionType, string>> = {
  release: 'Released',
  skip: 'Skipped',
  retry: 'Retried',
  abort: aborted,
}

/** Whether tasks and evaluations of the version may have to be stopped. */
export const mayAbandon = (version: Version): boolean =>
  endingOf(version) !== undefined || carriedOut(version.status).length > 0

/** Whether nothing of an attempt runs any more: the next one waits for that, so that no two run side by side. */
export const areAllStopped = (version: Version, { tasks, evaluations }: Children): boolean => {
  const isOver = (child: KeptnTask | KeptnEvaluation, state: State | undefined): boolean =>
    isTerminal(state) || isOfNextAttempt(child, version)
  return (
    tasks.every((task) => isOver(task, task.status?.status)) &&
    evaluations.every((each) => isOver(each, each.status?.overallStatus))
  )
}

/** How often the version has gone through its phases, this time included. */
export const attemptOf = ({ status }: Version): number => status?.attempt ?? 1

/** Keptn noted none: what has failed before this app version was made, or tried again, is what is tried again. */
const isNewerThan = ({ spec, metadata, status }: KeptnAppVersion, endTime: Date): boolean => {
  const isNewer = (time: string): boolean => new Date(time) > endTime
  const isRaised = spec.revision > 1 && isNewer(metadata.creationTimestamp)
  return isRaised || carriedOut(status, 'retry').some(({ time }) => isNewer(time))
}

/**
 * Whether this app version is a new try for a workload version that has failed: its revision is higher than the one that the
 * failed attempt began for, or people have let it begin anew more often. A new version of an app counts as its first revision, so that to raise the version alone, from
 * the first revision, tries nothing again. What still runs of the failed attempt decides nothing any more, and is not waited
 * for. (Keptn runs app checks again for a raised revision, and never those of workloads: spec/lifecycle 5.9.)
 */
export const isTriedAgainFor = (
  { status }: KeptnWorkloadVersion,
  appVersion: KeptnAppVersion,
): boolean => {
  if (status?.status !== 'Failed') return false
  const { spec } = appVersion
  const { begunFor, endTime = '' } = status
  if (begunFor === undefined) return isNewerThan(appVersion, new Date(endTime))
  const { revision, retries = 0 } =
    begunFor.version === spec.version ? begunFor : { revision: 1, retries: 0 }
  return spec.revision > revision || (spec.revision === revision && retriesOf(appVersion) > retries)
}

/**
 * Whether the revision of the app is lower by now than the one that the failed attempt began for: lowered by a user, or begun
 * anew with an app that has come back to this version. To raise it from there is to try again.
 */
export const isLoweredFor = (
  { status }: KeptnWorkloadVersion,
  appVersion: KeptnAppVersion,
): boolean => {
  const { spec } = appVersion
  const { begunFor } = status ?? {}
  if (status?.status !== 'Failed' || begunFor?.version !== spec.version) return false
  const isSame = spec.revision === begunFor.revision
  // Another KeptnAppVersion of the same version has retries of its own.
  const hasFewer = isSame && retriesOf(appVersion) < (begunFor.retries ?? 0)
  return spec.revision < begunFor.revision || hasFewer
}
