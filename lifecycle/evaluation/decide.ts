/**
 * How an evaluation goes on. Pure.
 *
 * - **Pending**: nothing was tried. It stays so, `Stalled`, while its definition doesn't exist.
 * - **Measuring**: the next attempt is due, and the value of a metric is too old for it. `awaits` names such metrics, so that
 *   they are asked at once; the attempt is made when all of them were, or 30 seconds later with what there is.
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
  type Awaited,
  type Condition,
  type EvaluationStatusItem,
  type KeptnEvaluation,
  type KeptnEvaluationDefinition,
  type KeptnMetric,
  type ObjectiveStatus,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, firstOf, withCondition, wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import type { Abandonment } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { factTransition, type EventNames } from '../transitions.ts'
import { describeEvaluation } from './describe.ts'
import { isAwaited } from './freshness.ts'
import { outcomeKeyOf } from './label.ts'
import { badTarget, findMetric, judge, type Placed } from './objective.ts'

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
  return waitForValues(seen, definition) ?? attempt(seen, definition)
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

/** How long an attempt waits for new values: longer than a query takes that is given up, and its turn. */
const longestWaitMs = 30_000

/** The wait for values that are recent enough; `undefined`: there is nothing to wait for any more. */
const waitForValues = (
  seen: Seen,
  { spec }: KeptnEvaluationDefinition,
): Decision<Status> | undefined => {
  const { evaluation, now, metrics } = seen
  const since = awaitedSince(seen) ?? now
  const deadline = new Date(since.getTime() + longestWaitMs)
  if (now >= deadline) return undefined
  const awaited = placesOf(spec, evaluation, seen.namespace)
    .filter((placed, index) => metBefore(evaluation, placed, index) === undefined)
    .filter((placed) => badTarget(placed) === undefined)
    .map((placed) => findMetric(placed, metrics))
    .filter((metric) => metric !== undefined)
    .filter((metric) => isAwaited(metric, { now, since }))
  if (awaited.length === 0) return undefined
  const named = merged(
    evaluation.status?.awaits?.metrics ?? [],
    awaited.map(({ metadata: { name, namespace = '' } }) => ({ name, namespace })),
  )
  const names = named.map(({ namespace, name }) => `KeptnMetric '${namespace}/${name}'`)
  const message = `waits for a new value of ${firstOf(names, ', ')}`
  const status: Status = {
    ...begun(seen),
    awaits: { since: since.toISOString(), metrics: named },
    conditions: measuring(seen, message),
  }
  return { ...settled, status, wakeAt: deadline }
}

/** The conditions of a wait. What is wrong with a target stays said: the next attempt would tell it anew. */
const measuring = (seen: Seen, message: string): readonly Condition[] => {
  const conditions = ready(seen, 'Unknown', 'Measuring', message)
  const before = findCondition(seen.evaluation.status?.conditions, conditionTypes.stalled)
  return before?.reason === targetInvalid ? [...conditions, before] : conditions
}

/** Those that were named stay: what is written while one waits is written once. */
const merged = (before: Awaited['metrics'], now: Awaited['metrics']): Awaited['metrics'] => {
  const known = new Set(before.map(({ namespace, name }) => `${namespace}/${name}`))
  const more = new Map(now.map((one) => [`${one.namespace}/${one.name}`, one]))
  return [...before, ...[...more].flatMap(([key, one]) => (known.has(key) ? [] : [one]))]
}

/** Since when newer values are waited for; `undefined`: they aren't, or nobody has looked for long after the wait was over. */
const awaitedSince = ({ evaluation, now }: Seen): Date | undefined => {
  const since = Date.parse(evaluation.status?.awaits?.since ?? '')
  return now.getTime() - since < 2 * longestWaitMs ? new Date(since) : undefined
}

const attempt = (seen: Seen, { spec }: KeptnEvaluationDefinition): Decision<Status> => {
  const { evaluation, now } = seen
  const places = placesOf(spec, evaluation, seen.namespace)
  const retryCount = (evaluation.status?.retryCount ?? 0) + 1
  const since = awaitedSince(seen)
  const moment = { now, ...(since === undefined ? {} : { since }) }
  const objectives = places.map(
    (placed, index) =>
      metBefore(evaluation, placed, index) ?? {
        ...judge(placed, seen.metrics, moment),
        attempt: retryCount,
      },
  )
  const isMet = objectives.every(({ status }) => status === 'Succeeded')
  const status: Status = {
    ...begun(seen),
    retryCount,
    objectives,
    evaluationStatus: byKey(objectives),
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

/** Keptn's map, with an entry for each objective. */
const byKey = (
  objectives: readonly ObjectiveStatus[],
): Readonly<Record<string, EvaluationStatusItem>> =>
  Object.fromEntries(
    objectives.map((objective) => {
      const { value = '', status, message } = objective
      return [outcomeKeyOf(objective, objectives), { value, status, message }]
    }),
  )

/** The status so far, begun if it wasn't. */
const begun = ({ evaluation, now }: Seen): Status => ({
  retryCount: 0,
  evaluationStatus: {},
  overallStatus: 'Pending',
  startTime: wholeSeconds(now),
  ...withoutWait(evaluation.status),
})

const withoutWait = (status: KeptnEvaluation['status']): Partial<Status> =>
  Object.fromEntries(Object.entries(status ?? {}).filter(([field]) => field !== 'awaits'))

/** The reason of `Stalled` while a target can't be understood. */
const targetInvalid = 'TargetInvalid'

const tryAgain = (seen: Seen, status: Status, places: readonly Placed[]): Decision<Status> => {
  const { evaluation, now } = seen
  const message = describeEvaluation({ spec: evaluation.spec, status })
  const problem = places.map(badTarget).find((text) => text !== undefined)
  const next = { ...status, conditions: ready(seen, 'Unknown', 'Progressing', message) }
  const wakeAt = new Date(now.getTime() + intervalMsOf(evaluation))
  return problem === undefined
    ? { ...settled, status: next, wakeAt }
    : { ...stalled(seen, next, { reason: targetInvalid, message: problem }), wakeAt }
}

const end = (seen: Seen, before: Status, outcome: 'Succeeded' | 'Failed'): Decision<Status> => {
  const status = { ...before, overallStatus: outcome, endTime: wholeSeconds(seen.now) }
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
    endTime: wholeSeconds(seen.now),
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
