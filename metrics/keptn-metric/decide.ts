/**
 * What the status of a KeptnMetric says. Pure.
 *
 * A metric is `Ready` while its last query gave a value. A query without a value leaves the last value where it is, with
 * `errMsg` beside it: readers tell by `errMsg` and `lastUpdated` whether the value still counts. It is `Stalled` while
 * nothing can be asked, until its spec or its provider changes.
 *
 * @module
 */
import { fetchIntervalMs, type KeptnMetric, type StatusOf } from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import type { Measurement } from '../measurements.ts'
import { explain } from '../outcome.ts'
import { stalled, unstalled, withReady } from '../telling.ts'
import type { Seen } from './observe.ts'
import { dueAt, questionOf, type Unanswerable } from './question.ts'

type Status = StatusOf<KeptnMetric>

/** Tells what to store of a measurement, and when to look again. */
export const decide = (seen: Seen): Decision<Status> => {
  const { metric, measured } = seen
  const question = questionOf(metric, seen.provider, seen.allowsInsecureTls)
  if (question.kind === 'unanswerable') return stall(seen, question)
  if (measured === 'under-way') return settled
  if (measured === 'not-due') {
    return { ...settled, wakeAt: dueAt(metric, seen.now, seen.wantedAt) }
  }
  const status = fitting(metric, afterMeasurement(seen, measured))
  return { ...settled, status, wakeAt: dueAt({ ...metric, status }, seen.now, seen.wantedAt) }
}

const afterMeasurement = ({ metric, now }: Seen, { at, outcome }: Measurement): Status => {
  const lastUpdated = wholeSeconds(at)
  const others = unstalled(metric)
  if (outcome.kind === 'value') {
    const { value, raw } = outcome
    return {
      value,
      rawValue: base64(raw),
      lastUpdated,
      ...history(metric, { value, lastUpdated }),
      conditions: withReady(
        metric,
        others,
        {
          status: 'True',
          reason: 'Measured',
          message: `The provider answered with a value${paceOf(metric)}`,
        },
        now,
      ),
    }
  }
  const { reason, message } = explain(outcome)
  return {
    ...lastValue(metric),
    errMsg: message,
    lastUpdated,
    ...history(metric, { value: '', errMsg: message, lastUpdated }),
    conditions: withReady(
      metric,
      others,
      { status: 'False', reason, message: `${message}${paceOf(metric)}` },
      now,
    ),
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

const stall = ({ metric, now }: Seen, problem: Unanswerable): Decision<Status> => {
  const { status = {} } = metric
  const { conditions, transitions } = stalled(metric, 'False', problem, now)
  return {
    ...settled,
    status: {
      ...lastValue(metric),
      ...(status.lastUpdated === undefined ? {} : { lastUpdated: status.lastUpdated }),
      ...(status.intervalResults === undefined ? {} : history(metric)),
      errMsg: problem.message,
      conditions,
    },
    transitions,
  }
}

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
