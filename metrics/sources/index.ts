/**
 * The sources of metrics that can be asked, by the `type` of a KeptnMetricsProvider. A new one is a file and a row.
 *
 * @module
 */
import { asItIs, type Reading } from '../outcome.ts'
import type { OpenSource } from './access.ts'
import { prometheus } from './prometheus.ts'

/** A kind of source: how to ask it, and how its answers are read. */
export interface SourceType {
  readonly open: OpenSource
  readonly reading: Reading
  /** How far back a query without a range may look. */
  readonly lookBackMs: number
}

const minuteMs = 60_000
const prometheusType: SourceType = {
  open: prometheus,
  reading: asItIs,
  lookBackMs: 5 * minuteMs,
}

const sources = new Map<string, SourceType>([
  ['prometheus', prometheusType],
  ['thanos', prometheusType],
  ['cortex', prometheusType],
])

/** The types that can be asked, as a provider writes them. */
export const sourceTypes: readonly string[] = [...sources.keys()]

/** The source for a provider's type, in whatever case it is written. */
export const findSource = (type: string): SourceType | undefined => sources.get(type.toLowerCase())
