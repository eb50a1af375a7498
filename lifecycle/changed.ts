/**
 * What Keptn told besides of the checks of a version: that one is looked for, and what it has come to. Only under Keptn's
 * words, since those of the guides have an event of the check itself for it.
 *
 * @module
 */
import type { ItemStatus } from '../api/index.ts'
import type { Transition } from '../kube/decision.ts'
import { isTerminal } from './checks/roll-up.ts'
import type { CheckItems, Phase } from './phases.ts'
import { factTransition, type Telling } from './transitions.ts'
import type { VersionStatus } from './version-status.ts'

const itemsIn = (status: VersionStatus, items: CheckItems): readonly ItemStatus[] =>
  (status as Partial<Record<CheckItems, readonly ItemStatus[]>>)[items] ?? []

/** Tells of each check of a phase that is new in the status, or has come to its end. That one is under way is no news. */
export const changedFacts = (
  telling: Telling,
  phase: Phase,
  before: VersionStatus,
  now: VersionStatus,
): readonly Transition[] => {
  if (telling.eventNames !== 'keptn' || phase.runs === 'deployment') return []
  const noun = phase.runs === 'tasks' ? 'task' : 'evaluation'
  const reason =
    phase.runs === 'tasks' ? 'ReconcileTaskStatusChanged' : 'ReconcileEvaluationStatusChanged'
  return itemsIn(now, phase.items).flatMap(({ definitionName = '', status }) => {
    const known = itemsIn(before, phase.items).find(
      (item) => item.definitionName === definitionName,
    )
    const isNews = known === undefined || (isTerminal(status) && known.status !== status)
    if (!isNews) return []
    const message = `${noun} status changed from ${known?.status ?? ''} to ${status}`
    const what = `${phase.name}/${definitionName}/${status}`
    return [factTransition(telling, { reason, what, message, phase: phase.name })]
  })
}
