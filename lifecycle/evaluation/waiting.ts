/**
 * What an evaluation waits for before an attempt: its definition, which only a person can make, and values of its metrics that
 * are recent enough.
 *
 * For values it waits 30 seconds at most. Which ones they are stays in `status.awaits`, and since when: each of these metrics
 * is asked at once, and a value that it gets then counts, however long the answer took (`freshness.ts`).
 *
 * @module
 */
import {
  conditionTypes,
  type Awaited,
  type Condition,
  type KeptnEvaluationDefinition,
} from '../../api/index.ts'
import { findCondition, firstOf } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import { isAwaited } from './freshness.ts'
import { badTarget, findMetric, metBefore, placesOf } from './objective.ts'
import { begun, type Seen, type Status } from './seen.ts'
import { ready, stalled, targetInvalid } from './telling.ts'

/** The wait for a definition that does not exist. */
export const waitForDefinition = (seen: Seen): Decision<Status> => {
  const { evaluation, namespace } = seen
  const name = evaluation.spec.evaluationDefinition
  const places = [...new Set([evaluation.metadata.namespace ?? '', namespace])]
  const message = `Create the KeptnEvaluationDefinition '${name}' in namespace ${places.map((one) => `'${one}'`).join(' or ')}`
  const reason = 'DefinitionNotFound'
  const status = { ...begun(seen), conditions: ready(seen, 'Unknown', reason, message) }
  return stalled(seen, status, { reason, message })
}

/** How long an attempt waits for new values: longer than a query takes that is given up, and its turn. */
const longestWaitMs = 30_000

/** The wait for values that are recent enough; `undefined`: there is nothing to wait for any more. */
export const waitForValues = (
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
export const awaitedSince = ({ evaluation, now }: Seen): Date | undefined => {
  const since = Date.parse(evaluation.status?.awaits?.since ?? '')
  return now.getTime() - since < 2 * longestWaitMs ? new Date(since) : undefined
}
