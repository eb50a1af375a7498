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
import {
  conditionTypes,
  type ActionRecord,
  type Condition,
  type ItemStatus,
  type State,
  type VersionAction,
} from '../../api/index.ts'
import { findCondition, wholeSeconds, withCondition } from '../../kube/conditions.ts'
import type { Transition } from '../../kube/decision.ts'
import { isNotRun } from '../checks/check-phase.ts'
import { aborted, isAborted } from '../checks/ending.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import { namesIn } from '../children.ts'
import {
  beforeDeployment,
  type CheckItems,
  type CheckList,
  type CheckPhase,
  type Phase,
} from '../phases.ts'
import { withoutStalled } from '../held-up.ts'
import { withPhasesEnded, withPhasesReopened } from '../phase-times.ts'
import type { VersionStatus } from '../version-status.ts'
import type { Telling } from '../transitions.ts'
import type { GuardState } from './guard.ts'
import type { Recorded } from './records.ts'
import { actionFact } from './telling.ts'

/** What the status of a version has for actions to change. */
export type ActedStatus = VersionStatus & Recorded

/** What a version is looked at with when people ask something of it. */
export interface Asked<Status extends ActedStatus> {
  readonly entries: readonly VersionAction[] | undefined
  /** The status that is stored, or the one a version begins with. */
  readonly status: Status
  readonly phases: readonly Phase[]
  readonly listed: Readonly<Partial<Record<CheckList, readonly string[]>>>
  readonly guard: GuardState
  /** Why nobody wants the version any more. */
  readonly unwanted: string | undefined
  /** Why there is nothing to release. */
  readonly released: string | undefined
  /** Whether nothing of the attempt runs any more. */
  readonly areAllStopped: boolean
  /** What the next attempt begins with. */
  readonly anew: () => Status
  readonly telling: Telling
}

/** A verdict about the checks before the deployment. */
type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

/** What becomes of one entry. */
type Answer<Status> =
  | { readonly kind: 'waits' }
  | { readonly kind: 'refused'; readonly message: string }
  | {
      readonly kind: 'done'
      readonly message: string
      readonly status: Status
      /** What a workload version says of its checks from then on, unless its pods were let go before. */
      readonly verdict?: Verdict
      readonly phase?: string
    }

/** What is stored and told of an entry. */
export interface Acted<Status> {
  readonly status: Status
  readonly verdict: Verdict | undefined
  readonly transitions: readonly Transition[]
}

type Items = Partial<Record<CheckItems, readonly ItemStatus[]>>

const refused = (message: string): Answer<never> => ({ kind: 'refused', message })

const attemptIn = ({ attempt = 1 }: Recorded): number => attempt

const checksIn = (phases: readonly Phase[]): readonly CheckPhase[] =>
  phases.filter((phase) => phase.runs !== 'deployment')

const stateIn = (status: object, phase: Phase): State | undefined =>
  (status as Readonly<Record<string, State | undefined>>)[phase.state]

const itemsIn = (status: object, phase: CheckPhase): readonly ItemStatus[] =>
  (status as Items)[phase.items] ?? []

const withStates = <Status extends object>(
  status: Status,
  phases: readonly Phase[],
  state: State,
): Status => ({ ...status, ...Object.fromEntries(phases.map((phase) => [phase.state, state])) })

/** An empty list is left out. */
const withItems = <Status extends object>(
  status: Status,
  phase: CheckPhase,
  items: readonly ItemStatus[],
): Status => (items.length === 0 ? status : { ...status, [phase.items]: items })

/** What has not ended ends here: its child, if it has one, is stopped. */
const stopped = (item: ItemStatus, message: string, now: Date): ItemStatus =>
  isTerminal(item.status)
    ? item
    : {
        ...item,
        status: 'Deprecated',
        message,
        ...(item.name === undefined ? {} : { endTime: wholeSeconds(now) }),
      }

/** The status of a version that goes on after it has failed: what was never to come may come. */
const reopened = <Status extends ActedStatus>(
  { status, phases, telling: { now } }: Asked<Status>,
  message: string,
): Status => {
  const open = Object.entries(status).filter(([field]) => field !== 'endTime')
  const later = phases.filter((phase) =>
    ['Failed', 'Deprecated'].includes(String(stateIn(status, phase))),
  )
  const ready = {
    type: conditionTypes.ready,
    status: 'Unknown',
    reason: 'GoesOn',
    message,
  } as const
  return {
    ...withPhasesReopened(withStates(Object.fromEntries(open), later, 'Pending') as Status, later),
    status: 'Progressing',
    conditions: withCondition(status.conditions, ready, now),
  }
}

