/**
 * Walks a version through its phases: the one place where the order of phases, what a failure skips and what is told about
 * it are decided, for apps and workloads alike. The tables are in `phases.ts`.
 *
 * | A phase                    | The version                                                |
 * | -------------------------- | ---------------------------------------------------------- |
 * | is passed, or switched off | goes on with the next one, in the same pass                |
 * | has not come to an end     | waits in it, and says for what, or for whom (`held-up.ts`) |
 * | has failed                 | ends as `Failed`, and the later phases as `Deprecated`     |
 *
 * A version that has passed them all ends as `Succeeded`; one that nobody wants any more, as `Deprecated`.
 *
 * @module
 */
import { conditionTypes, type ItemStatus, type State } from '../api/index.ts'
import type { VersionTrace } from '../identity/trace.ts'
import { wholeSeconds } from '../kube/conditions.ts'
import type { Action, Decision, Transition } from '../kube/decision.ts'
import type { Obstacle } from './checks/order.ts'
import { isPassed, isTerminal } from './checks/roll-up.ts'
import { changedFacts } from './changed.ts'
import { toldOf, withoutStalled, withStalled, type Held } from './held-up.ts'
import { madeFacts } from './made.ts'
import { withPhaseBegun, withPhasesEnded } from './phase-times.ts'
import { withPhaseTraced } from './phase-traces.ts'
import { completedPhase, type CheckItems, type Phase } from './phases.ts'
import {
  completedTransition,
  factTransition,
  failedTransitions,
  phaseTransition,
  type Telling,
} from './transitions.ts'
import { setCondition, type VersionStatus } from './version-status.ts'

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
  /** Its spans; missing: nobody is told of spans. */
  readonly trace?: VersionTrace | undefined
}

/** The status as it changes along the walk, and what has to be done and told. */
interface Step<Status> {
  readonly status: Status
  readonly actions: readonly Action[]
  readonly transitions: readonly Transition[]
}

/** The step with which a version enters a phase, unless it is in it already. */
const enter = <Status extends VersionStatus>(
  step: Step<Status>,
  phase: Phase,
  { telling, trace }: { readonly telling: Telling; readonly trace?: VersionTrace | undefined },
): Step<Status> => {
  if (step.status.currentPhase === phase.name) return step
  const entered: Status = { ...step.status, currentPhase: phase.name, status: 'Progressing' }
  return {
    ...step,
    status: withPhaseTraced(withPhaseBegun(entered, phase, telling.now), phase, trace),
    transitions: [...step.transitions, phaseTransition(telling, phase, 'Started')],
  }
}

/** Ends a version with a phase that has failed: those after it are skipped. */
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
    withoutStalled(withPhasesEnded(ended, walk.phases, now), now),
    { type: conditionTypes.ready, status: 'False', reason, message: detail },
    now,
  )
  return {
    status,
    actions: step.actions,
    transitions: [
      ...step.transitions,
      phaseTransition(walk.telling, failed, 'Errored', detail),
      ...failedTransitions(walk.telling, walk.level),
    ],
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

/** Stays in a phase, and says what for. */
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
  const told = toldOf(telling, phase, held, step.status)
  return {
    status: withStalled(waiting, held, telling.now),
    actions: step.actions,
    transitions: [...step.transitions, ...told],
    mayWait: isUnderWay(phase, before, step.status),
    wakeAt: result.wakeAt,
  }
}

/** Ends a version that has passed all phases. */
const complete = <Status extends VersionStatus>(
  step: Step<Status>,
  {
    level,
    phases,
    telling,
  }: {
    readonly level: 'App' | 'Workload'
    readonly phases: readonly Phase[]
    readonly telling: Telling
  },
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
    status: withoutStalled(
      // One that was switched off on the way has not ended yet.
      setCondition(withPhasesEnded(ended, phases, telling.now), ready, telling.now),
      telling.now,
    ),
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
    step = enter(step, phase, walk)
    const result = walk.run(phase, step.status)
    const before = step.status
    step = afterRun(step, phase, result)
    const made = madeFacts(telling, phase, result.actions ?? [])
    const changed = changedFacts(telling, phase, before, step.status)
    step = { ...step, transitions: [...step.transitions, ...made, ...changed] }
    if (result.state === 'Failed') return fail(walk, step, phase, result.detail ?? '')
    if (!isPassed(result.state)) return wait(walk, step, phase, result)
    step = {
      ...step,
      status: withPhasesEnded(step.status, [phase], telling.now),
      transitions: [...step.transitions, phaseTransition(telling, phase, 'Succeeded')],
    }
  }
  return complete(step, { level, phases, telling })
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
    status: withoutStalled(
      setCondition(withPhasesEnded(ended, phases, telling.now), ready, telling.now),
      telling.now,
    ),
    actions: [],
    transitions: [factTransition(telling, { reason: 'Deprecated', what: reason, message })],
  }
}
