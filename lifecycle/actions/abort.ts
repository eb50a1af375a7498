/**
 * Ends a version before its time.
 *
 * @module
 */
import { conditionTypes, type VersionAction } from '../../api/index.ts'
import { wholeSeconds, withCondition } from '../../kube/conditions.ts'
import { aborted } from '../checks/ending.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import { withoutStalled } from '../held-up.ts'
import { withPhasesEnded } from '../phase-times.ts'
import {
  byWhom,
  checksIn,
  itemsIn,
  refused,
  stateIn,
  stopped,
  withItems,
  withStates,
  type ActedStatus,
  type Answer,
  type Asked,
} from './asked.ts'

/** Ends the version as failed, with all that it runs. */
export const abort = <Status extends ActedStatus>(
  { status, phases, telling: { now } }: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  if (isTerminal(status.status)) {
    return refused('The version has ended already: there is nothing to abort')
  }
  const message = `Aborted ${byWhom(entry)}`
  const open = phases.filter((phase) => !isPassed(stateIn(status, phase)))
  const settled = checksIn(open).reduce(
    (current, phase) =>
      withItems(
        current,
        phase,
        itemsIn(current, phase).map((item) => stopped(item, message, now)),
      ),
    status,
  )
  const ready = { type: conditionTypes.ready, status: 'False', reason: aborted, message } as const
  const ended: Status = {
    ...withStates(settled, open, 'Deprecated'),
    status: 'Failed',
    endTime: wholeSeconds(now),
    conditions: withCondition(status.conditions, ready, now),
  }
  return {
    kind: 'done',
    message,
    status: withoutStalled(withPhasesEnded(ended, open, now), now),
    verdict: { status: 'False', reason: aborted, message },
  }
}
