/**
 * Lets go what is held: the phases before the deployment count as passed, with a warning.
 *
 * @module
 */
import type { ItemStatus, VersionAction } from '../../api/index.ts'
import { isPassed } from '../checks/roll-up.ts'
import { namesIn } from '../children.ts'
import { withPhasesEnded } from '../phase-times.ts'
import { beforeDeployment } from '../phases.ts'
import {
  byWhom,
  checksIn,
  itemsIn,
  refused,
  reopened,
  stateIn,
  stopped,
  withItems,
  withStates,
  type ActedStatus,
  type Answer,
  type Asked,
} from './asked.ts'

/** Lets what comes before the deployment count as passed, with a warning. */
export const release = <Status extends ActedStatus>(
  asked: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  const { status, phases, listed, released, telling } = asked
  if (released !== undefined) return refused(released)
  const message = `Released ${byWhom(entry)}`
  const open = beforeDeployment(phases).filter((phase) => !isPassed(stateIn(status, phase)))
  const begun = status.status === 'Failed' ? reopened(asked, message) : status
  const next = checksIn(open).reduce((current, phase) => {
    const items = itemsIn(current, phase)
    const known = new Set(items.map(({ definitionName }) => definitionName))
    // Without an item it would seem to have been added too late.
    const missing = namesIn(listed[phase.list])
      .filter((name) => !known.has(name))
      .map((definitionName): ItemStatus => ({ definitionName, status: 'Pending' }))
    return withItems(
      current,
      phase,
      [...items, ...missing].map((item) => stopped(item, message, telling.now)),
    )
  }, begun)
  const verdict = { status: 'True', reason: 'ReleasedByAction', message } as const
  const goesOn = withPhasesEnded(withStates(next, open, 'Warning'), open, telling.now)
  return { kind: 'done', message, status: goesOn, verdict }
}
