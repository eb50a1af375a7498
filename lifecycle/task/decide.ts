/**
 * Runs a task as one Job, once, in four steps, each from what the one before has stored:
 *
 * 1. The Job is made, under a name that follows from the task's UID. A crash here leaves a Job that is found again.
 * 2. The Job's name and UID are stored. From here on no Job is ever made for this task: if this one is gone, that is the
 *    outcome.
 * 3. The outcome is stored. It is never left again.
 * 4. The Job is allowed to be deleted. That makes way for the outcomes of others.
 *
 * Before the first step the task may wait for what its pod would otherwise hang on: its definition, a Secret, a
 * ConfigMap. It is then Stalled, still Pending, and says what is missing.
 *
 * A task whose version has ended before its time is stopped: that is stored as its outcome, and then its Job is deleted.
 *
 * @module
 */
import { conditionTypes, type Condition, type KeptnTask, type StatusOf } from '../../api/index.ts'
import type { KeptnTaskDefinition, TaskPods } from '../../api/index.ts'
import { Job, type JobCondition } from '../../api/kubernetes.ts'
import { findCondition, withCondition, wholeSeconds } from '../../kube/conditions.ts'
import {
  removal,
  settled,
  type Action,
  type Decision,
  type Transition,
} from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import type { Abandonment } from '../checks/ending.ts'
import { isLeaving } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { codeKey, createFunctionConfigMap } from '../task-definition/function-config-map.ts'
import { parentNotFound } from '../task-definition/lineage.ts'
import type { RemoteCode } from '../task-definition/source.ts'
import { nextLook } from '../task-definition/unwatched.ts'
import { cutMessage, factTransition, type EventNames } from '../transitions.ts'
import type { Ending } from './ending.ts'
import { secureDataKey } from './environment.ts'
import {
  createJob,
  expireJob,
  jobName,
  labelJob,
  taskLabel,
  ttlAnnotation,
  versionOf,
  type FollowedJob,
  type Program,
} from './job.ts'
import { nextLookAt, runs, steady, type Obstacle } from './obstacle.ts'
import { planOf, type CodeAt, type Defined, type Plan } from './plan.ts'
import type { Left } from './result.ts'

/** The status of a task. */
export type Status = StatusOf<KeptnTask>

/** What the controller of tasks is told once. */
export interface Settings {
  /** The namespace whose definitions serve every namespace. */
  readonly namespace: string
  readonly denoImage: string
  readonly pythonImage: string
  readonly eventNames: EventNames
  /** What pods are given besides what their definitions say. */
  readonly taskPods?: TaskPods
}

/** Whether a task's Secret has what the task needs. `unknown`: we may not read it, so the kubelet will tell. */
export type SecretState = 'usable' | 'missing' | 'key-missing' | 'unknown'

/** What was found of the things that a pod would hang on. */
export interface Prerequisites {
  readonly secret?: SecretState
  /** The resource versions of the Secrets that the task is given, by name, as far as we may read them. */
  readonly secretVersions?: Readonly<Record<string, string>>
  /** The code in a user's ConfigMap, or `missing`. */
  readonly code?: { readonly text: string } | 'missing'
  /** Whether the copy of the code is in the task's namespace. */
  readonly isCopied?: boolean
  /** Which of the names a Job may have is free; `undefined`: none. */
  readonly salt?: number
  /** Whether the task's namespace refuses pods that do not say what Pod Security "restricted" asks for. */
  readonly isRestricted?: boolean
}

/** `gone`: it was made, and the API server says that it is no more. `name`: where the task does not say it. */
export type SeenJob =
  | { readonly kind: 'none' }
  | { readonly kind: 'gone'; readonly name?: string }
  | { readonly kind: 'there'; readonly job: FollowedJob }

/** A task, and what there is of its Job or, while there is none, of what it needs. */
export interface Seen {
  readonly now: Date
  readonly settings: Settings
  readonly task: KeptnTask
  readonly definition?: KeptnTaskDefinition
  /** What the definition refers to, as `parentsOf` finds it. */
  readonly parents?: readonly KeptnTaskDefinition[]
  readonly job: SeenJob
  /** There once everything else says that the Job may be made. */
  readonly prerequisites?: Prerequisites
  /** There once it was looked for what keeps the Job's pod from starting. */
  readonly look?: { readonly obstacle?: Obstacle }
  /** There once the Job has failed. */
  readonly ending?: Ending
  /** There once the Job has succeeded, if the task has left something. */
  readonly left?: Left
  /** There once the version that made the task has ended before its time. */
  readonly abandonment?: Abandonment
}

