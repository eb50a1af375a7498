/**
 * Walks a version through its phases: the one place where the order of phases, what a failure skips and what is told about
 * it are decided, for apps and workloads alike. The tables are in `phases.ts`.
 *
 * @module
 */
import type { Condition, ItemStatus, State } from '../api/index.ts'
import { conditionTypes, KeptnTask } from '../api/index.ts'
import { settled, type Action, type Decision, type Transition } from '../kube/decision.ts'
import type { ApiError } from '../kube/errors.ts'
import { findCondition, withCondition, wholeSeconds } from '../kube/conditions.ts'
import { checkPhase } from './checks/check-phase.ts'
import type { Obstacle } from './checks/order.ts'
import { isPassed, isTerminal } from './checks/roll-up.ts'
import type { Children, Definitions, Parent } from './children.ts'
import type { LifecycleConfig } from './config.ts'
import {
  completedPhase,
  type CheckItems,
  type CheckList,
  type CheckPhase,
  type Phase,
} from './phases.ts'
import {
  completedTransition,
  cutMessage,
  factTransition,
  phaseTransition,
  type Telling,
} from './transitions.ts'

/** What every version's status has, besides the states of its phases. */
export interface VersionStatus {
  readonly status: State
  readonly currentPhase?: string
  readonly startTime?: string
  readonly endTime?: string
  readonly conditions?: readonly Condition[]
}

/** What a phase has come to, and what it changes in the status besides its own state. */
export interface PhaseResult<Status> {
  readonly state: State
  readonly actions?: readonly Action[]
  /** Why it failed or what it waits for, for people. */
  readonly detail?: string
  /** Definitions that do not exist: a person must make them. */
  readonly missing?: readonly string[]
  /** What else a person must change before all of it can be run. */
  readonly obstacles?: readonly Obstacle[]
  readonly changes?: Partial<Status>
  /** What there is to tell besides that the phase was entered or left. */
  readonly transitions?: readonly Transition[]
  readonly wakeAt?: Date | undefined
}

/** What the walk needs to know. */
export interface Walk<
  StateField extends string,
  Status extends VersionStatus & Record<StateField, State>,
> {
  readonly level: 'App' | 'Workload'
  readonly phases: readonly Phase<StateField>[]
  /** The status that is stored, or the one a version begins with. */
  readonly status: Status
  readonly run: (phase: Phase<StateField>, status: Status) => PhaseResult<Status>
  /** Whether a phase is switched off: it is passed over and keeps its state. */
  readonly isOff?: (phase: Phase<StateField>) => boolean
  readonly telling: Telling
}

/** The status as it changes along the walk, and what has to be done and told. */
interface Step<Status> {
  readonly status: Status
  readonly actions: readonly Action[]
  readonly transitions: readonly Transition[]
}

/** The API server takes 32 KiB of a condition's message; tasks that fail may have much to say. */
const longestCondition = 4096

const setCondition = <Status extends VersionStatus>(
  status: Status,
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: Date,
): Status => {
  const message = cutMessage(condition.message, longestCondition)
  return { ...status, conditions: withCondition(status.conditions, { ...condition, message }, now) }
}

const quoted = (definition: string): string => `"${definition}"`

/** What holds a phase up until a person acts. */
type Held = Required<Pick<PhaseResult<unknown>, 'missing' | 'obstacles'>>

const notFound = 'DefinitionNotFound'
const absentWords = 'No definition'

/** Says what holds a version up until a person acts. */
const withStalled = <Status extends VersionStatus>(
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

const sentenceOf = ({ message }: Obstacle): string => message

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
const toldOf = (
  telling: Telling,
  phase: Phase,
  { missing, obstacles }: Held,
  said: string,
): readonly Transition[] => {
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
      what,
      message: `${phase.longName}: ${message}`,
      severity: 'Warning',
    }),
  )
}

const enter = <Status extends VersionStatus>(
  step: Step<Status>,
  phase: Phase,
  telling: Telling,
): Step<Status> =>
  step.status.currentPhase === phase.name
    ? step
    : {
        ...step,
        status: { ...step.status, currentPhase: phase.name, status: 'Progressing' },
        transitions: [...step.transitions, phaseTransition(telling, phase, 'Started')],
      }

const fail = <StateField extends string, Status extends VersionStatus & Record<StateField, State>>(
  walk: Walk<StateField, Status>,
  step: Step<Status>,
  failed: Phase<StateField>,
  detail: string,
): Decision<Status> => {
  const { now } = walk.telling
  const later = walk.phases.slice(walk.phases.indexOf(failed) + 1)
  const skipped = Object.fromEntries(later.map((phase) => [phase.state, 'Deprecated']))
  const ended: Status = { ...step.status, ...skipped, status: 'Failed', endTime: wholeSeconds(now) }
  const reason = `${failed.name}Failed`
  const status = setCondition(
    withoutStalled(ended, now),
    { type: conditionTypes.ready, status: 'False', reason, message: detail },
    now,
  )
  return {
    status,
    actions: step.actions,
    transitions: [...step.transitions, phaseTransition(walk.telling, failed, 'Errored', detail)],
  }
}

/** Whether this is how far a phase is that was entered before: no check of it has come to an end since. */
const isUnderWay = (phase: Phase, before: VersionStatus, now: VersionStatus): boolean => {
  if (before.currentPhase !== phase.name) return false
  if (phase.runs === 'deployment') return true
  const endedIn = (status: VersionStatus): readonly (string | undefined)[] => {
    const items = (status as Partial<Record<CheckItems, readonly ItemStatus[]>>)[phase.items] ?? []
    return items.filter((item) => isTerminal(item.status)).map(({ name }) => name)
  }
  const endedBefore = endedIn(before)
  return endedIn(now).every((name) => endedBefore.includes(name))
}