const byWhom = ({ by, reason }: VersionAction): string => `by "${by}": ${reason}`

const release = <Status extends ActedStatus>(
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

/** Whether an item fails its phase; one that was not run for another's sake does not. */
const hasFailed = (item: ItemStatus): boolean =>
  item.status === 'Failed' || (item.status === 'Deprecated' && !isNotRun(item))

/** The phase in which a check is skipped, or why in none. */
const phaseToSkip = <Status extends ActedStatus>(
  { status, phases, listed }: Asked<Status>,
  check: string,
): CheckPhase | string => {
  const phase = checksIn(phases).find(
    (each) => !isPassed(stateIn(status, each)) && namesIn(listed[each.list]).includes(check),
  )
  if (phase === undefined) {
    return `No phase that is not passed lists "${check}": name the definition of a check that is still to pass`
  }
  const item = itemsIn(status, phase).find(({ definitionName }) => definitionName === check)
  if (item !== undefined && isPassed(item.status)) {
    return `"${check}" has passed in ${phase.name}: there is nothing to skip`
  }
  const failed = phases.find((each) => stateIn(status, each) === 'Failed')
  if (failed === undefined || failed === phase) return phase
  const advice =
    failed.runs === 'deployment'
      ? 'ask for a retry'
      : 'skip what has failed there, or ask for a retry'
  return `The version has failed in ${failed.name}, before "${check}" was due: ${advice}`
}

/** Records that a check is skipped; a version that has failed goes on if nothing else of the phase has. */
const skipIn = <Status extends ActedStatus>(
  asked: Asked<Status>,
  phase: CheckPhase,
  { check, words }: { readonly check: string; readonly words: string },
): Answer<Status> => {
  const { status, telling } = asked
  const place = `"${check}" of ${phase.name}: ${words}`
  const before = itemsIn(status, phase)
  const own = before.find(({ definitionName }) => definitionName === check)
  const others = before.filter((each) => each !== own)
  const endTime = wholeSeconds(telling.now)
  const item: ItemStatus = {
    ...own,
    ...{ definitionName: check, status: 'Warning', message: words, endTime },
  }
  const done = { kind: 'done', phase: phase.name } as const
  if (status.status !== 'Failed') {
    return { ...done, message: place, status: withItems(status, phase, [...others, item]) }
  }
  const failed = others.filter(hasFailed).map(({ definitionName = '' }) => `"${definitionName}"`)
  if (failed.length > 0) {
    const message = `${place}; the version stays failed, since this has failed too: ${failed.join(', ')}`
    return { ...done, message, status: withItems(status, phase, [...others, item]) }
  }
  // What was not run since something had failed is looked at anew.
  const kept = others.filter((each) => !isNotRun(each))
  const next = withItems(reopened(asked, place), phase, [...kept, item])
  const verdict = { status: 'Unknown', reason: 'ChecksRunning', message: place } as const
  return { ...done, message: place, status: next, verdict }
}

const skip = <Status extends ActedStatus>(
  asked: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  const { status } = asked
  const { check = '' } = entry
  if (isAborted({ status })) return refused('The version was aborted: ask for a retry or a release')
  if (isTerminal(status.status) && status.status !== 'Failed') {
    return refused('The version has ended: there is nothing to skip')
  }
  const phase = phaseToSkip(asked, check)
  return typeof phase === 'string'
    ? refused(phase)
    : skipIn(asked, phase, { check, words: `Skipped ${byWhom(entry)}` })
}

const retry = <Status extends ActedStatus>(
  { status, anew, areAllStopped }: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  if (status.status !== 'Failed') {
    return refused('The version has not failed: there is nothing to begin anew')
  }
  // No two attempts run side by side where one of them was to stop.
  if (isAborted({ status }) && !areAllStopped) return { kind: 'waits' }
  const next = anew()
  const message = `Attempt ${String(attemptIn(next))} asked for ${byWhom(entry)}`
  const verdict = { status: 'Unknown', reason: 'TriedAgain', message } as const
  return { kind: 'done', message, status: next, verdict }
}

const abort = <Status extends ActedStatus>(
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

/** What there is to do for people now; `undefined`: nothing, so that the version goes its way. */
export const actOn = <Status extends ActedStatus>(
  asked: Asked<Status>,
): Acted<Status> | undefined => {
  const { entries = [], status, guard, telling } = asked
  const known = new Set((status.actions ?? []).map(({ id }) => id))
  const open = entries.filter(({ id }) => !known.has(id))
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
  return saysSo?.status === 'True' || (spec.actions?.length ?? 0) > (status?.actions?.length ?? 0)
}
