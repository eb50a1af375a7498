/**
 * What an evaluation says of itself, in its conditions, and what is told about it.
 *
 * - **Ready** is `Unknown` while it goes on, `True` once it has succeeded, `False` once it has failed or was stopped.
 * - **Stalled** is there, and `True`, while a person has to change something.
 *
 * @module
 */
import { conditionTypes, type Condition } from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import { factTransition } from '../transitions.ts'
import { describeEvaluation } from './describe.ts'
import type { Seen, Status } from './seen.ts'

/** The reason of `Stalled` while a target can't be understood. */
export const targetInvalid = 'TargetInvalid'

/** The conditions with a new `Ready` and without `Stalled`: its absence says that things go on. */
export const ready = (
  { evaluation, now }: Seen,
  status: Condition['status'],
  reason: string,
  message: string,
): readonly Condition[] =>
  withCondition(
    evaluation.status?.conditions?.filter(({ type }) => type !== conditionTypes.stalled),
    { type: conditionTypes.ready, status, reason, message },
    now,
  )

/** The status with the condition `Stalled`, told once. */
export const stalled = (
  seen: Seen,
  status: Status,
  { reason, message }: Pick<Condition, 'reason' | 'message'>,
): Decision<Status> => {
  const type = conditionTypes.stalled
  const before = findCondition(seen.evaluation.status?.conditions, type)
  const kept = before === undefined ? status.conditions : [...(status.conditions ?? []), before]
  const conditions = withCondition(kept, { type, status: 'True', reason, message }, seen.now)
  const isKnown = before?.reason === reason && before.message === message
  const telling = fact(seen, {
    what: `${reason}/${String(status.retryCount)}`,
    keptnReason: 'ReconcileEvaluationFailed',
    message,
    severity: 'Warning',
  })
  return { ...settled, status: { ...status, conditions }, transitions: isKnown ? [] : [telling] }
}

/** An evaluation to tell of, in whose words, and when it became true. */
export type About = Pick<Seen, 'evaluation' | 'eventNames' | 'now'>

/** What is told of an evaluation that has met its objectives, or not, as its status says it. */
export const endFacts = (about: About): readonly Transition[] => {
  const { spec, status } = about.evaluation
  const outcome = status?.overallStatus
  if (outcome !== 'Succeeded' && outcome !== 'Failed') return []
  const isGood = outcome === 'Succeeded'
  const words = describeEvaluation(status === undefined ? { spec } : { spec, status })
  return [
    ...(isGood || about.eventNames !== 'keptn' ? [] : [retriesUsedUp(about)]),
    fact(about, {
      what: outcome,
      keptnReason: isGood ? 'ReconcileEvaluationFinished' : 'ReconcileEvaluationFailed',
      message: `evaluation has ${isGood ? 'succeeded' : 'failed'}: ${words}`,
      ...(isGood ? {} : { severity: 'Warning' }),
    }),
  ]
}

/** An evaluation fails by nothing else; Keptn has an event of its own for it. */
const retriesUsedUp = (about: About): Transition =>
  fact(about, {
    what: 'retries',
    keptnReason: 'ReconcileEvaluationReconcileTimeout',
    message: 'retryCount exceeded',
    severity: 'Warning',
  })

/** Something to tell about an evaluation. */
export const fact = (
  { evaluation, eventNames, now }: About,
  {
    what,
    keptnReason,
    message,
    severity,
  }: {
    readonly what: string
    readonly keptnReason: string
    readonly message: string
    readonly severity?: 'Warning'
  },
): Transition => {
  const { spec } = evaluation
  const version = spec.workloadVersion === '' ? (spec.appVersion ?? '') : spec.workloadVersion
  return factTransition(
    { subject: evaluation, version, eventNames, now },
    {
      reason: eventNames === 'keptn' ? keptnReason : 'ReconcileEvaluation',
      what,
      message,
      ...(severity === undefined ? {} : { severity }),
    },
  )
}