const wait = <StateField extends string, Status extends VersionStatus & Record<StateField, State>>(
  { telling, status: before }: Walk<StateField, Status>,
  step: Step<Status>,
  phase: Phase,
  result: PhaseResult<Status>,
): Decision<Status> => {
  const waiting = setCondition(
    step.status,
    {
      type: conditionTypes.ready,
      status: 'Unknown',
      reason: phase.name,
      message: result.detail ?? '',
    },
    telling.now,
  )
  const held: Held = { missing: result.missing ?? [], obstacles: result.obstacles ?? [] }
  const told = toldOf(telling, phase, held, saidOf(step.status))
  return {
    status: withStalled(waiting, held, telling.now),
    actions: step.actions,
    transitions: [...step.transitions, ...told],
    mayWait: isUnderWay(phase, before, step.status),
    wakeAt: result.wakeAt,
  }
}

const complete = <Status extends VersionStatus>(
  step: Step<Status>,
  level: 'App' | 'Workload',
  telling: Telling,
): Decision<Status> => {
  const ended: Status = {
    ...step.status,
    currentPhase: completedPhase,
    status: 'Succeeded',
    endTime: wholeSeconds(telling.now),
  }
  const ready = {
    type: conditionTypes.ready,
    status: 'True',
    reason: completedPhase,
    message: 'All phases are passed',
  } as const
  return {
    status: withoutStalled(setCondition(ended, ready, telling.now), telling.now),
    actions: step.actions,
    transitions: [...step.transitions, completedTransition(telling, level)],
  }
}

/** The step with what a phase has come to. */
const afterRun = <StateField extends string, Status extends VersionStatus>(
  step: Step<Status>,
  phase: Phase<StateField>,
  { state, changes, actions = [], transitions = [] }: PhaseResult<Status>,
): Step<Status> => ({
  status: { ...step.status, ...changes, [phase.state]: state },
  actions: [...step.actions, ...actions],
  transitions: [...step.transitions, ...transitions],
})

/**
 * Tells where a version that has begun and not ended goes from here: as many phases as are passed already, in one pass.
 *
 * A phase is passed on what its children's stored statuses say, so a crash at any point leads to the same walk again.
 */
export const walkPhases = <
  StateField extends string,
  Status extends VersionStatus & Record<StateField, State>,
>(
  walk: Walk<StateField, Status>,
): Decision<Status> => {
  const { telling, phases, level } = walk
  const begun: Status = {
    ...walk.status,
    startTime: walk.status.startTime ?? wholeSeconds(telling.now),
  }
  let step: Step<Status> = { status: begun, actions: [], transitions: [] }
  for (const phase of phases) {
    if (isPassed(step.status[phase.state]) || walk.isOff?.(phase) === true) continue
    step = enter(step, phase, telling)
    const result = walk.run(phase, step.status)
    step = afterRun(step, phase, result)
    if (result.state === 'Failed') return fail(walk, step, phase, result.detail ?? '')
    if (!isPassed(result.state)) return wait(walk, step, phase, result)
    step = {
      ...step,
      transitions: [...step.transitions, phaseTransition(telling, phase, 'Succeeded')],
    }
  }
  return complete(step, level, telling)
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

/** How a version ends that nobody wants any more. */
export interface Deprecation<Status> {
  readonly phases: readonly Phase[]
  readonly status: Status
  readonly reason: string
  readonly message: string
  /** Whether not even the phases count that it has passed. */
  readonly isVoid: boolean
  readonly telling: Telling
}

/** Ends a version before its time. `currentPhase` stays where it was, and tells how far it had come. */
export const deprecate = <Status extends VersionStatus>(
  of: Deprecation<Status>,
): Decision<Status> => {
  const { phases, status, reason, message, isVoid, telling } = of
  const stateOf = (phase: Phase): unknown => (status as Record<string, unknown>)[phase.state]
  const skipped = phases.filter((phase) => isVoid || !isPassed(stateOf(phase) as State))
  const ended: Status = {
    ...status,
    ...Object.fromEntries(skipped.map((phase) => [phase.state, 'Deprecated'])),
    status: 'Deprecated',
    endTime: status.endTime ?? wholeSeconds(telling.now),
  }
  const ready = { type: conditionTypes.ready, status: 'False', reason, message } as const
  return {
    status: withoutStalled(setCondition(ended, ready, telling.now), telling.now),
    actions: [],
    transitions: [factTransition(telling, { reason: 'Deprecated', what: reason, message })],
  }
}

/** What both kinds of version are looked at with when one of their check phases is run. */
export interface ChecksSeen {
  readonly version: { readonly spec: Readonly<Partial<Record<CheckList, readonly string[]>>> }
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
}

/** Runs a phase of tasks or evaluations, for apps and workloads alike. */
export const runChecks = <Status extends Partial<Record<CheckItems, readonly ItemStatus[]>>>(
  seen: ChecksSeen,
  parent: Parent,
  phase: CheckPhase,
  status: Status,
): PhaseResult<Status> => {
  const { state, actions, detail, missing, stuck, items } = checkPhase({
    parent,
    phase,
    listed: seen.version.spec[phase.list] ?? [],
    recorded: status[phase.items] ?? [],
    children: seen.children,
    definitions: seen.definitions,
    blocking: seen.config.blocking,
  })
  // Those that depend on each other have one obstacle.
  const obstacles = [...new Map([...stuck.values()].map((each) => [each.message, each])).values()]
  // An empty list is left out, as Keptn does.
  const changes = items.length === 0 ? {} : ({ [phase.items]: items } as Partial<Status>)
  return { state, actions, detail, missing, obstacles, changes }
}
