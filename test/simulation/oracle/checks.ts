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
import { named, type Invariant } from './invariant.ts'
import { attemptOf, hasEnded, stateOf } from './reading.ts'

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
    const made = new Set<string>()
    return ({ type, before, after }) => {
      if (type.kind !== Job.kind || before !== undefined || after === undefined) return undefined
      const task = controllerOf(after)?.uid ?? ''
      const isFirst = !made.has(task)
      made.add(task)
      const isExcused = intent.isLate || isStopped(taskOf(server, after))
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
  tellsTheTruth,
]