type Problem = Pick<Condition, 'reason' | 'message'>

/** Tells what a task needs next. A task whose outcome is stored is never run again, whatever else was seen. */
export const decide = (seen: Seen): Decision<Status> => {
  const { task, abandonment } = seen
  if (isTerminal(task.status?.status)) return afterEnd(seen)
  return abandonment === undefined || hasOutcome(seen) ? goOn(seen) : stop(seen, abandonment)
}

const hasOutcome = ({ job }: Seen): boolean => job.kind === 'there' && hasEnded(job.job)

const goOn = (seen: Seen): Decision<Status> => {
  const { task, job } = seen
  switch (job.kind) {
    case 'gone':
      return end(seen, {
        state: 'Failed',
        reason: 'JobVanished',
        message: `Job "${task.status?.jobName ?? job.name ?? ''}" was deleted before its outcome was known`,
        at: wholeSeconds(seen.now),
      })
    case 'there':
      return task.status?.jobUid === undefined ? record(seen, job.job) : follow(seen, job.job)
    case 'none':
      return start(seen)
  }
}

/** Tells what a person should know when the API server does not take the Job or the copy of the code. */
export const refused = (seen: Seen, action: Action, error: ApiError): Decision<Status> => {
  if (action.kind !== 'create') return settled
  const isTaken = error.status === 409
  return stall(seen, {
    reason: isTaken ? nameTaken : `${action.type.kind}Refused`,
    message: `The ${action.type.kind} of the task was refused: ${error.message}`,
  })
}

/** The reason of a task whose Job's name somebody else's Job has: another name is looked for. */
export const nameTaken = 'NameTaken'

// Step 4.
const afterEnd = ({ task, job }: Seen): Decision<Status> => {
  const { status, jobUid } = task.status ?? {}
  if (job.kind !== 'there' || isLeaving(job.job)) return settled
  const isStopped = status === 'Deprecated'
  if (jobUid === undefined && !isStopped) return settled
  // Nobody waits for another one: a request that was on its way for long has made it.
  const isUnwanted = isStopped || job.job.metadata.uid !== jobUid
  // One that has ended keeps its output for as long as any other.
  return isUnwanted && !hasEnded(job.job)
    ? { ...settled, actions: [removal(Job, job.job)] }
    : expire(job.job)
}

const expire = (job: FollowedJob): Decision<Status> => {
  if (job.spec.ttlSecondsAfterFinished !== undefined) return settled
  const ttlSeconds = Number.parseInt(job.metadata.annotations?.[ttlAnnotation] ?? '', 10)
  return ttlSeconds >= 0
    ? { ...settled, givesWay: true, actions: [expireJob(job, ttlSeconds)] }
    : settled
}

/** Instead of an outcome. Nothing is deleted before it is stored that nobody waits for it. */
const stop = (seen: Seen, { reason, message }: Abandonment): Decision<Status> => {
  const { task, job, now } = seen
  const made =
    job.kind === 'there'
      ? { jobName: job.job.metadata.name, jobUid: job.job.metadata.uid }
      : undefined
  const status: Status = {
    ...task.status,
    ...made,
    status: 'Deprecated',
    reason,
    message: cutMessage(message),
    endTime: wholeSeconds(now),
    conditions: conditionsOf(seen, { status: 'False', reason, message: cutMessage(message) }),
  }
  const what = { reason: 'ReconcileTask', what: 'Deprecated', message: cutMessage(message) }
  const actions = job.kind === 'there' ? labelIfMissing(job.job, task) : []
  return { status, actions, transitions: [fact(seen, what)] }
}

// Step 1.
const start = (seen: Seen): Decision<Status> => {
  const { task, settings, prerequisites } = seen
  const plan = planOf(task, definedIn(seen), settings.namespace)
  if (plan.kind === 'stalled') return stall(seen, plan)
  if (plan.kind === 'waiting' || prerequisites === undefined) return settled
  const problem = missing(task, plan, prerequisites)
  if (problem !== undefined) {
    const stalled = findCondition(task.status?.conditions, conditionTypes.stalled)
    return { ...stall(seen, problem), wakeAt: nextLook(stalled, seen.now) }
  }
  // The Job follows in the pass that has seen the copy, so that its pod never waits for a volume.
  const copy = copyNeeded(task, plan, prerequisites)
  return { ...settled, actions: [copy ?? makeJob(seen, plan, prerequisites)] }
}

/** The definition of a task with what it refers to; `undefined`: there is none. */
export const definedIn = ({
  definition,
  parents = [],
}: Pick<Seen, 'definition' | 'parents'>): Defined | undefined =>
  definition === undefined ? undefined : { definition, parents }

