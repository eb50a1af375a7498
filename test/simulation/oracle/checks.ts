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
import { childName } from '../../../identity/names.ts'
import {
  appPhases,
  onFailurePhase,
  promotionPhase,
  workloadPhases,
  type CheckPhase,
} from '../../../lifecycle/phases.ts'
import type { ApiServer, Change, Stored } from '../api-server.ts'
import { dependencies } from '../intent.ts'
import type { Chronicle } from './chronicle.ts'
import { named, type Invariant } from './invariant.ts'
import { attemptOf, doneFor, hasEnded, hasFailedCheck, stateOf } from './reading.ts'

const taskPhases: readonly CheckPhase[] = [
  ...appPhases,
  ...workloadPhases,
  promotionPhase,
  onFailurePhase,
].filter((phase) => phase.runs === 'tasks')

const isCheck = ({ kind }: { readonly kind: string }): boolean =>
  kind === KeptnTask.kind || kind === KeptnEvaluation.kind

const taskOf = (server: ApiServer, job: Stored): Stored | undefined => {
  const uid = controllerOf(job)?.uid
  return server.list(KeptnTask).find(({ metadata }) => metadata.uid === uid)
}

const isStopped = (task: Stored | undefined): boolean =>
  task !== undefined && stateOf(task) === 'Deprecated'

/** The object that a change has made, if it made one of this kind. */
const madeBy = (kind: string, { type, before, after }: Change): Stored | undefined =>
  type.kind === kind && before === undefined ? after : undefined

const makesOneJob: Invariant = {
  // A request of a former leader, or of the same one in an earlier term, may be on its way for long.
  says: 'A task has one Job, unless a former leader asked for another',
  judge: ({ server, intent }) => {
    /** Tasks with a Job, and whether a former leader asked for it. */
    const made = new Map<string, boolean>()
    return (change) => {
      const job = madeBy(Job.kind, change)
      if (job === undefined) return undefined
      const task = controllerOf(job)?.uid ?? ''
      const isLateFirst = made.get(task)
      made.set(task, isLateFirst ?? intent.isLate)
      if (isLateFirst === undefined || intent.isLate) return undefined
      const owner = taskOf(server, job)
      // Two leaders have asked, and the later request got no further until the task was gone.
      const isLeftOver = owner === undefined && isLateFirst
      return isLeftOver || isStopped(owner) ? undefined : named(job)
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
  if (version === undefined) return Infinity
  // A leader whose stores are behind may have begun what people have let go on since from where it had failed.
  const hasFailed = ['skip', 'release'].some((type) => doneFor(version, type).length > 0)
  return attemptOf(version) + Number(hasEnded(version) || hasFailed)
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

/** How often a version tries at most in a history. */
const mostAttempts = 20

/** The name that a task of this definition has in the same phase and attempt of the same version as another task. */
const nameBeside = (task: Stored, definition: string): string | undefined => {
  const { checkType, taskDefinition } = task.spec ?? {}
  const owner = controllerOf(task)?.uid ?? ''
  for (const { name } of taskPhases.filter((phase) => phase.checkType === checkType)) {
    for (let attempt = 1; attempt <= mostAttempts; attempt += 1) {
      const nameOf = (run: string): string =>
        childName(String(checkType), run, owner, name, run, attempt)
      if (nameOf(String(taskDefinition)) === task.metadata.name) return nameOf(definition)
    }
  }
  return undefined
}

const neededBy = ({ spec }: Stored): readonly string[] =>
  dependencies[String(spec?.['taskDefinition'])] ?? []

/** Whether people have skipped a definition in the phase of a task. */
const isSkippedFor = ({ isSkipped }: Chronicle, task: Stored, definition: string): boolean =>
  isSkipped(controllerOf(task)?.uid ?? '', `${String(task.spec?.['checkType'])}/${definition}`)

const keepsTheOrder: Invariant = {
  // A leader whose stores are behind may ask for tasks of an attempt that is over: they have an order of their own.
  says: 'A task begins after those that it depends on have succeeded in the same attempt, or were skipped',
  judge: ({ chronicle }) => {
    const succeeded = new Set<string>()
    return (change) => {
      const { type, after } = change
      if (type.kind === KeptnTask.kind && after !== undefined && stateOf(after) === 'Succeeded') {
        succeeded.add(after.metadata.name)
      }
      const made = madeBy(KeptnTask.kind, change)
      if (made === undefined) return undefined
      const mayFollow = (name: string): boolean =>
        succeeded.has(nameBeside(made, name) ?? '') || isSkippedFor(chronicle, made, name)
      return neededBy(made).every(mayFollow) ? undefined : named(made)
    }
  },
}

/** The app version of which a check has failed by now. */
const failedBy = ({ type, after }: Change): Stored | undefined =>
  type.kind === KeptnAppVersion.kind && after !== undefined && hasFailedCheck(after)
    ? after
    : undefined

/** The app version that a task belongs to. */
const makerOf = (server: ApiServer, task: Stored): Stored | undefined => {
  const owner = controllerOf(task)?.uid
  return server.list(KeptnAppVersion).find(({ metadata }) => metadata.uid === owner)
}

const runsOnFailureAlone: Invariant = {
  says: 'On-failure tasks are made once in an attempt, of app versions whose checks have failed',
  judge: ({ server, intent }) => {
    /** A check that has failed may be skipped later: `<UID>/<attempt>`. */
    const failed = new Set<string>()
    const keyOf = (version: Stored): string => `${version.metadata.uid}/${attemptOf(version)}`
    return (change) => {
      const version = failedBy(change)
      if (version !== undefined) failed.add(keyOf(version))
      const made = madeBy(KeptnTask.kind, change)
      if (made?.spec?.['checkType'] !== 'on-failure' || intent.isLate) return undefined
      const maker = makerOf(server, made)
      if (maker === undefined) return undefined
      const same = server.list(KeptnTask).filter((task) => checkOf(task) === checkOf(made))
      const isRight = failed.has(keyOf(maker)) && same.length <= attemptOf(maker)
      return isRight ? undefined : named(made)
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
  keepsTheOrder,
  runsOnFailureAlone,
  tellsTheTruth,
]
