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
} from '../children.ts'
import { describeEvaluation } from '../evaluation/describe.ts'
import type { CheckPhase } from '../phases.ts'
import { isPassed, isTerminal, rollUp } from './roll-up.ts'

/** Where a phase stands, and what has to happen for it to go on. */
export interface PhaseProgress {
  readonly state: State
  readonly items: readonly ItemStatus[]
  readonly actions: readonly Action[]
  /** Names of definitions that do not exist. */
  readonly missing: readonly string[]
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
}

const childrenOf = (phase: CheckPhase, children: Children): readonly Child[] =>
  phase.runs === 'tasks'
    ? children.tasks.map((task) => ({
        name: task.metadata.name,
        state: task.status?.status ?? 'Pending',
        startTime: task.status?.startTime,
        endTime: task.status?.endTime,
        why: task.status?.message,
      }))
    : children.evaluations.map((evaluation) => ({
        name: evaluation.metadata.name,
        state: evaluation.status?.overallStatus ?? 'Pending',
        startTime: evaluation.status?.startTime,
        endTime: evaluation.status?.endTime,
        // Until it has a status there is nothing to say about it that its state does not say.
        why: evaluation.status === undefined ? undefined : describeEvaluation(evaluation),
      }))

const createFor = (
  parent: Parent,
  phase: CheckPhase,
  name: string,
  definitions: Definitions,
): Action | undefined => {
  if (phase.runs === 'tasks') {
    const definition = definitions.tasks.get(name)
    return definition && createTask(parent, phase, definition)
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
  | { readonly kind: 'missing'; readonly definition: string }

const partOf = (seen: CheckPhaseSeen, definition: string, existing: readonly Child[]): Part => {
  const { parent, phase, definitions, recorded } = seen
  const before = recorded.find((item) => item.definitionName === definition)
  // An outcome that is stored stays, whatever has become of the child since.
  if (before !== undefined && isTerminal(before.status)) {
    const child = existing.find(({ name }) => name === before.name)
    return { kind: 'item', item: before, why: child?.why }
  }
  const name = nameOfChild(parent, phase, definition)
  // What Keptn has begun has a name of Keptn's.
  const child = existing.find((each) => each.name === name || each.name === before?.name)
  if (child !== undefined) return { kind: 'item', item: itemOf(definition, child), why: child.why }
  const create = createFor(parent, phase, definition, definitions)
  if (create === undefined) return { kind: 'missing', definition }
  const item: ItemStatus = { definitionName: definition, name, status: 'Pending' }
  return { kind: 'item', item, why: undefined, create }
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
  const { item, why } = part
  const reason = why === undefined || why === '' ? '' : `: ${why}`
  return `${noun} "${item.definitionName ?? ''}" ${wordsFor(item.status)}${reason}`
}

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

const isFailed = (part: Part): boolean =>
  part.kind === 'item' && (part.item.status === 'Failed' || part.item.status === 'Deprecated')

/** What the phase waits for; where something has failed, that alone, since it decides. */
const describe = (phase: CheckPhase, parts: readonly Part[]): string => {
  const open = parts.filter((part) => part.kind === 'missing' || !isPassed(part.item.status))
  const failed = open.filter(isFailed)
  return (failed.length > 0 ? failed : open).map((part) => sentenceOf(phase, part)).join('; ')
}

/**
 * Tells where a phase stands: one item per definition, all of them in parallel, each made once.
 *
 * A definition that does not exist keeps the phase Pending and is named; the others go on. Once the phase has failed
 * nothing more is begun in it.
 */
export const checkPhase = (seen: CheckPhaseSeen): PhaseProgress => {
  const listed = namesIn(seen.listed)
  const existing = childrenOf(seen.phase, seen.children)
  const parts = listed.map((definition) => partOf(seen, definition, existing))
  const detail = describe(seen.phase, parts)
  const hasFailed = seen.blocking && parts.some(isFailed)
  const kept = hasFailed ? parts.filter(isBegun) : parts
  const items = kept.flatMap((part) => (part.kind === 'item' ? [part.item] : []))
  const state = rollUp(
    items.map((item) => item.status),
    listed.length,
  )
  return {
    state: state === 'Failed' && !seen.blocking ? 'Warning' : state,
    items,
    actions: kept.flatMap((part) =>
      part.kind === 'item' && part.create !== undefined ? [part.create] : [],
    ),
    missing: kept.flatMap((part) => (part.kind === 'missing' ? [part.definition] : [])),
    detail,
  }
}

const isBegun = (part: Part): boolean => part.kind === 'item' && part.create === undefined
