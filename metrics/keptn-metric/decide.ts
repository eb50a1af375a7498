/**
 * What the status of a KeptnMetric says. Pure.
 *
 * A metric is `Ready` while its last query gave a value. A query without a value leaves the last value where it is, with
 * `errMsg` beside it: readers tell by `errMsg` and `lastUpdated` whether the value still counts. It is `Stalled` while
 * nothing can be asked, until its spec or its provider changes.
 *
 * @module
 */
import {
  conditionTypes,
  fetchIntervalMs,
  type Condition,
  type KeptnMetric,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import type { Measurement } from '../measurements.ts'
import { explain } from '../outcome.ts'
import type { Seen } from './observe.ts'
import { dueAt, questionOf, type Unanswerable } from './question.ts'

type Status = StatusOf<KeptnMetric>

/** Tells what to store of a measurement, and when to look again. */
export const decide = (seen: Seen): Decision<Status> => {
  const { metric, measured } = seen
  const question = questionOf(metric, seen.provider, seen.allowsInsecureTls)
  if (question.kind === 'unanswerable') return stalled(seen, question)
  if (measured === 'under-way') return settled
  if (measured === 'not-due') {
    return { ...settled, wakeAt: dueAt(metric, seen.now, seen.wantedAt) }
  }
  const status = fitting(metric, afterMeasurement(seen, measured))
  return { ...settled, status, wakeAt: dueAt({ ...metric, status }, seen.now, seen.wantedAt) }
}

const afterMeasurement = (seen: Seen, { at, outcome }: Measurement): Status => {
  const { metric } = seen
  const lastUpdated = rfc3339(at)
  // Its absence says that the metric can be asked.
  const others = metric.status?.conditions?.filter(({ type }) => type !== conditionTypes.stalled)
  if (outcome.kind === 'value') {
    const { value, raw } = outcome
    return {
      value,
      rawValue: base64(raw),
      lastUpdated,
      ...history(metric, { value, lastUpdated }),
      conditions: ready(seen, others, {
        status: 'True',
        reason: 'Measured',
        message: `The provider answered with a value${paceOf(metric)}`,
      }),
    }
  }
  const { reason, message } = explain(outcome)
  return {
    ...lastValue(metric),
    errMsg: message,
    lastUpdated,
    ...history(metric, { value: '', errMsg: message, lastUpdated }),
    conditions: ready(seen, others, {
      status: 'False',
      reason,
      message: `${message}${paceOf(metric)}`,
    }),
  }
}

/** What is left of the last value when there is no new one. */
const lastValue = ({ status }: KeptnMetric): Pick<Status, 'value' | 'rawValue'> => {
  const { value, rawValue } = status ?? {}
  return {
    ...(value === undefined ? {} : { value }),
    ...(rawValue === undefined ? {} : { rawValue }),
  }
}

/** What there is to say of an interval that can't be meant. */
const paceOf = ({ spec }: KeptnMetric): string =>
  spec.fetchIntervalSeconds > 0
    ? ''
    : `; fetchIntervalSeconds is ${String(spec.fetchIntervalSeconds)}, so it is asked every ${String(fetchIntervalMs(spec) / 1000)} s`

type Result = Omit<NonNullable<Status['intervalResults']>[number], 'range'>

/** The past results with this one, as many as the spec wants; the same result is never there twice. */
const history = (
  { spec: { range }, status }: KeptnMetric,
  result?: Result,
): Pick<Status, 'intervalResults'> => {
  const limit = range?.storedResults ?? 0
  if (range === undefined || limit <= 0) return {}
  const past = status?.intervalResults ?? []
  const before = past.filter(({ lastUpdated }) => lastUpdated !== result?.lastUpdated)
  return {
    intervalResults: [...before, ...(result === undefined ? [] : [{ ...result, range }])].slice(
      -limit,
    ),
  }
}

const ready = (
  { metric, now }: Seen,
  others: Status['conditions'],
  verdict: Pick<Condition, 'status' | 'reason' | 'message'>,
): NonNullable<Status['conditions']> =>
  withCondition(others, { type: conditionTypes.ready, ...verdict, ...generationOf(metric) }, now)

const stalled = (seen: Seen, { reason, message }: Unanswerable): Decision<Status> => {
  const { metric, now } = seen
  const { status = {} } = metric
  const type = conditionTypes.stalled
  const before = findCondition(status.conditions, type)
  const conditions = withCondition(
    ready(seen, status.conditions, { status: 'False', reason, message }),
    { type, status: 'True', reason, message, ...generationOf(metric) },
    now,
  )
  const isKnown =
    before?.status === 'True' && before.reason === reason && before.message === message
  return {
    ...settled,
    status: {
      ...lastValue(metric),
      ...(status.lastUpdated === undefined ? {} : { lastUpdated: status.lastUpdated }),
      ...(status.intervalResults === undefined ? {} : history(metric)),
      errMsg: message,
      conditions,
    },
    transitions: isKnown ? [] : [told(seen, reason, message)],
  }
}

const told = ({ metric, now }: Seen, reason: string, message: string): Transition => {
  const { namespace, name, uid } = metric.metadata
  return {
    id: `${uid}/${reason}/${rfc3339(now)}`,
    subject: {
      apiVersion: metric.apiVersion,
      kind: metric.kind,
      name,
      uid,
      ...(namespace === undefined ? {} : { namespace }),
    },
    reason,
    severity: 'Warning',
    message,
    at: now,
  }
}

const generationOf = ({ metadata: { generation } }: KeptnMetric) =>
  generation === undefined ? {} : { observedGeneration: generation }

const rfc3339 = (instant: Date): string => instant.toISOString().replace(/\.\d+Z$/, 'Z')

/** What Keptn keeps of an answer at most. */
const maxRawBytes = 1024 * 1024

const base64 = (raw: string): string => Buffer.from(raw).subarray(0, maxRawBytes).toString('base64')

/** An API server stores 1.5 MiB; what it adds, such as who has written which field, has the rest. */
const mostBytes = 1_500_000

/** The status with as much of the answer as the object has place for: what is not stored would be asked again and again. */
const fitting = ({ metadata, spec }: KeptnMetric, status: Status): Status => {
  const { rawValue } = status
  const excess = Buffer.byteLength(JSON.stringify({ metadata, spec, status })) - mostBytes
  if (excess <= 0 || rawValue === undefined) return status
  // Whole groups of letters are base64 still. None at all would say that there was no answer.
  const kept = Math.max(4, Math.floor((rawValue.length - excess) / 4) * 4)
  return { ...status, rawValue: rawValue.slice(0, kept) }
}
