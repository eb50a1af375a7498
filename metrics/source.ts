/**
 * What a source of metrics is to us: something that answers a query with numbers and their times.
 *
 * @module
 */
import type { Aggregation } from '../api/index.ts'

/** What is asked. Without `range`, the query is about the instant `at`. */
export interface MetricRequest {
  /** In the source's own language, passed through untouched. */
  readonly query: string
  readonly at: Date
  /** Where the number is in a reply, for sources whose replies may hold any. */
  readonly path?: string
  readonly range?: {
    readonly from: Date
    readonly to: Date
    /** Distance between samples; missing: the source's own choice for one value over the whole range. */
    readonly stepMs?: number
  }
}

/** A request, and how its samples become one number. */
export interface Question extends MetricRequest {
  /** Missing: as the source is read. */
  readonly aggregation?: Aggregation
}

/** One number, as measured; NaN and the infinities are passed on as they are. */
export interface Sample {
  /** Which series it belongs to: equal for samples of one series, unequal else. Never shown. */
  readonly series: string
  readonly at: Date
  readonly value: number
}

/** A source of metrics. No samples mean that it has none, never that something went wrong. */
export interface MetricSource {
  /** Throws a {@link ProviderError} when there is no answer that can be read. */
  query(request: MetricRequest, signal: AbortSignal): Promise<readonly Sample[]>
}

/** Longest text of a source that we repeat: a source must not be a way to read what we may read and others may not. */
const longestQuote = 200

/** A source did not answer, or not with what was asked for. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  /** Status code of the reply, if there was one. */
  readonly status: number | undefined
  /** Whether there was a reply, and nothing could be made of it. */
  readonly isUnreadable: boolean
  /** Nothing was asked: the credentials for it are missing. */
  readonly lacksSecret: boolean
  /** Not the source failed, but the proxy on the way to it. */
  readonly byProxy: boolean

  constructor(
    message: string,
    options: {
      readonly status?: number | undefined
      readonly isUnreadable?: boolean
      readonly lacksSecret?: boolean
      readonly byProxy?: boolean
      readonly cause?: unknown
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.status = options.status
    this.isUnreadable = options.isUnreadable ?? false
    this.lacksSecret = options.lacksSecret ?? false
    this.byProxy = options.byProxy ?? false
  }
}

/** What Prometheus answers for one series at most. More would also be more than a status can hold. */
export const mostSamples = 11_000

/** For a reply with more numbers than {@link mostSamples}, which a source need not look at one by one. */
export const tooManyNumbers = (): ProviderError =>
  new ProviderError(`The reply holds more than ${mostSamples} numbers: ask for less`)

/** Cuts what a source said to what a message may repeat of it, on one line. */
export const quote = (text: string): string => {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.length <= longestQuote ? line : `${line.slice(0, longestQuote - 1)}…`
}

/** Replaces every occurrence of a secret value in a text that people will read. */
export const redact = (text: string, secrets: Iterable<string>): string =>
  // Longest first: a secret that contains another one must not be left in part.
  [...secrets]
    .filter((secret) => secret !== '')
    .sort((a, b) => b.length - a.length)
    .reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text)
