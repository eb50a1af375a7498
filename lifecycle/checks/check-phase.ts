/**
 * One phase of tasks or evaluations: what it has, what it still needs, what it has come to.
 *
 * @module
 */
import type { ItemStatus, State } from '../../api/index.ts'
import type { Action } from '../../kube/decision.ts'
import {
  createEvaluation,
  createTask,
  nameOfChild,
  namesIn,
  type Children,
  type Definitions,
  type Parent,
  type Results,
} from '../children.ts'
import { describeEvaluation } from '../evaluation/describe.ts'
import type { CheckPhase } from '../phases.ts'
import { turnsIn, type Obstacle, type Turn } from './order.ts'
import { isPassed, isTerminal, rollUp } from './roll-up.ts'

/** Where a phase stands, and what has to happen for it to go on. */
export interface PhaseProgress {
  readonly state: State
  readonly items: readonly ItemStatus[]
  readonly actions: readonly Action[]
  /** Names of definitions that do not exist. */
  readonly missing: readonly string[]
  /** What keeps definitions from ever being run as they are, by their names. */
  readonly stuck: ReadonlyMap<string, Obstacle>
  /** What is under way, or why it failed, for people. */
  readonly detail: string
}

/** A child as both kinds of phase see it. */
interface Child {
  readonly name: string
  readonly state: State
  readonly startTime: string | undefined
  readonly endTime: string | undefined
  /** What its status says about how it stands, for people. */
  readonly why: string | undefined
  /** What it has left for those that depend on it. */
  readonly result?: unknown
}

const childrenOf = (phase: CheckPhase, children: Children): readonly Child[] =>
  phase.runs === 'tasks'
    ? children.tasks.map((task) => ({
        name: task.metadata.name,
        state: task.status?.status ?? 'Pending',
        startTime: task.status?.startTime,
        endTime: task.status?.endTime,
        why: task.status?.message,
        result: task.status?.result,
      }))
    : children.evaluations.map((evaluation) => ({
        name: evaluation.metadata.name,
        state: evaluation.status?.overallStatus ?? 'Pending',
        startTime: evaluation.status?.startTime,
        endTime: evaluation.status?.endTime,
        // Until it has a status there is nothing to say about it that its state does not say.
        why: evaluation.status === undefined ? undefined : describeEvaluation(evaluation),
      }))

/** What a definition of this phase depends on. */
const dependenciesIn =
  ({ phase, definitions }: CheckPhaseSeen) =>
  (name: string): readonly string[] =>
    phase.runs === 'tasks' ? namesIn(definitions.tasks.get(name)?.spec.dependsOn) : []

/** What those have left that a definition depends on; `undefined`: it depends on none. */
const resultsFor = (
  seen: CheckPhaseSeen,
  name: string,
  existing: readonly Child[],
): Results | undefined => {
  const dependencies = dependenciesIn(seen)(name)
  if (dependencies.length === 0) return undefined
  return Object.fromEntries(
    dependencies.flatMap((dependency) => {
      const { child, item } = madeOf(seen, dependency, existing) ?? {}
      // One that was skipped may have left something and failed.
      const isGood = item?.status === 'Succeeded' && child?.result !== undefined
      return isGood ? [[dependency, child.result]] : []
    }),
  )
}

const createFor = (
  seen: CheckPhaseSeen,
  name: string,
  existing: readonly Child[],
): Action | undefined => {
  const { parent, phase, definitions } = seen
  if (phase.runs === 'tasks') {
    const definition = definitions.tasks.get(name)
    const results = resultsFor(seen, name, existing)
    return definition && createTask(parent, phase, definition, results)
  }
  const definition = definitions.evaluations.get(name)
  return definition && createEvaluation(parent, phase, definition)
}

const itemOf = (definitionName: string, child: Child): ItemStatus => ({
  definitionName,
  name: child.name,
  status: child.state,
  ...(child.startTime === undefined ? {} : { startTime: child.startTime }),
  ...(child.endTime === undefined ? {} : { endTime: child.endTime }),
})

/** What becomes of one definition of the list. */
type Part =
  | {
      readonly kind: 'item'
      readonly item: ItemStatus
      readonly why: string | undefined
      readonly create?: Action
    }
  /** Not made yet: what it depends on has not ended. */
  | { readonly kind: 'waiting'; readonly item: ItemStatus }
  /** Not made: what it depends on has not succeeded. */
  | { readonly kind: 'not-run'; readonly item: ItemStatus }
  | { readonly kind: 'missing'; readonly definition: string }
  | { readonly kind: 'stuck'; readonly definition: string; readonly obstacle: Obstacle }

/** What there is of a definition that was made, or whose outcome is stored. */
interface Made {
  readonly item: ItemStatus
  readonly child: Child | undefined
}

const madeOf = (
  { parent, phase, recorded }: CheckPhaseSeen,
  definition: string,
  existing: readonly Child[],
): Made | undefined => {
  const before = recorded.find((item) => item.definitionName === definition)
  // An outcome that is stored stays, whatever has become of the child since.
  if (before !== undefined && isTerminal(before.status)) {
    return { item: before, child: existing.find(({ name }) => name === before.name) }
  }
  const name = nameOfChild(parent, phase, definition)
  // What Keptn has begun has a name of Keptn's.
  const child = existing.find((each) => each.name === name || each.name === before?.name)
  return child && { item: itemOf(definition, child), child }
}

