/**
 * What people ask of a version, and what becomes of it.
 *
 * An entry of `spec.actions` is looked at once all before it are recorded in `status.actions`, one a pass. It is carried out,
 * refused, or waits. To carry it out is to change what is stored of the version, in the write that records it; what follows
 * is decided in the passes after it, from what is stored, as always. So no entry is ever carried out twice.
 *
 * | Asked     | Makes of the version                                                                   | Refused                                  |
 * | --------- | -------------------------------------------------------------------------------------- | ---------------------------------------- |
 * | `release` | phases before the deployment that are not passed: `Warning`. It goes on with the       | once they are passed, or it was released |
 * |           | deployment, and a workload version has its verdict: `True`, `ReleasedByAction`         |                                          |
 * | `skip`    | the check's item: `Warning`, in the first phase not passed that lists it. One that has | where no phase lists it that is not      |
 * |           | failed goes on from that phase, unless another check of it has failed                  | passed, where it has passed, in a phase  |
 * |           |                                                                                        | after a failed one, and once aborted     |
 * | `retry`   | begins as its next attempt                                                             | unless it has failed                     |
 * | `abort`   | `Failed`, reason `Aborted`; phases not passed: `Deprecated`                            | once it has ended                        |
 *
 * All of them are refused of a version that nobody wants any more, which ends by itself or has. Tasks and evaluations that
 * an action leaves behind are stopped (`checks/ending.ts`) and decide nothing. A retry of an aborted version waits for
 * that. While nothing keeps people from writing entries in the name of others, all are refused, and
 * `ActionsUnguarded` says so; while that is not known, they wait.
 *
 * @module
 */
import { conditionTypes, type ActionRecord, type VersionAction } from '../../api/index.ts'
import { findCondition, wholeSeconds, withCondition } from '../../kube/conditions.ts'
import type { Transition } from '../../kube/decision.ts'

import type { VersionStatus } from '../version-status.ts'
import { abort } from './abort.ts'
import {
  attemptIn,
  refused,
  type ActedStatus,
  type Answer,
  type Asked,
  type Verdict,
} from './asked.ts'
import type { GuardState } from './guard.ts'
import type { Recorded } from './records.ts'
import { release } from './release.ts'
import { retry } from './retry.ts'
import { skip } from './skip.ts'
import { actionFact } from './telling.ts'

/** What is stored and told of an entry. */
export interface Acted<Status> {
  readonly status: Status
  readonly verdict: Verdict | undefined
  readonly transitions: readonly Transition[]
}

const rules = { release, skip, retry, abort } as const

const answer = <Status extends ActedStatus>(
  asked: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  const { unwanted } = asked
  return unwanted === undefined
    ? rules[entry.type](asked, entry)
    : refused(`Nobody wants the version any more: ${unwanted}`)
}

const recordOf = <Status extends ActedStatus>(
  { status, telling }: Asked<Status>,
  { id, type, by, check }: VersionAction,
  what: Exclude<Answer<Status>, { readonly kind: 'waits' }>,
): ActionRecord => ({
  id,
  type,
  by,
  outcome: what.kind === 'done' ? 'CarriedOut' : 'Refused',
  message: what.message,
  time: wholeSeconds(telling.now),
  attempt: attemptIn(status),
  ...(check === undefined ? {} : { check }),
  ...('phase' in what ? { phase: what.phase } : {}),
})

const unguarded =
  'The policy "gatekept-actions" is not in force, so nobody can tell who wrote this entry: have it installed, and ask again with another id'

/** Refuses all at once, and says on the version why. */
const refuseAll = <Status extends ActedStatus>(
  asked: Asked<Status>,
  entries: readonly VersionAction[],
): Acted<Status> => {
  const { status, telling } = asked
  const records = entries.map((entry) =>
    recordOf(asked, entry, { kind: 'refused', message: unguarded }),
  )
  const condition = {
    type: conditionTypes.actionsUnguarded,
    status: 'True',
    reason: 'PolicyMissing',
    message:
      'The policy "gatekept-actions" is not in force: what people ask of this version is refused',
  } as const
  return {
    status: {
      ...status,
      actions: [...(status.actions ?? []), ...records],
      conditions: withCondition(status.conditions, condition, telling.now),
    },
    verdict: undefined,
    transitions: records.map((record) => actionFact(telling, record)),
  }
}

/** The entries that nothing is recorded of. */
const openIn = (
  entries: readonly VersionAction[] = [],
  status: Recorded | undefined,
): readonly VersionAction[] => {
  const known = new Set((status?.actions ?? []).map(({ id }) => id))
  return entries.filter(({ id }) => !known.has(id))
}

/** What there is to do for people now; `undefined`: nothing, so that the version goes its way. */
export const actOn = <Status extends ActedStatus>(
  asked: Asked<Status>,
): Acted<Status> | undefined => {
  const { entries, status, guard, telling } = asked
  const open = openIn(entries, status)
  const [entry] = open
  if (entry === undefined || guard === 'unknown') return undefined
  if (guard === 'absent') return refuseAll(asked, open)
  const what = answer(asked, entry)
  if (what.kind === 'waits') return undefined
  const record = recordOf(asked, entry, what)
  const next = what.kind === 'done' ? what.status : status
  return {
    status: { ...next, actions: [...(status.actions ?? []), record] },
    verdict: what.kind === 'done' ? what.verdict : undefined,
    transitions: [actionFact(telling, record)],
  }
}

/** Takes back that people are not listened to, once they are. */
export const withGuardSaid = <Status extends VersionStatus>(
  status: Status,
  guard: GuardState,
  now: Date,
): Status => {
  const type = conditionTypes.actionsUnguarded
  const said = findCondition(status.conditions, type)
  if (guard !== 'present' || said?.status !== 'True') return status
  const condition = { type, status: 'False', reason: 'PolicyInForce', message: '' } as const
  return { ...status, conditions: withCondition(status.conditions, condition, now) }
}

/** Whether a version has something to do once the policy comes or goes. */
export const mindsGuard = ({
  spec,
  status,
}: {
  readonly spec: { readonly actions?: readonly VersionAction[] }
  readonly status?: ActedStatus
}): boolean => {
  const saysSo = findCondition(status?.conditions, conditionTypes.actionsUnguarded)
  return saysSo?.status === 'True' || openIn(spec.actions, status).length > 0
}
