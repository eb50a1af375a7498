/**
 * What a version says of what holds it up until a person acts: definitions that do not exist, tasks that cannot be run in the
 * order they ask for, a task or evaluation that the API server does not take.
 *
 * All of it stands in one condition, `Stalled`. What is new in it is told, once: what the condition has said already is no
 * news.
 *
 * @module
 */
import { conditionTypes, KeptnTask } from '../api/index.ts'
import { findCondition } from '../kube/conditions.ts'
import { settled, type Action, type Decision, type Transition } from '../kube/decision.ts'
import type { ApiError } from '../kube/errors.ts'
import type { Obstacle } from './checks/order.ts'
import type { Phase } from './phases.ts'
import { cutMessage, factTransition, type Telling } from './transitions.ts'
import { setCondition, type VersionStatus } from './version-status.ts'

/** What holds a phase up until a person acts. */
export interface Held {
  /** Definitions that do not exist. */
  readonly missing: readonly string[]
  readonly obstacles: readonly Obstacle[]
}

const notFound = 'DefinitionNotFound'
const absentWords = 'No definition'

const quoted = (definition: string): string => `"${definition}"`

const sentenceOf = ({ message }: Obstacle): string => message

/** Says what holds a version up until a person acts. */
export const withStalled = <Status extends VersionStatus>(
  status: Status,
  { missing, obstacles }: Held,
  now: Date,
): Status => {
  const [first] = obstacles
  const reason = missing.length > 0 ? notFound : first?.reason
  if (reason === undefined) return withoutStalled(status, now)
  const absent = `${absentWords} ${missing.map(quoted).join(', ')} exists: create it in this namespace or in the namespace of Gatekept`
  const sentences = [...(missing.length > 0 ? [absent] : []), ...obstacles.map(sentenceOf)]
  const stalled = {
    type: conditionTypes.stalled,
    status: 'True',
    message: sentences.join('; '),
  } as const
  return setCondition(status, { ...stalled, reason }, now)
}

/** Takes back that a version is held up, if that was said: nothing holds it up, or nothing can go on any more. */
export const withoutStalled = <Status extends VersionStatus>(status: Status, now: Date): Status => {
  const type = conditionTypes.stalled
  if (findCondition(status.conditions, type) === undefined) return status
  return setCondition(status, { type, status: 'False', reason: 'Proceeding', message: '' }, now)
}

/** What was said already of what holds the version up; `''`: nothing. */
const saidOf = (status: VersionStatus): string => {
  const stalled = findCondition(status.conditions, conditionTypes.stalled)
  return stalled?.status === 'True' ? stalled.message : ''
}

/** Tells of each thing that holds a version up, once. */
export const toldOf = (
  telling: Telling,
  phase: Phase,
  { missing, obstacles }: Held,
  before: VersionStatus,
): readonly Transition[] => {
  const said = saidOf(before)
  const saidAbsent = said.split('; ').find((sentence) => sentence.startsWith(absentWords)) ?? ''
  // What the condition says already is no news.
  const news = [
    ...missing
      .filter((definition) => !saidAbsent.includes(quoted(definition)))
      .map((definition) => ({
        reason: notFound,
        what: definition,
        message: `definition "${definition}" does not exist; create it, and the version goes on`,
      })),
    ...obstacles
      .filter(({ message }) => !said.includes(message))
      .map(({ reason, message }) => ({ reason, what: message, message })),
  ]
  return news.map(({ reason, what, message }) =>
    factTransition(telling, {
      reason: `${phase.name}${reason}`,
      phase: phase.name,
      what,
      message: `${phase.longName}: ${message}`,
      severity: 'Warning',
    }),
  )
}

/** What a version says when the API server does not take one of its tasks or evaluations: by whose word, and once. */
export const sayRefused = <Status extends VersionStatus>(
  status: Status,
  { action, error, telling }: { action: Action; error: ApiError; telling: Telling },
): Decision<Status> => {
  if (action.kind !== 'create') return settled
  const { kind } = action.type
  const { name } = action.object.metadata
  const reason = `${kind}Refused`
  const message = cutMessage(`${kind} "${name}" was refused: ${error.message}`)
  const before = findCondition(status.conditions, conditionTypes.stalled)
  const isTold = before?.status === 'True' && before.reason === reason
  const stalled = { type: conditionTypes.stalled, status: 'True', reason, message } as const
  const isTask = kind === KeptnTask.kind
  const words = isTask ? 'CreateTask' : 'CreateEvaluation'
  const fact = {
    reason: telling.eventNames === 'keptn' ? `${words}Failed` : words,
    what: `${reason}/${name}`,
    message,
    severity: 'Warning',
  } as const
  return {
    status: setCondition(status, stalled, telling.now),
    actions: [],
    transitions: isTold ? [] : [factTransition(telling, fact)],
  }
}
