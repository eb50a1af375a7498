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

const makesOneJob: Invariant = {
  says: 'A task has one Job',
  judge: () => {
    const jobOf = new Map<string, string>()
    return ({ type, before, after }) => {
      if (type.kind !== Job.kind || before !== undefined || after === undefined) return undefined
      const task = controllerOf(after)?.uid ?? ''
      const isFirst = !jobOf.has(task)
      jobOf.set(task, after.metadata.uid)
      return isFirst ? undefined : named(after)
    }
  },
}

const hasEndedAlready = (server: ApiServer, job: Stored): boolean => {
  const owner = controllerOf(job)
  const task = server.list(KeptnTask).find(({ metadata }) => metadata.uid === owner?.uid)
  return task === undefined ? false : hasEnded(task)
}

const startsNoneThatEnded: Invariant = {
  says: 'No Job is made for a task whose outcome is stored',
  judge:
    ({ server }) =>
    ({ type, before, after }) => {
      if (type.kind !== Job.kind || before !== undefined || after === undefined) return undefined
      return hasEndedAlready(server, after) ? named(after) : undefined
    },
}

/** The attempt that a child is made in; one that has ended is the last, so that what comes then is of the next. */
const attemptOfParent = (server: ApiServer, child: Stored): number => {
  const uid = controllerOf(child)?.uid
  const parent = [...server.list(KeptnWorkloadVersion), ...server.list(KeptnAppVersion)].find(
    ({ metadata }) => metadata.uid === uid,
  )
  return parent === undefined ? 1 : attemptOf(parent) + Number(hasEnded(parent))
}

const runsEachCheckOnce: Invariant = {
  says: 'A check is run by one task or evaluation in an attempt',
  judge: ({ server }) => {
    const childOf = new Map<string, Stored>()
    return ({ type, before, after }) => {
      if (!isCheck(type) || before !== undefined || after === undefined) return undefined
      const { checkType, taskDefinition, evaluationDefinition } = after.spec ?? {}
      const key = [
        controllerOf(after)?.uid,
        attemptOfParent(server, after),
        checkType,
        taskDefinition ?? evaluationDefinition,
      ].join('/')
      const other = childOf.get(key)
      childOf.set(key, after)
      // One that people deleted is made again.
      const isThere = other !== undefined && server.get(type, other.metadata) !== undefined
      return isThere && other.metadata.name !== after.metadata.name ? named(after) : undefined
    }
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
