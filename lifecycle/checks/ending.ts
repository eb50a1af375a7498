/**
 * Why a version ended without having gone through all its phases, and whether it may begin anew.
 *
 * @module
 */
import {
  conditionTypes,
  type KeptnAppVersion,
  type KeptnEvaluation,
  type KeptnTask,
  type KeptnWorkloadVersion,
  type State,
} from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'
import { nameOfChild, type Children } from '../children.ts'
import { appPhases, onFailurePhase, workloadPhases, type Phase } from '../phases.ts'
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

type Version = KeptnAppVersion | KeptnWorkloadVersion

/** Whether the checks of the version have let its pods go. That is never taken back, whatever it ends as. */
export const isReleased = ({ status }: KeptnWorkloadVersion): boolean =>
  findCondition(status?.conditions, conditionTypes.preDeploymentPassed)?.status === 'True'

/** Why the version is `Deprecated`; `undefined`: it is not. */
export const endingOf = ({ status }: Version): string | undefined =>
  status?.status === 'Deprecated'
    ? (findCondition(status.conditions, conditionTypes.ready)?.reason ?? endings.madeAgain)
    : undefined

/** Why nobody waits for the checks of a version any more. */
export interface Abandonment {
  readonly reason: string
  readonly message: string
}

/** Whether the version's next attempt made it: which may be seen before the version says that it has begun anew. */
const isOfNextAttempt = (child: KeptnTask | KeptnEvaluation, version: Version): boolean => {
  const { spec, metadata } = child
  const definition = 'taskDefinition' in spec ? spec.taskDefinition : spec.evaluationDefinition
  const phases: readonly Phase[] =
    version.kind === 'KeptnAppVersion' ? [...appPhases, onFailurePhase] : workloadPhases
  const next = { object: version, attempt: attemptOf(version) + 1 }
  return phases.some(
    (phase) =>
      phase.runs !== 'deployment' && nameOfChild(next, phase, definition) === metadata.name,
  )
}

/** Whether the version that made a task or an evaluation has ended before its time: what is under way is stopped. */
export const abandonmentOf = (
  version: Version | undefined,
  child: KeptnTask | KeptnEvaluation,
): Abandonment | undefined => {
  const reason = version && endingOf(version)
  if (version === undefined || reason === undefined) return undefined
  if (isOfNextAttempt(child, version)) return undefined
  const ready = findCondition(version.status?.conditions, conditionTypes.ready)
  const message = `Stopped, since ${version.kind} "${version.metadata.name}" ended: ${ready?.message ?? reason}`
  return { reason, message }
}

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

/**
 * Whether this app version is a new try for a workload version that has failed: its revision is higher than the one that the
 * failed attempt began for. A new version of an app counts as its first revision, so that to raise the version alone, from
 * the first revision, tries nothing again. What still runs of the failed attempt decides nothing any more, and is not waited
 * for. (Keptn runs app checks again for a raised revision, and never those of workloads: spec/lifecycle 5.9.)
 */
export const isTriedAgainFor = (
  { status }: KeptnWorkloadVersion,
  { spec, metadata }: KeptnAppVersion,
): boolean => {
  if (status?.status !== 'Failed') return false
  const { begunFor, endTime = '' } = status
  // Keptn noted none: what has failed before this app version was made is what is tried again.
  if (begunFor === undefined) {
    return spec.revision > 1 && Date.parse(metadata.creationTimestamp) > Date.parse(endTime)
  }
  return spec.revision > (begunFor.version === spec.version ? begunFor.revision : 1)
}

/**
 * Whether the revision of the app is lower by now than the one that the failed attempt began for: lowered by a user, or begun
 * anew with an app that has come back to this version. To raise it from there is to try again.
 */
export const isLoweredFor = (
  { status }: KeptnWorkloadVersion,
  { spec }: KeptnAppVersion,
): boolean => {
  const { begunFor } = status ?? {}
  return (
    status?.status === 'Failed' &&
    begunFor?.version === spec.version &&
    spec.revision < begunFor.revision
  )
}