type Runnable = Exclude<Plan, { kind: 'stalled' | 'waiting' }>

const isCodeAt = (code: CodeAt | RemoteCode): code is CodeAt => 'name' in code

const missing = (
  task: KeptnTask,
  plan: Runnable,
  { secret, code, salt }: Prerequisites,
): Problem | undefined => {
  if (salt === undefined) {
    return {
      reason: nameTaken,
      message: 'All names that the Job may have are taken by other Jobs: delete them',
    }
  }
  if (plan.kind !== 'script') return undefined
  const { namespace = '' } = task.metadata
  return (
    missingSecret(`${namespace}/${plan.secret ?? ''}`, secret) ??
    (code === 'missing' && isCodeAt(plan.code)
      ? {
          reason: 'ConfigMapMissing',
          message: `ConfigMap "${plan.code.namespace}/${plan.code.name}" with the code under the key "${codeKey}" does not exist: create it, and the task starts`,
        }
      : undefined)
  )
}

const missingSecret = (name: string, secret: SecretState | undefined): Problem | undefined => {
  switch (secret) {
    case 'missing':
      return {
        reason: 'SecretMissing',
        message: `Secret "${name}" does not exist: create it with the key "${secureDataKey}", and the task starts`,
      }
    case 'key-missing':
      return {
        reason: 'SecretKeyMissing',
        message: `Secret "${name}" needs a key ${secureDataKey}: add it, and the task starts`,
      }
    case 'usable':
    case 'unknown':
    case undefined:
      return undefined
  }
}

const copyNeeded = (
  task: KeptnTask,
  plan: Runnable,
  { code, isCopied }: Prerequisites,
): Action | undefined => {
  if (plan.kind !== 'script' || !isCodeAt(plan.code)) return undefined
  const text = plan.code.text ?? (typeof code === 'object' ? code.text : undefined)
  if (plan.code.copy === undefined || isCopied === true || text === undefined) return undefined
  return createFunctionConfigMap(task, plan.code.copy, text)
}

const makeJob = (
  { task, settings }: Seen,
  plan: Runnable,
  { salt = 0, secretVersions = {}, isRestricted = false }: Prerequisites,
): Action =>
  createJob({
    task,
    definition: plan.definition,
    program: programOf(plan, settings),
    name: jobName(task, salt),
    timeoutSeconds: plan.timeoutSeconds,
    secretVersions,
    rules: { ...settings.taskPods, isRestricted },
  })

const programOf = (plan: Runnable, { denoImage, pythonImage }: Settings): Program => {
  if (plan.kind === 'container') return { kind: 'container', container: plan.container }
  const { code, language, runtime } = plan
  const images = { deno: denoImage, python: pythonImage }
  return {
    kind: 'script',
    language,
    runtime,
    image: images[language],
    code: isCodeAt(code)
      ? { kind: 'configMap', name: code.copy ?? code.name }
      : { kind: 'url', ...code },
  }
}

// Step 2.
const record = (seen: Seen, job: FollowedJob): Decision<Status> => {
  const { task } = seen
  const { name, uid, creationTimestamp } = job.metadata
  return {
    status: {
      ...unexplained(task.status),
      status: 'Progressing',
      jobName: name,
      jobUid: uid,
      startTime: task.status?.startTime ?? creationTimestamp,
      conditions: conditionsOf(seen, progressing(job)),
    },
    actions: labelIfMissing(job, task),
    transitions: [
      fact(seen, { reason: 'CreateTask', what: 'Job', message: `created Job ${name}` }),
    ],
  }
}

const progressing = ({ metadata }: FollowedJob) =>
  ({
    status: 'Unknown',
    reason: 'Progressing',
    message: `Job "${metadata.name}" runs the task`,
  }) as const

/** What held the task up is no more. */
const unexplained = (status: Status | undefined): Partial<Status> =>
  Object.fromEntries(
    Object.entries(status ?? {}).filter(([name]) => name !== 'reason' && name !== 'message'),
  )

/** Without the label we would not see how the Job ends. Keptn's Jobs have none, and anybody may remove it. */
const labelIfMissing = (job: FollowedJob, task: KeptnTask): readonly Action[] =>
  job.metadata.labels?.[taskLabel] === task.metadata.uid ? [] : [labelJob(job, task)]

