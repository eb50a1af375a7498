/**
 * What a source is opened with.
 *
 * @module
 */
import type { HttpTemplate } from '../../api/index.ts'
import type { FetchRequest, Reply } from '../fetch.ts'
import type { MetricSource } from '../source.ts'
import type { Tokens } from '../tokens.ts'

/** Entries of a provider's Secret. */
export interface SecretEntries {
  /** `namespace/name`, for messages. */
  readonly of: string
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
  /** What the provider says of its Secret's entry. */
  readonly secretKey: string
  /** User and password from the address of the provider, if it has them. */
  readonly login: { readonly user: string; readonly password: string } | undefined
  /** How to ask, for a source that knows no protocol of its own. */
  readonly template: HttpTemplate | undefined
  readonly tokens: Tokens
  /** Cuts what a source said to what a message may repeat of it: no Secret, and no more than a line. */
  readonly quote: (text: string) => string
  /** Names something that no message may hold, in whatever form it comes back. */
  readonly conceal: (secret: string) => void
  readonly fetch: (
    request: Omit<FetchRequest, 'insecureSkipTlsVerify' | 'leftMs'>,
    signal: AbortSignal,
  ) => Promise<Reply>
  /** Lets time pass; ends early when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
}

/** Opens a source. Nothing is sent before the first query. */
export type OpenSource = (access: SourceAccess) => MetricSource

/** Basic authorization (RFC 7617). */
export const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})
