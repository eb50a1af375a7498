/**
 * What a KeptnMetric asks whom, and when the next time is. Pure.
 *
 * @module
 */
import { parseDuration } from '../../api/duration.ts'
import {
  conditionTypes,
  fetchIntervalMs,
  isOfItsSpec,
  type Condition,
  type KeptnMetric,
  type KeptnMetricsProvider,
} from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'
import { secretUnreadable } from '../outcome.ts'
import { typeProblem } from '../provider.ts'
import type { MetricRequest, Question as Asked } from '../source.ts'
import { shareOf } from '../share.ts'
import { tlsRefusal } from '../tls.ts'

/** A query that can be sent. */
export interface Question {
  readonly kind: 'question'
  /** Equal for the same words to the same provider; another one after any change of metric or provider. */
  readonly id: string
  readonly provider: KeptnMetricsProvider
  /** The request, as it would be made at this instant. */
  readonly at: (at: Date) => Asked
}

/** Nothing can be asked until a person changes something. */
export interface Unanswerable {
  readonly kind: 'unanswerable'
  readonly reason:
    'InsecureTlsNotAllowed' | 'ProviderNotFound' | 'ProviderUnsupported' | 'RangeInvalid'
  readonly message: string
}

/** What the metric asks of its provider, or what keeps it from asking. */
export const questionOf = (
  metric: KeptnMetric,
  provider: KeptnMetricsProvider | undefined,
  allowsInsecureTls?: boolean,
): Question | Unanswerable => {
  if (provider === undefined) return providerMissing(metric)
  const unsupported = typeProblem(provider)
  if (unsupported !== undefined) return unanswerable('ProviderUnsupported', unsupported)
  const refusal = tlsRefusal(provider, allowsInsecureTls)
  if (refusal !== undefined) return unanswerable('InsecureTlsNotAllowed', refusal)
  const span = spanOf(metric)
  if (typeof span === 'string') return unanswerable('RangeInvalid', span)
  const { query, path, range } = metric.spec
  const aggregation = span?.stepMs === undefined ? undefined : range?.aggregation
  return {
    kind: 'question',
    id: [metric, provider]
      .map(({ metadata }) => `${metadata.uid}/${metadata.generation ?? 0}`)
      .join(' '),
    provider,
    at: (at) => ({
      query,
      at,
      ...(path === undefined ? {} : { path }),
      ...(span === undefined ? {} : { range: rangeAt(span, at) }),
      ...(aggregation === undefined ? {} : { aggregation }),
    }),
  }
}

const unanswerable = (reason: Unanswerable['reason'], message: string): Unanswerable => ({
  kind: 'unanswerable',
  reason,
  message,
})

const providerMissing = ({ metadata: { namespace = '' }, spec }: KeptnMetric): Unanswerable =>
  unanswerable(
    'ProviderNotFound',
    `Create the KeptnMetricsProvider "${spec.provider.name}" in namespace "${namespace}", or name another one in spec.provider.name`,
  )

interface Span {
  readonly intervalMs: number
  readonly stepMs?: number
}

/** How far to look back; a sentence when it can't be told. */
const spanOf = ({ spec: { range } }: KeptnMetric): Span | undefined | string => {
  if (range === undefined) return undefined
  const intervalMs = positive(range.interval)
  if (intervalMs === undefined) return badDuration('interval', range.interval)
  const { step = '' } = range
  if (step === '') return { intervalMs }
  const stepMs = positive(step)
  if (stepMs === undefined) return badDuration('step', step)
  if (range.aggregation !== undefined) return { intervalMs, stepMs }
  return 'Set spec.range.aggregation: it is required with spec.range.step'
}

const positive = (text: string): number | undefined => {
  const ms = parseDuration(text)
  return ms !== undefined && ms > 0 ? ms : undefined
}

const badDuration = (field: string, text: string): string =>
  `Set spec.range.${field} to a duration above zero, such as 5m or 1h30m: it is "${text}"`

const rangeAt = ({ intervalMs, stepMs }: Span, to: Date): NonNullable<MetricRequest['range']> => ({
  from: new Date(to.getTime() - intervalMs),
  to,
  ...(stepMs === undefined ? {} : { stepMs }),
})

/** How soon after a failure a metric is asked again at the earliest: its times are kept in whole seconds. */
const soonestMs = 1000
/** From where on one looks for a Secret anew that could not be read. */
const secretRetryMs = 10_000

/**
 * When the metric has to be asked again, by what its status says; the epoch when that is at once.
 *
 * At once: it never was, its spec has changed since, it could not be asked, or its last time lies in the future (a clock was
 * wrong, and nobody should have to wait for that). Before its turn: its last query gave no value, and an evaluation wants
 * one; or a Secret could not be read, which somebody may mend at any time: nobody watches Secrets. Else at its next turn.
 */
export const dueAt = (metric: KeptnMetric, now: Date, wantedAt?: Date): Date => {
  const last = Date.parse(metric.status?.lastUpdated ?? '')
  if (!isAnswered(metric) || !(last <= now.getTime() + 1000)) return new Date(0)
  const isFailing = readyOf(metric)?.status === 'False'
  const isWanted = isFailing && (wantedAt?.getTime() ?? 0) >= last + soonestMs
  if (isWanted) return new Date(last + soonestMs)
  return new Date(Math.min(nextTurn(metric, last), last + secretPauseMs(metric, last)))
}

/**
 * When a metric that was last asked then has its turn.
 *
 * Turns are an interval apart, at seconds that follow from the UID: metrics that were made at once, and first asked at once,
 * are not due together ever after. From one query to the next it is never less than half of an interval, nor more than one:
 * who is asked too shortly before a turn goes there in two even steps.
 */
const nextTurn = ({ metadata: { uid }, spec }: KeptnMetric, last: number): number => {
  const intervalMs = fetchIntervalMs(spec)
  const offsetMs = wholeSeconds(shareOf(uid) * intervalMs)
  const turns = Math.floor((last - offsetMs) / intervalMs) + 1
  const leftMs = offsetMs + turns * intervalMs - last
  return last + (leftMs * 2 >= intervalMs ? leftMs : wholeSeconds((intervalMs + leftMs) / 2))
}

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000

const readyOf = ({ status }: KeptnMetric): Condition | undefined =>
  findCondition(status?.conditions, conditionTypes.ready)

/** Whether its status is about its present spec, and it could be asked. */
const isAnswered = (metric: KeptnMetric): boolean => {
  const isStalled =
    findCondition(metric.status?.conditions, conditionTypes.stalled)?.status === 'True'
  return !isStalled && isOfItsSpec(metric)
}

/** How long to wait for a Secret that can't be read: as long as that lasts already. */
const secretPauseMs = (metric: KeptnMetric, last: number): number => {
  const ready = readyOf(metric)
  if (ready?.reason !== secretUnreadable) return Infinity
  return Math.max(last - Date.parse(ready.lastTransitionTime), secretRetryMs)
}
