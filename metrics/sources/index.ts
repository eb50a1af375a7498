/**
 * The sources of metrics that can be asked, by the `type` of a KeptnMetricsProvider. A new one is a file and a row.
 *
 * @module
 */
import type { FetchRequest, Reply } from '../fetch.ts'
import type { MetricSource } from '../source.ts'
import { prometheus } from './prometheus.ts'

/** Entries of a provider's Secret. */
export interface SecretEntries {
  /** Throws a `ProviderError` that names the Secret and the key when the entry is missing. */
  readonly get: (key: string) => string
  readonly find: (key: string) => string | undefined
}

/** What a source is opened with: where it is, and how to ask there. */
export interface SourceAccess {
  /** The address of the provider with a path appended to its own. */
  readonly url: (path: string) => URL
  /** Missing when the provider names no Secret. */
  readonly secret?: SecretEntries
  /** Which entry of the Secret the provider names. */
  readonly secretKey?: string
  readonly fetch: (
    request: Omit<FetchRequest, 'insecureSkipTlsVerify'>,
    signal: AbortSignal,
  ) => Promise<Reply>
}

/** Opens a source. Nothing is sent before the first query. */
export type OpenSource = (access: SourceAccess) => MetricSource

const sources = new Map<string, OpenSource>([
  ['prometheus', prometheus],
  ['thanos', prometheus],
  ['cortex', prometheus],
])

/** The types that can be asked, as a provider writes them. */
export const sourceTypes: readonly string[] = [...sources.keys()]

/** The source for a provider's type, in whatever case it is written. */
export const findSource = (type: string): OpenSource | undefined => sources.get(type.toLowerCase())
