/**
 * Ids of spans and traces: they follow from what a span is about, so that whoever tells it, and however often, it is the
 * same span.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 *
 * @module
 */
import { createHash } from 'node:crypto'

/** A span as others refer to it. */
export interface SpanContext {
  /** 32 hexadecimal digits, not all of them zero. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all of them zero. */
  readonly spanId: string
  /** Whether whoever made it records it. */
  readonly isSampled: boolean
}

/** A span as it stands in annotations, statuses and the environment of tasks. */
export interface TraceCarrier {
  readonly traceparent?: string
  readonly tracestate?: string
}

const digest = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')

/** The id of the trace that begins with an object. */
export const traceIdOf = (uid: string): string => digest('trace', uid).slice(0, 32)

/** The id of the span of a part of an object, such as a phase, in one of its attempts. */
export const spanIdOf = (uid: string, attempt: number, part: string): string =>
  digest('span', uid, String(attempt), part).slice(0, 16)

// Later versions may add fields behind these.
const traceparent =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads a `traceparent`; `undefined` where it is none. */
export const readTraceparent = (text: string | undefined): SpanContext | undefined => {
  const [, version, traceId, spanId, flags, more] = traceparent.exec(text ?? '') ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === '00' && more !== undefined) return undefined
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` that names a span. */
export const traceparentOf = ({ traceId, spanId, isSampled }: SpanContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`
