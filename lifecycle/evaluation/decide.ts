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
import type {
  EvaluationStatusItem,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  ObjectiveStatus,
} from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import type { Abandonment } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { describeEvaluation } from './describe.ts'
import { outcomeKeyOf } from './label.ts'
import { badTarget, judge, metBefore, placesOf, type Placed } from './objective.ts'
import { begun, type Seen, type Status } from './seen.ts'
import { endFacts, ready, stalled, targetInvalid } from './telling.ts'
import { awaitedSince, waitForDefinition, waitForValues } from './waiting.ts'

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
    transitions: endFacts({ ...seen, evaluation: { ...seen.evaluation, status } }),
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
