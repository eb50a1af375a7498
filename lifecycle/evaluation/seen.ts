/**
 * What a decision about an evaluation is made on, and the status that it begins with.
 *
 * @module
 */
import type {
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  StatusOf,
} from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import type { Abandonment } from '../checks/ending.ts'
import type { EventNames } from '../transitions.ts'

/** The status of an evaluation. */
export type Status = StatusOf<KeptnEvaluation>

/** Everything that a decision about a KeptnEvaluation needs. */
export interface Seen {
  readonly now: Date
  readonly evaluation: KeptnEvaluation
  /** From the namespace of the evaluation, else from ours. */
  readonly definition?: KeptnEvaluationDefinition
  /** All that its objectives may be about. */
  readonly metrics: readonly KeptnMetric[]
  /** Our own namespace: definitions and metrics there serve every namespace. */
  readonly namespace: string
  readonly eventNames: EventNames
  /** There once the version that made the evaluation has ended before its time. */
  readonly abandonment?: Abandonment
}

/** The status so far, begun if it wasn't. */
export const begun = ({ evaluation, now }: Seen): Status => ({
  retryCount: 0,
  evaluationStatus: {},
  overallStatus: 'Pending',
  startTime: wholeSeconds(now),
  ...withoutWait(evaluation.status),
})

const withoutWait = (status: KeptnEvaluation['status']): Partial<Status> =>
  Object.fromEntries(Object.entries(status ?? {}).filter(([field]) => field !== 'awaits'))
