/**
 * What a source is opened with.
 *
 * @module
 */
import type { FetchRequest, Reply } from '../fetch.ts'
import type { MetricSource } from '../source.ts'

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
  /** `undefined` when the provider names no Secret. */
  readonly secret: SecretEntries | undefined
  /** User and password from the address of the provider, if it has them. */
  readonly login: { readonly user: string; readonly password: string } | undefined
  readonly fetch: (
    request: Omit<FetchRequest, 'insecureSkipTlsVerify'>,
    signal: AbortSignal,
  ) => Promise<Reply>
}

/** Opens a source. Nothing is sent before the first query. */
export type OpenSource = (access: SourceAccess) => MetricSource