// Step 3.
const follow = (seen: Seen, job: FollowedJob): Decision<Status> => {
  const succeeded = trueCondition(job, 'Complete')
  const failed = trueCondition(job, 'Failed')
  if (succeeded !== undefined) return end(seen, outcomeOf(seen, 'Succeeded', succeeded))
  if (failed !== undefined) return end(seen, outcomeOf(seen, 'Failed', failed))
  const decision = isFailing(job) ? keepLastWords(seen) : watchStart(seen, job)
  return { ...decision, actions: labelIfMissing(job, seen.task) }
}

/** Until a pod of the Job runs, the task says what keeps it from that. It goes on meanwhile: the Job tries again by itself. */
const watchStart = (seen: Seen, job: FollowedJob): Decision<Status> => {
  if (runs(job)) return freed(seen, job)
  if (isDecided(job)) return settled
  const wakeAt = nextLookAt(job, seen.now)
  if (seen.look === undefined) return { ...settled, wakeAt }
  const { obstacle } = seen.look
  return { ...(obstacle === undefined ? freed(seen, job) : heldUp(seen, obstacle)), wakeAt }
}

/** What holds a task up, as it says itself. */
export const stalledOf = ({ status }: KeptnTask): Condition | undefined => {
  const stalled = findCondition(status?.conditions, conditionTypes.stalled)
  return stalled?.status === 'True' ? stalled : undefined
}

const freed = (seen: Seen, job: FollowedJob): Decision<Status> => {
  if (stalledOf(seen.task) === undefined) return settled
  const conditions = conditionsOf(seen, progressing(job))
  return { ...settled, status: { status: 'Progressing', ...seen.task.status, conditions } }
}

const heldUp = (seen: Seen, obstacle: Obstacle): Decision<Status> => {
  const before = stalledOf(seen.task)
  const { reason, message } = steady(obstacle, before)
  const conditions = withCondition(
    seen.task.status?.conditions,
    { type: conditionTypes.stalled, status: 'True', reason, message },
    seen.now,
  )
  const what = { reason: 'ReconcileTask', what: reason, message, severity: 'Warning' } as const
  return {
    status: { status: 'Progressing', ...seen.task.status, conditions },
    actions: [],
    transitions: before?.reason === reason ? [] : [fact(seen, what)],
  }
}

/** Tells whether a Job is sure to fail, though its pods may not have ended. */
export const isFailing = (job: FollowedJob): boolean =>
  trueCondition(job, 'Failed') !== undefined || trueCondition(job, 'FailureTarget') !== undefined

/** Tells whether a Job has succeeded. */
export const hasSucceeded = (job: FollowedJob): boolean =>
  trueCondition(job, 'Complete') !== undefined

/** Tells whether a Job has ended. */
export const hasEnded = (job: FollowedJob): boolean =>
  trueCondition(job, 'Failed') !== undefined || hasSucceeded(job)

/** Tells whether it is sure what a Job comes to, though its pods may not have ended. */
export const isDecided = (job: FollowedJob): boolean =>
  hasEnded(job) || isFailing(job) || trueCondition(job, 'SuccessCriteriaMet') !== undefined

/** Tells whether somebody has suspended a Job. */
export const isSuspended = (job: FollowedJob): boolean =>
  trueCondition(job, 'Suspended') !== undefined

// `SuccessCriteriaMet` and `FailureTarget` say what a Job will come to while its pods still run: no outcome yet.
const trueCondition = (job: FollowedJob, type: string): JobCondition | undefined =>
  job.status?.conditions?.find(
    (condition) => condition.type === type && condition.status === 'True',
  )

/** A Job that fails by its deadline takes its pods with it, so what they say is stored before it has ended. */
const keepLastWords = (seen: Seen): Decision<Status> => {
  const { task } = seen
  const words = lastWords(seen)
  if (words === '' || task.status?.message !== undefined) return settled
  return {
    ...settled,
    status: { status: 'Progressing', ...task.status, message: words, ...factsOf(seen) },
  }
}

/** What a pod has told besides words. */
const factsOf = ({ ending, left }: Seen): Pick<Status, 'exitCode' | 'result'> => {
  const { exitCode } = ending ?? {}
  const result = left?.kind === 'result' ? left.result : ending?.result
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(result === undefined ? {} : { result }),
  }
}

interface Outcome {
  readonly state: 'Succeeded' | 'Failed'
  readonly reason: string
  readonly message: string
  readonly at: string
}

const outcomeOf = (seen: Seen, state: Outcome['state'], condition: JobCondition): Outcome => {
  const { reason, message = '', lastTransitionTime = wholeSeconds(seen.now) } = condition
  const words = state === 'Failed' ? lastWords(seen) : ''
  return {
    state,
    reason: reason ?? state,
    message: [message, words].filter((part) => part !== '').join('\n'),
    at: lastTransitionTime,
  }
}

