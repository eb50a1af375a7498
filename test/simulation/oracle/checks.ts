/**
 * What must hold of tasks, their Jobs, and evaluations.
 *
 * @module
 */
import {
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
  KeptnAppVersion,
} from '../../../api/index.ts'
import { Job } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import type { ApiServer, Stored } from '../api-server.ts'
import { dependencies } from '../intent.ts'
import { named, type Invariant } from './invariant.ts'
import { attemptOf, hasEnded, hasFailedCheck, stateOf } from './reading.ts'

const isCheck = ({ kind }: { readonly kind: string }): boolean =>
  kind === KeptnTask.kind || kind === KeptnEvaluation.kind

const taskOf = (server: ApiServer, job: Stored): Stored | undefined => {
  const uid = controllerOf(job)?.uid
  return server.list(KeptnTask).find(({ metadata }) => metadata.uid === uid)
}

const isStopped = (task: Stored | undefined): boolean =>
  task !== undefined && stateOf(task) === 'Deprecated'

const makesOneJob: Invariant = {
  // A request of a former leader, or of the same one in an earlier term, may be on its way for long.
  says: 'A task has one Job, unless a former leader asked for another',
  judge: ({ server, intent }) => {
    /** Tasks with a Job, and whether a former leader asked for it. */
    const made = new Map<string, boolean>()
    return ({ type, before, after }) => {
      if (type.kind !== Job.kind || before !== undefined || after === undefined) return undefined
      const task = controllerOf(after)?.uid ?? ''
      const isFirst = !made.has(task)
      const owner = taskOf(server, after)
      // Two leaders have asked, and the later request got no further until the task was gone.
      const isLeftOver = owner === undefined && made.get(task) === true
      made.set(task, made.get(task) ?? intent.isLate)
      const isExcused = intent.isLate || isStopped(owner) || isLeftOver
      return isFirst || isExcused ? undefined : named(after)
    }
  },
}

const startsNoneThatEnded: Invariant = {
  says: 'No Job is made for a task whose outcome is stored, unless a former leader asked for it',
  judge:
    ({ server, intent }) =>
    ({ type, before, after }) => {
      if (type.kind !== Job.kind || before !== undefined || after === undefined) return undefined
      const task = taskOf(server, after)
      const isRight = task === undefined || !hasEnded(task) || intent.isLate || isStopped(task)
      return isRight ? undefined : named(after)
    },
}

/** How often a version may have tried; one that has ended may be about to try again. */
const triesOf = (server: ApiServer, uid: string): number => {
  const version = [...server.list(KeptnWorkloadVersion), ...server.list(KeptnAppVersion)].find(
    ({ metadata }) => metadata.uid === uid,
  )
  return version === undefined ? Infinity : attemptOf(version) + Number(hasEnded(version))
}

const checkOf = (child: Stored): string => {
  const { checkType, taskDefinition, evaluationDefinition } = child.spec ?? {}
  const definition = taskDefinition ?? evaluationDefinition
  return [controllerOf(child)?.uid, checkType, definition].join('/')
}

const runsEachCheckOnce: Invariant = {
  says: 'A check is run by one task or evaluation in an attempt',
  judge:
    ({ server }) =>
    ({ type, before, after }) => {
      if (!isCheck(type) || before !== undefined || after === undefined) return undefined
      const same = server.list(type).filter((child) => checkOf(child) === checkOf(after))
      return same.length > triesOf(server, controllerOf(after)?.uid ?? '')
        ? named(after)
        : undefined
    },
}

/** Which task it is to its version, in whatever attempt. */
const placeOf = (task: Stored, definition: string): string =>
  [controllerOf(task)?.uid, task.spec?.['checkType'], definition].join('/')

const keepsTheOrder: Invariant = {
  says: 'A task begins after those that it depends on have succeeded, unless a former leader asked for it',
  judge: ({ intent }) => {
    /** The last task that was made for each place, and whether it has succeeded. */
    const last = new Map<string, { readonly uid: string; hasSucceeded: boolean }>()
    return ({ type, before, after }) => {
      if (type.kind !== KeptnTask.kind || after === undefined) return undefined
      const { uid } = after.metadata
      const definition = String(after.spec?.['taskDefinition'])
      const mine = placeOf(after, definition)
      if (before === undefined) last.set(mine, { uid, hasSucceeded: false })
      const known = last.get(mine)
      if (known?.uid === uid && stateOf(after) === 'Succeeded') known.hasSucceeded = true
      if (before !== undefined || intent.isLate) return undefined
      const isRight = (dependencies[definition] ?? []).every(
        (name) => last.get(placeOf(after, name))?.hasSucceeded === true,
      )
      return isRight ? undefined : named(after)
    }
  },
}

const runsOnFailureAlone: Invariant = {
  says: 'On-failure tasks are made once in an attempt, of app versions whose checks have failed',
  judge:
    ({ server, intent }) =>
    ({ type, before, after }) => {
      if (type.kind !== KeptnTask.kind || before !== undefined || after === undefined)
        return undefined
      if (after.spec?.['checkType'] !== 'on-failure') return undefined
      const owner = controllerOf(after)?.uid
      const version = server.list(KeptnAppVersion).find(({ metadata }) => metadata.uid === owner)
      if (version === undefined || intent.isLate) return undefined
      const same = server.list(KeptnTask).filter((task) => checkOf(task) === checkOf(after))
      return hasFailedCheck(version) && same.length <= attemptOf(version) ? undefined : named(after)
    },
}

const tellsTheTruth: Invariant = {
  says: 'The outcome of a task is that of its Job, unless people deleted that',
  judge:
    ({ intent }) =>
    ({ type, after }) => {
      if (type.kind !== KeptnTask.kind || after === undefined) return undefined
      const uid = String(after.status?.['jobUid'])
      const outcome = intent.jobs.get(uid)
      const state = stateOf(after)
      if (state === 'Succeeded') return outcome === 'Complete' ? undefined : named(after)
      const isWrong = state === 'Failed' && outcome === 'Complete' && !intent.deleted.has(uid)
      return isWrong ? named(after) : undefined
    },
}

export const checkInvariants: readonly Invariant[] = [
  makesOneJob,
  startsNoneThatEnded,
  runsEachCheckOnce,
  keepsTheOrder,
  runsOnFailureAlone,
  tellsTheTruth,
]
