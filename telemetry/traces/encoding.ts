/**
 * Spans in the form of OpenTelemetry's protocol (OTLP), as protobuf.
 * https://opentelemetry.io/docs/specs/otlp/
 *
 * @module
 */
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import type { Span, SpanOutcome } from './spans.ts'

type ReadableSpan = Parameters<typeof ProtobufTraceSerializer.serializeRequest>[0][number]

const timeOf = (ms: number): HrTime => [Math.trunc(ms / 1_000), (ms % 1_000) * 1_000_000]

const statuses: Readonly<Record<SpanOutcome, ReadableSpan['status']>> = {
  // Words are for errors: OpenTelemetry has others dropped, as Keptn's library does with its "Succeeded".
  succeeded: { code: SpanStatusCode.OK },
  failed: { code: SpanStatusCode.ERROR, message: 'Failed' },
  stopped: { code: SpanStatusCode.UNSET },
}

const recorded = { traceFlags: TraceFlags.SAMPLED }

const readable = (span: Span, resource: ReadableSpan['resource']): ReadableSpan => ({
  name: span.name,
  kind: SpanKind.CONSUMER,
  spanContext: () => ({ traceId: span.traceId, spanId: span.spanId, ...recorded }),
  ...(span.parent === undefined ? {} : { parentSpanContext: { ...span.parent, ...recorded } }),
  startTime: timeOf(span.startMs),
  endTime: timeOf(span.endMs),
  duration: timeOf(span.endMs - span.startMs),
  ended: true,
  status: statuses[span.outcome],
  attributes: span.attributes,
  links: span.links.map(({ traceId, spanId, isSampled }) => ({
    context: {
      traceId,
      spanId,
      traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
      isRemote: true,
    },
    attributes: { 'opentracing.ref_type': 'follows-from' },
  })),
  events: span.events.map(({ name, atMs }) => ({ name, time: timeOf(atMs) })),
  resource,
  instrumentationScope: { name: span.scope },
  droppedAttributesCount: span.droppedAttributes,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
})

/** One request that carries these spans. */
export const encodeSpans = (
  spans: readonly Span[],
  attributes: Readonly<Record<string, string>>,
): Uint8Array => {
  const resource = {
    attributes,
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes),
  } as ReadableSpan['resource']
  const request = ProtobufTraceSerializer.serializeRequest(
    spans.map((span) => readable(span, resource)),
  )
  if (request === undefined) throw new Error('Cannot encode spans')
  return request
}

/** How many spans of a request that was taken were refused nevertheless. */
export const refusedIn = (answer: Uint8Array): number => {
  try {
    return ProtobufTraceSerializer.deserializeResponse(answer).partialSuccess?.rejectedSpans ?? 0
  } catch {
    // The request was taken; what the answer says beyond that is for people.
    return 0
  }
}