const partOf = (
  seen: CheckPhaseSeen,
  definition: string,
  {
    existing,
    turnOf,
  }: { readonly existing: readonly Child[]; readonly turnOf: (definition: string) => Turn },
): Part => {
  const made = madeOf(seen, definition, existing)
  if (made !== undefined) return { kind: 'item', item: made.item, why: made.child?.why }
  const turn = turnOf(definition)
  switch (turn.kind) {
    case 'stuck':
      return { kind: 'stuck', definition, obstacle: turn.obstacle }
    case 'never':
      return {
        kind: 'not-run',
        item: { definitionName: definition, status: 'Deprecated', message: turn.message },
      }
    case 'waits':
      return {
        kind: 'waiting',
        item: { definitionName: definition, status: 'Pending', message: turn.message },
      }
    case 'now': {
      const create = createFor(seen, definition, existing)
      if (create === undefined) return { kind: 'missing', definition }
      const name = nameOfChild(seen.parent, seen.phase, definition)
      const item: ItemStatus = { definitionName: definition, name, status: 'Pending' }
      return { kind: 'item', item, why: undefined, create }
    }
  }
}

/** What one phase is looked at with. */
export interface CheckPhaseSeen {
  readonly parent: Parent
  readonly phase: CheckPhase
  /** The definitions that the spec lists for this phase. */
  readonly listed: readonly string[]
  /** The items that the status has for this phase. */
  readonly recorded: readonly ItemStatus[]
  readonly children: Children
  readonly definitions: Definitions
  /** Whether a failed check holds the version back, or only warns. */
  readonly blocking: boolean
}

const nounOf = (phase: CheckPhase): string => (phase.runs === 'tasks' ? 'task' : 'evaluation')

const sentenceOf = (phase: CheckPhase, part: Part): string => {
  const noun = nounOf(phase)
  if (part.kind === 'missing') return `${noun} definition "${part.definition}" does not exist`
  if (part.kind === 'stuck') return part.obstacle.message
  const { item } = part
  const why = (part.kind === 'item' ? part.why : undefined) ?? item.message ?? ''
  const words = isNotRun(item) ? 'is not run' : wordsFor(item.status)
  return `${noun} "${item.definitionName ?? ''}" ${words}${why === '' ? '' : `: ${why}`}`
}

/** Whether it was found that this one will not be made. */
export const isNotRun = ({ status, name }: ItemStatus): boolean =>
  status === 'Deprecated' && name === undefined

const wordsFor = (state: State): string => {
  switch (state) {
    case 'Pending':
      return 'has not begun'
    case 'Progressing':
      return 'is under way'
    case 'Succeeded':
      return 'has succeeded'
    case 'Failed':
      return 'has failed'
    case 'Unknown':
    case 'Deprecated':
    case 'Warning':
      return `is ${state}`
  }
}

const itemIn = (part: Part): ItemStatus | undefined => ('item' in part ? part.item : undefined)

const isFailed = (part: Part): boolean => {
  const state = itemIn(part)?.status
  return state === 'Failed' || state === 'Deprecated'
}

/** What the phase waits for; where something has failed, that alone, since it decides. */
const describe = (phase: CheckPhase, parts: readonly Part[]): string => {
  const open = parts.filter((part) => !isPassed(itemIn(part)?.status))
  const failed = open.filter(isFailed)
  const sentences = (failed.length > 0 ? failed : open).map((part) => sentenceOf(phase, part))
  // What keeps several from being run is one sentence.
  return [...new Set(sentences)].join('; ')
}

/**
 * Tells where a phase stands: one item per definition, each made once, and all of them in parallel but those that depend on
 * others.
 *
 * A definition that does not exist keeps the phase Pending and is named; the others go on. Once the phase has failed
 * nothing more is begun in it; where failures only warn, what may still begin is waited for.
 */
export const checkPhase = (seen: CheckPhaseSeen): PhaseProgress => {
  const listed = namesIn(seen.listed)
  const existing = childrenOf(seen.phase, seen.children)
  const turnOf = turnsIn({
    listed,
    stateOf: (definition) => madeOf(seen, definition, existing)?.item.status,
    dependenciesOf: dependenciesIn(seen),
  })
  const parts = listed.map((definition) => partOf(seen, definition, { existing, turnOf }))
  const detail = describe(seen.phase, parts)
  const hasFailed = seen.blocking && parts.some(isFailed)
  const kept = hasFailed ? parts.filter(isDecided) : parts
  const items = kept.flatMap((part) => itemIn(part) ?? [])
  const state = rollUp(
    items.map((item) => item.status),
    listed.length,
  )
  const isWarned = state === 'Failed' && !seen.blocking
  return {
    state: isWarned ? warningOf(parts) : skippedOr(state, seen.recorded),
    items,
    actions: kept.flatMap((part) =>
      part.kind === 'item' && part.create !== undefined ? [part.create] : [],
    ),
    missing: kept.flatMap((part) => (part.kind === 'missing' ? [part.definition] : [])),
    stuck: new Map(
      kept.flatMap((part) => (part.kind === 'stuck' ? [[part.definition, part.obstacle]] : [])),
    ),
    detail,
  }
}

/** Passed with checks that people have skipped, a phase shows that it is not the usual: their items were recorded so. */
const skippedOr = (state: State, recorded: readonly ItemStatus[]): State =>
  state === 'Succeeded' && recorded.some(({ status }) => status === 'Warning') ? 'Warning' : state

/** Whether it was made, or never will be. */
const isDecided = (part: Part): boolean =>
  part.kind === 'not-run' || (part.kind === 'item' && part.create === undefined)

/** A phase that is passed is not looked at again: what waits in it would never be made. */
const warningOf = (parts: readonly Part[]): State =>
  parts.some(({ kind }) => kind === 'waiting') ? 'Progressing' : 'Warning'
