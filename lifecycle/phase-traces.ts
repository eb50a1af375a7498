/**
 * The spans of a version's phases, for who looks for them in a status: by them people and tasks find the trace, and link
 * another one to it. Nothing is decided by it; spans are told by who listens.
 *
 * @module
 */
import { carrierOf, type VersionTrace } from '../identity/trace.ts'

type Carriers = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A status that names the spans of phases. */
export interface Traced {
  readonly phaseTraceIDs?: Carriers
}

/** Notes the span of a phase. `trace`: `undefined` while nobody is told of spans. */
export const withPhaseTraced = <Status extends Traced>(
  status: Status,
  { name }: { readonly name: string },
  trace: VersionTrace | undefined,
): Status =>
  trace === undefined
    ? status
    : { ...status, phaseTraceIDs: { ...status.phaseTraceIDs, [name]: carrierOf(trace, name) } }