const lastWords = ({ task, ending = {} }: Seen): string => {
  // A try that never ran has less to say than what kept it from that; a pod that could not be made has nothing.
  const hasRun = (ending.exitCode ?? task.status?.exitCode) !== undefined
  const obstacle = hasRun ? undefined : stalledOf(task)?.message
  return obstacle ?? (wordsOf(ending) || (task.status?.message ?? ''))
}

const wordsOf = ({ exitCode, cause, output }: Ending): string => {
  const why = cause === undefined ? '' : ` (${cause})`
  const code = exitCode === undefined ? [] : [`Exit code ${exitCode}${why}`]
  return [...code, ...(output === undefined ? [] : [output])].join(': ')
}

const end = (seen: Seen, outcome: Outcome): Decision<Status> => {
  const { state, reason, message, at } = outcome
  const name = seen.task.spec.taskDefinition
  const conditions = conditionsOf(seen, {
    status: state === 'Succeeded' ? 'True' : 'False',
    reason: isReason(reason) ? reason : state,
    message: cutMessage(message),
  })
  return {
    status: {
      ...seen.task.status,
      status: state,
      reason,
      message,
      ...factsOf(seen),
      startTime: seen.task.status?.startTime ?? at,
      endTime: at,
      conditions: withUnusable(seen, conditions),
    },
    actions: [],
    transitions: [
      fact(seen, {
        reason: 'ReconcileTask',
        what: state,
        message:
          state === 'Succeeded'
            ? `task ${name} has succeeded`
            : `task ${name} has failed: ${reason}: ${message}`,
        ...(state === 'Failed' ? { severity: 'Warning' } : {}),
      }),
      ...unusableFacts(seen),
    ],
  }
}

/** A result that is none never fails a task: that is said, and nothing is kept of it. */
const withUnusable = (
  { left, now }: Seen,
  conditions: readonly Condition[],
): readonly Condition[] => {
  if (left?.kind !== 'unusable') return conditions
  const { reason, message } = left
  const type = conditionTypes.resultUnusable
  return withCondition(conditions, { type, status: 'True', reason, message }, now)
}

const unusableFacts = (seen: Seen): readonly Transition[] => {
  const { left } = seen
  if (left?.kind !== 'unusable') return []
  const { reason: what, message } = left
  return [fact(seen, { reason: conditionTypes.resultUnusable, what, message, severity: 'Warning' })]
}

const isReason = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_,:]*$/.test(text)

/** The conditions of a task that is not held up any more. */
const conditionsOf = (
  { task, now }: Seen,
  ready: Pick<Condition, 'status' | 'reason' | 'message'>,
): readonly Condition[] => {
  const conditions = withCondition(
    task.status?.conditions,
    { type: conditionTypes.ready, ...ready },
    now,
  )
  const { stalled } = conditionTypes
  return findCondition(conditions, stalled) === undefined
    ? conditions
    : withCondition(
        conditions,
        { type: stalled, status: 'False', reason: 'Proceeding', message: '' },
        now,
      )
}

const stall = (seen: Seen, { reason, message }: Problem): Decision<Status> => {
  const { task, now, settings } = seen
  const isKnown = stalledOf(task)?.reason === reason
  const words = cutMessage(message)
  const isNotFound = reason === 'DefinitionNotFound' || reason === parentNotFound
  const keptnReason = isNotFound ? 'CreateTaskNotFound' : 'CreateTaskFailed'
  return {
    status: {
      status: 'Pending',
      ...task.status,
      reason,
      message: words,
      conditions: withCondition(
        task.status?.conditions,
        { type: conditionTypes.stalled, status: 'True', reason, message: words },
        now,
      ),
    },
    actions: [],
    transitions: isKnown
      ? []
      : [
          fact(seen, {
            reason: settings.eventNames === 'keptn' ? keptnReason : 'CreateTask',
            what: reason,
            message: words,
            severity: 'Warning',
          }),
        ],
  }
}

const fact = (
  { task, settings, now }: Seen,
  what: Parameters<typeof factTransition>[1],
): Transition => {
  const { context = {}, taskDefinition } = task.spec
  const telling = {
    subject: task,
    version: versionOf(task),
    eventNames: settings.eventNames,
    now,
  }
  return {
    ...factTransition(telling, what),
    attributes: {
      appName: context.appName ?? '',
      appVersion: context.appVersion ?? '',
      workloadName: context.workloadName ?? '',
      workloadVersion: context.workloadVersion ?? '',
      taskName: task.metadata.name,
      taskDefinitionName: taskDefinition,
    },
  }
}
