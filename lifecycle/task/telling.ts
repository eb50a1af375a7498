/**
 * What a task says of itself, in its conditions, and what is told about it.
 *
 * - **Ready** is `Unknown` while the task goes on, `True` once it has succeeded, `False` once it has failed or was stopped.
 * - **Stalled** is `True` while something holds the task up, before its Job is made (`stall`) or while the Job's pod does
 *   not start (`pod-start.ts`), and `False` once it goes on. A task that was never held up does not have it.
 *
 * @module
 */
import { conditionTypes, type Condition, type KeptnTask } from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import type { Decision, Transition } from '../../kube/decision.ts'
import { parentNotFound } from '../task-definition/lineage.ts'
import { cutMessage, factTransition } from '../transitions.ts'
import { versionOf, type FollowedJob } from './job.ts'
import type { Seen, Settings, Status } from './seen.ts'

/** What is in the way of a task, for people. */
export type Problem = Pick<Condition, 'reason' | 'message'>

/** What holds a task up, as it says itself. */
export const stalledOf = ({ status }: KeptnTask): Condition | undefined => {
  const stalled = findCondition(status?.conditions, conditionTypes.stalled)
  return stalled?.status === 'True' ? stalled : undefined
}

/** What a task says of itself while its Job runs it. */
export const progressing = ({ metadata }: FollowedJob) =>
  ({
    status: 'Unknown',
    reason: 'Progressing',
    message: `Job "${metadata.name}" runs the task`,
  }) as const

/** The conditions of a task that is not held up any more. */
export const conditionsOf = (
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

/** Says what keeps a task from starting, and tells of it once. */
export const stall = (seen: Seen, { reason, message }: Problem): Decision<Status> => {
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

/** A task to tell of, in whose words, and when it became true. */
export interface About {
  readonly task: KeptnTask
  readonly settings: Pick<Settings, 'eventNames'>
  readonly now: Date
}

/** What is told of a task once it says that its Job is made. */
export const startFact = (about: About, job: string): Transition =>
  fact(about, { reason: 'CreateTask', what: 'Job', message: `created Job ${job}` })

/** What is told of a task that has come to its end, as its status says it. */
export const endFacts = (about: About): readonly Transition[] => {
  const { spec, status } = about.task
  const { status: state, reason = '', message = '' } = status ?? {}
  const name = spec.taskDefinition
  const told = { reason: 'ReconcileTask', what: String(state) } as const
  if (state === 'Succeeded')
    return [fact(about, { ...told, message: `task ${name} has succeeded` })]
  if (state === 'Deprecated') return [fact(about, { ...told, message })]
  if (state !== 'Failed') return []
  const words = `task ${name} has failed: ${reason}: ${message}`
  return [fact(about, { ...told, message: words, severity: 'Warning' })]
}

/** Something to tell about a task. */
export const fact = (
  { task, settings, now }: About,
  what: Parameters<typeof factTransition>[1],
): Transition => {
  const telling = {
    subject: task,
    version: versionOf(task),
    eventNames: settings.eventNames,
    now,
  }
  return factTransition(telling, what)
}
