/**
 * What an action is asked of, what may come of it, and how a status is changed by it.
 *
 * @module
 */
import {
  conditionTypes,
  type Condition,
  type ItemStatus,
  type State,
  type VersionAction,
} from '../../api/index.ts'
import { wholeSeconds, withCondition } from '../../kube/conditions.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { withPhasesReopened } from '../phase-times.ts'
import type { CheckItems, CheckList, CheckPhase, Phase } from '../phases.ts'
import type { Telling } from '../transitions.ts'
import type { VersionStatus } from '../version-status.ts'
import type { GuardState } from './guard.ts'
import type { Recorded } from './records.ts'

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
export type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

/** What becomes of one entry. */
export type Answer<Status> =
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

type Items = Partial<Record<CheckItems, readonly ItemStatus[]>>

/** An entry that is not carried out, and why. */
export const refused = (message: string): Answer<never> => ({ kind: 'refused', message })

/** Which attempt a status is of. */
export const attemptIn = ({ attempt = 1 }: Recorded): number => attempt

/** The phases with checks among phases. */
export const checksIn = (phases: readonly Phase[]): readonly CheckPhase[] =>
  phases.filter((phase) => phase.runs !== 'deployment')

/** How far a phase has come. */
export const stateIn = (status: object, phase: Phase): State | undefined =>
  (status as Readonly<Record<string, State | undefined>>)[phase.state]

/** What is stored of the checks of a phase. */
export const itemsIn = (status: object, phase: CheckPhase): readonly ItemStatus[] =>
  (status as Items)[phase.items] ?? []

/** The status with one state for all of these phases. */
export const withStates = <Status extends object>(
  status: Status,
  phases: readonly Phase[],
  state: State,
): Status => ({ ...status, ...Object.fromEntries(phases.map((phase) => [phase.state, state])) })

/** The status with these checks of a phase; an empty list is left out. */
export const withItems = <Status extends object>(
  status: Status,
  phase: CheckPhase,
  items: readonly ItemStatus[],
): Status => (items.length === 0 ? status : { ...status, [phase.items]: items })

/** What has not ended ends here: its child, if it has one, is stopped. */
export const stopped = (item: ItemStatus, message: string, now: Date): ItemStatus =>
  isTerminal(item.status)
    ? item
    : {
        ...item,
        status: 'Deprecated',
        message,
        ...(item.name === undefined ? {} : { endTime: wholeSeconds(now) }),
      }

/** The status of a version that goes on after it has failed: what was never to come may come. */
export const reopened = <Status extends ActedStatus>(
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

/** Who asked, and why: the end of a sentence. */
export const byWhom = ({ by, reason }: VersionAction): string => `by "${by}": ${reason}`
