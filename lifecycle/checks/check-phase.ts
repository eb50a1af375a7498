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
  type Children,
  type Definitions,
  type Parent,
} from '../children.ts'
import { describeEvaluation } from '../evaluation/describe.ts'
import type { CheckPhase } from '../phases.ts'
import { isTerminal, rollUp } from './roll-up.ts'

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
  readonly why: string
}

const childrenOf = (phase: CheckPhase, children: Children): readonly Child[] =>
  phase.runs === 'tasks'
    ? children.tasks.map((task) => ({
        name: task.metadata.name,
        state: task.status?.status ?? 'Pending',
        startTime: task.status?.startTime,
        endTime: task.status?.endTime,
        why: task.status?.message ?? 'it has not begun',
      }))
    : children.evaluations.map((evaluation) => ({
        name: evaluation.metadata.name,
        state: evaluation.status?.overallStatus ?? 'Pending',
        startTime: evaluation.status?.startTime,
        endTime: evaluation.status?.endTime,
        why: describeEvaluation(evaluation),
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
      readonly why: string
      readonly create?: Action
    }
  | { readonly kind: 'missing'; readonly definition: string }

const partOf = (seen: CheckPhaseSeen, definition: string, existing: readonly Child[]): Part => {
  const { parent, phase, definitions, recorded } = seen
  const before = recorded.find((item) => item.definitionName === definition)
  // An outcome that is stored stays, whatever has become of the child since.
  if (before !== undefined && isTerminal(before.status)) {
    const child = existing.find(({ name }) => name === before.name)
    return { kind: 'item', item: before, why: child?.why ?? before.status }
  }
  const name = nameOfChild(parent, phase, definition)
  const child = existing.find((candidate) => candidate.name === name)
  if (child !== undefined) return { kind: 'item', item: itemOf(definition, child), why: child.why }
  const create = createFor(parent, phase, definition, definitions)
  if (create === undefined) return { kind: 'missing', definition }
  const item: ItemStatus = { definitionName: definition, name, status: 'Pending' }
  return { kind: 'item', item, why: 'it has not begun', create }
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

const describe = (phase: CheckPhase, parts: readonly Part[]): string => {
  const sentences = parts.flatMap((part) => {
    if (part.kind === 'missing')
      return [`${nounOf(phase)} definition "${part.definition}" does not exist`]
    if (part.item.status === 'Succeeded') return []
    return [
      `${nounOf(phase)} "${part.item.definitionName ?? ''}" ${wordFor(part.item.status)}: ${part.why}`,
    ]
  })
  return sentences.join('; ')
}

const wordFor = (state: State): string => (state === 'Failed' ? 'failed' : 'is under way')

/**
 * Tells where a phase stands: one item per definition, all of them in parallel, each made once.
 *
 * A definition that does not exist keeps the phase Pending and is named; the others go on.
 */
export const checkPhase = (seen: CheckPhaseSeen): PhaseProgress => {
  // A definition that is listed twice is run once: Keptn finds items by the definition's name.
  const listed = [...new Set(seen.listed.map((name) => name.trim()).filter((name) => name !== ''))]
  const existing = childrenOf(seen.phase, seen.children)
  const parts = listed.map((definition) => partOf(seen, definition, existing))
  const items = parts.flatMap((part) => (part.kind === 'item' ? [part.item] : []))
  const state = rollUp(
    items.map((item) => item.status),
    listed.length,
  )
  return {
    state: state === 'Failed' && !seen.blocking ? 'Warning' : state,
    items,
    actions: parts.flatMap((part) =>
      part.kind === 'item' && part.create !== undefined ? [part.create] : [],
    ),
    missing: parts.flatMap((part) => (part.kind === 'missing' ? [part.definition] : [])),
    detail: describe(seen.phase, parts),
  }
}
