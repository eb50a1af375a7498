/**
 * Ids of spans and traces: they follow from what a span is about, so that whoever tells it, and however often, it is the
 * same span.
 *
 * | The span of                        | Is a child of                                                             |
 * | ---------------------------------- | ------------------------------------------------------------------------- |
 * | an app version                     | what caused it (`spec.traceId`); of nothing, if nothing is known          |
 * | a workload version                 | the phase `AppDeploy` of the app version that it began with               |
 * | a phase                            | its version, in its attempt                                               |
 * | a task, an evaluation              | the phase that runs it                                                    |
 *
 * https://www.w3.org/TR/trace-context/#traceparent-header
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type { KeptnAppVersion, KeptnWorkloadVersion } from '../api/index.ts'

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

/** The spans of a version, in one of its attempts. */
export interface VersionTrace {
  readonly traceId: string
  readonly uid: string
  readonly attempt: number
  /** The span that it is a child of. */
  readonly parent?: SpanContext
  /** Goes along with each carrier as it came: other systems' notes. */
  readonly tracestate?: string
}

const traceOf = (uid: string, attempt: number, cause: TraceCarrier | undefined): VersionTrace => {
  const parent = readTraceparent(cause?.traceparent)
  if (parent === undefined) return { traceId: traceIdOf(uid), uid, attempt }
  const { traceId } = parent
  const { tracestate } = cause ?? {}
  return { traceId, uid, attempt, parent, ...(tracestate === undefined ? {} : { tracestate }) }
}

/** The spans of an app version. */
export const traceOfAppVersion = (
  { metadata, spec }: Pick<KeptnAppVersion, 'metadata' | 'spec'>,
  attempt: number,
): VersionTrace => traceOf(metadata.uid, attempt, spec.traceId)

/** The phase of an app version in which its workloads go through theirs. */
export const appDeploy = 'AppDeploy'

/**
 * The spans of a workload version. What it began with stands among the carriers of its phases, as that of `AppDeploy`; where
 * it does not, `spec.traceId` counts, which Keptn wrote.
 */
export const traceOfWorkloadVersion = (
  { metadata, spec }: Pick<KeptnWorkloadVersion, 'metadata' | 'spec'>,
  phaseTraceIDs: Readonly<Record<string, TraceCarrier>> | undefined,
  attempt: number,
): VersionTrace => traceOf(metadata.uid, attempt, phaseTraceIDs?.[appDeploy] ?? spec.traceId)

/** Whether its spans are told: what caused them may have been left out by whoever samples. */
export const isSampled = ({ parent }: VersionTrace): boolean => parent?.isSampled !== false

/** The span of the whole version. */
export const versionSpan = (trace: VersionTrace): SpanContext => spanOf(trace, 'version')

/** The span of one of its phases, by the phase's short name. */
export const phaseSpan = (trace: VersionTrace, phase: string): SpanContext => spanOf(trace, phase)

const spanOf = (trace: VersionTrace, part: string): SpanContext => ({
  traceId: trace.traceId,
  spanId: spanIdOf(trace.uid, trace.attempt, part),
  isSampled: isSampled(trace),
})

/** A phase as what happens in it finds it: whoever makes a span of its own below makes it a child of this. */
export const carrierOf = (
  trace: VersionTrace,
  phase: string,
): Readonly<Record<string, string>> => ({
  traceparent: traceparentOf(phaseSpan(trace, phase)),
  ...(trace.tracestate === undefined ? {} : { tracestate: trace.tracestate }),
})
