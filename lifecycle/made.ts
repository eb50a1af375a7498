/**
 * What a version tells of the tasks and evaluations that it makes.
 *
 * @module
 */
import { KeptnEvaluation, KeptnTask } from '../api/index.ts'
import type { Action, Transition } from '../kube/decision.ts'
import type { Phase } from './phases.ts'
import { factTransition, type Telling } from './transitions.ts'

const reasons: Readonly<Record<string, string>> = {
  [KeptnTask.kind]: 'CreateTask',
  [KeptnEvaluation.kind]: 'CreateEvaluation',
}

/** Tells of each child that is made. One that is gone, and is made again, has its name: that is no news. */
export const madeFacts = (
  telling: Telling,
  phase: Phase,
  actions: readonly Action[],
): readonly Transition[] =>
  actions.flatMap((action) => {
    if (action.kind !== 'create') return []
    const { kind } = action.type
    const reason = reasons[kind]
    if (reason === undefined) return []
    const { name } = action.object.metadata
    const message = `${phase.longName}: ${kind} "${name}" made`
    return [
      factTransition({ ...telling, skips: 0 }, { reason, what: name, message, phase: phase.name }),
    ]
  })
