/**
 * Step 3 of a task: its outcome, and what is kept of what its pods have told.
 *
 * A task that has succeeded may have left a result. One that has failed has last words: the exit code and the end of what it
 * printed; or what kept its pod from starting, if it never ran.
 *
 * @module
 */
import { conditionTypes, type Condition } from '../../api/index.ts'
import type { JobCondition } from '../../api/kubernetes.ts'
import { withCondition, wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import { cutMessage } from '../transitions.ts'
import type { Ending } from './ending.ts'
import type { Seen, Status } from './seen.ts'
import { conditionsOf, endFacts, fact, stalledOf } from './telling.ts'

/** How a task has ended. */
export interface Outcome {
  readonly state: 'Succeeded' | 'Failed'
  readonly reason: string
  readonly message: string
  readonly at: string
}

/** The outcome that a Job's condition tells, with the last words of a task that has failed. */
export const outcomeOf = (
  seen: Seen,
  state: Outcome['state'],
  condition: JobCondition,
): Outcome => {
  const { reason, message = '', lastTransitionTime = wholeSeconds(seen.now) } = condition
  const words = state === 'Failed' ? lastWords(seen) : ''
  return {
    state,
    reason: reason ?? state,
    message: [message, words].filter((part) => part !== '').join('\n'),
    at: lastTransitionTime,
  }
}

/** A Job that fails by its deadline takes its pods with it, so what they say is stored before it has ended. */
export const keepLastWords = (seen: Seen): Decision<Status> => {
  const { task } = seen
  const words = lastWords(seen)
  if (words === '' || task.status?.message !== undefined) return settled
  return {
    ...settled,
    status: { status: 'Progressing', ...task.status, message: words, ...factsOf(seen) },
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

/** Stores the outcome of a task, with what it has left, and tells of it. */
export const end = (seen: Seen, outcome: Outcome): Decision<Status> => {
  const { state, reason, message, at } = outcome
  const conditions = conditionsOf(seen, {
    status: state === 'Succeeded' ? 'True' : 'False',
    reason: isReason(reason) ? reason : state,
    message: cutMessage(message),
  })
  const status: Status = {
    ...seen.task.status,
    status: state,
    reason,
    message,
    ...factsOf(seen),
    startTime: seen.task.status?.startTime ?? at,
    endTime: at,
    conditions: withUnusable(seen, conditions),
  }
  const ended = endFacts({ ...seen, task: { ...seen.task, status } })
  return { status, actions: [], transitions: [...ended, ...unusableFacts(seen)] }
}

const isReason = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_,:]*$/.test(text)

/** What a pod has told besides words. */
const factsOf = ({ ending, left }: Seen): Pick<Status, 'exitCode' | 'result'> => {
  const { exitCode } = ending ?? {}
  const result = left?.kind === 'result' ? left.result : ending?.result
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(result === undefined ? {} : { result }),
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
