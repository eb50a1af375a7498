/**
 * How an evaluation goes on. Pure.
 *
 * - **Pending**: nothing was tried. It stays so, `Stalled`, while its definition doesn't exist.
 * - **Progressing**: tried, and not all objectives were met. The next attempt is due one `retryInterval` after the last one:
 *   attempts are counted by instants, so being woken early costs none, and time in which nobody looked costs none.
 * - **Succeeded**: every objective was met in some attempt. An objective that was met is not measured again.
 * - **Failed**: `retries` attempts were made, and an objective is still not met.
 * - **Deprecated**: the version that made it has ended before its time, so nobody waits for it.
 *
 * A target that can't be understood fails like one that isn't met, since the definition may be mended between two
 * attempts; what is wrong with it is said at the first attempt.
 *
 * @module
 */
import { parseDuration } from '../../api/duration.ts'
import {
  conditionTypes,
  type Condition,
  type EvaluationStatusItem,
  type KeptnEvaluation,
  type KeptnEvaluationDefinition,
  type KeptnMetric,
  type ObjectiveStatus,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import type { Abandonment } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { timeOf } from '../progress.ts'
import { factTransition, type EventNames } from '../transitions.ts'
import { describeEvaluation } from './describe.ts'
import { badTarget, judge, type Placed } from './objective.ts'

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

/** Tells the state of an evaluation, and when the next attempt is due. */
export const decide = (seen: Seen): Decision<Status> => {
  const { evaluation, definition, now } = seen
  const { status } = evaluation
  if (isTerminal(status?.overallStatus)) return settled
  if (seen.abandonment !== undefined) return stop(seen, seen.abandonment)
  if ((status?.retryCount ?? 0) >= triesOf(evaluation)) return exhausted(seen)
  if (definition === undefined) return waitForDefinition(seen)
  const dueAt = nextAttemptAt(evaluation)
  if (dueAt > now) return { ...settled, wakeAt: dueAt }
  return attempt(seen, definition)
}

/** The namespaces in which the metric of an objective may be: where it says, else that of the evaluation, else ours. */
export const placesOf = (
  { objectives }: KeptnEvaluationDefinition['spec'],
  evaluation: KeptnEvaluation,
  ourNamespace: string,
): readonly Placed[] =>
  objectives.map((objective) => {
    const { namespace = '' } = objective.keptnMetricRef
    const own = [evaluation.metadata.namespace ?? '', ourNamespace]
    return { objective, namespaces: namespace === '' ? [...new Set(own)] : [namespace] }
  })

/** How many attempts there are; Keptn's admission turned 0 into the default, and none at all can't be meant. */
const triesOf = ({ spec }: KeptnEvaluation): number => Math.max(1, spec.retries)

/** What an evaluation waits where its interval can't be understood: the default of the field. */
const defaultIntervalMs = 5_000

const intervalMsOf = ({ spec }: KeptnEvaluation): number =>
  Math.max(0, parseDuration(spec.retryInterval) ?? defaultIntervalMs)

const nextAttemptAt = (evaluation: KeptnEvaluation): Date => {
  const last = evaluation.status?.lastAttemptTime
  return new Date(last === undefined ? 0 : Date.parse(last) + intervalMsOf(evaluation))
}

const attempt = (seen: Seen, { spec }: KeptnEvaluationDefinition): Decision<Status> => {
  const { evaluation, now } = seen
  const places = placesOf(spec, evaluation, seen.namespace)
  const objectives = places.map(
    (placed, index) => metBefore(evaluation, placed, index) ?? judge(placed, seen.metrics, now),
  )
  const retryCount = (evaluation.status?.retryCount ?? 0) + 1
  const isMet = objectives.every(({ status }) => status === 'Succeeded')
  const status: Status = {
    ...begun(seen),
    retryCount,
    objectives,
    evaluationStatus: byMetric(objectives),
    overallStatus: isMet ? 'Succeeded' : 'Progressing',
    lastAttemptTime: now.toISOString(),
  }
  if (isMet) return end(seen, status, 'Succeeded')
  if (retryCount >= triesOf(evaluation)) return end(seen, status, 'Failed')
  return tryAgain(seen, status, places)
}

/** The outcome of an earlier attempt, if the objective was met in it and is still the same. */
const metBefore = (
  { status }: KeptnEvaluation,
  { objective, namespaces }: Placed,
  index: number,
): ObjectiveStatus | undefined => {
  const before = status?.objectives?.[index]
  const isSame =
    before?.name === objective.keptnMetricRef.name &&
    before.target === objective.evaluationTarget &&
    namespaces.includes(before.namespace)
  return isSame && before.status === 'Succeeded' ? before : undefined
}

/** Keptn's map by the name of the metric: where objectives share one, the entry is of one that isn't met, if there is one. */
const byMetric = (
  objectives: readonly ObjectiveStatus[],
): Readonly<Record<string, EvaluationStatusItem>> => {
  const entries = new Map<string, EvaluationStatusItem>()
  for (const { name, value = '', status, message } of objectives) {
    if (entries.get(name)?.status === 'Failed') continue
    entries.set(name, { value, status, message })
  }
  return Object.fromEntries(entries)
}

/** The status so far, begun if it wasn't. */
const begun = ({ evaluation, now }: Seen): Status => ({
  retryCount: 0,
  evaluationStatus: {},
  overallStatus: 'Pending',
  startTime: timeOf(now),
  ...evaluation.status,
})

const tryAgain = (seen: Seen, status: Status, places: readonly Placed[]): Decision<Status> => {
  const { evaluation, now } = seen
  const message = describeEvaluation({ spec: evaluation.spec, status })
  const problem = places.map(badTarget).find((text) => text !== undefined)
  const next = { ...status, conditions: ready(seen, 'Unknown', 'Progressing', message) }
  const wakeAt = new Date(now.getTime() + intervalMsOf(evaluation))
  return problem === undefined
    ? { ...settled, status: next, wakeAt }
    : { ...stalled(seen, next, { reason: 'TargetInvalid', message: problem }), wakeAt }
}

const end = (seen: Seen, before: Status, outcome: 'Succeeded' | 'Failed'): Decision<Status> => {
  const status = { ...before, overallStatus: outcome, endTime: timeOf(seen.now) }
  const message = describeEvaluation({ spec: seen.evaluation.spec, status })
  const isGood = outcome === 'Succeeded'
  return {
    ...settled,
    status: { ...status, conditions: ready(seen, isGood ? 'True' : 'False', outcome, message) },
    transitions: [
      fact(seen, {
        what: outcome,
        keptnReason: isGood ? 'ReconcileEvaluationFinished' : 'ReconcileEvaluationFailed',
        message: `evaluation has ${isGood ? 'succeeded' : 'failed'}: ${message}`,
        ...(isGood ? {} : { severity: 'Warning' }),
      }),
    ],
  }
}

const stop = (seen: Seen, { reason, message }: Abandonment): Decision<Status> => ({
  ...settled,
  status: {
    ...begun(seen),
    overallStatus: 'Deprecated',
    endTime: timeOf(seen.now),
    conditions: ready(seen, 'False', reason, message),
  },
})

/** No attempt is left, and yet it isn't ended: attempts of Keptn, or `retries` was lowered. */
const exhausted = (seen: Seen): Decision<Status> => end(seen, begun(seen), 'Failed')

const waitForDefinition = (seen: Seen): Decision<Status> => {
  const { evaluation, namespace } = seen
  const name = evaluation.spec.evaluationDefinition
  const places = [...new Set([evaluation.metadata.namespace ?? '', namespace])]
  const message = `Create the KeptnEvaluationDefinition '${name}' in namespace ${places.map((one) => `'${one}'`).join(' or ')}`
  const reason = 'DefinitionNotFound'
  const status = { ...begun(seen), conditions: ready(seen, 'Unknown', reason, message) }
  return stalled(seen, status, { reason, message })
}

/** The status with the condition `Stalled`, told once. */
const stalled = (
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

/** The conditions with a new `Ready` and without `Stalled`: its absence says that things go on. */
const ready = (
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

const fact = (
  { evaluation, eventNames, now }: Seen,
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
  const { spec, metadata } = evaluation
  const version = spec.workloadVersion === '' ? (spec.appVersion ?? '') : spec.workloadVersion
  const reason = eventNames === 'keptn' ? keptnReason : 'ReconcileEvaluation'
  return {
    ...factTransition(
      { subject: evaluation, version, eventNames, now },
      {
        reason,
        what,
        message,
        ...(severity === undefined ? {} : { severity }),
      },
    ),
    attributes: {
      appName: spec.appName ?? '',
      appVersion: spec.appVersion ?? '',
      workloadName: spec.workload ?? '',
      workloadVersion: spec.workloadVersion,
      evaluationName: metadata.name,
      evaluationDefinitionName: spec.evaluationDefinition,
    },
  }
}
