/**
 * The sources of metrics that can be asked, by the `type` of a KeptnMetricsProvider. A new one is a file and a row.
 *
 * @module
 */
import type { OpenSource } from './access.ts'
import { prometheus } from './prometheus.ts'

const sources = new Map<string, OpenSource>([
  ['prometheus', prometheus],
  ['thanos', prometheus],
  ['cortex', prometheus],
])

/** The types that can be asked, as a provider writes them. */
export const sourceTypes: readonly string[] = [...sources.keys()]

/** The source for a provider's type, in whatever case it is written. */
export const findSource = (type: string): OpenSource | undefined => sources.get(type.toLowerCase())
