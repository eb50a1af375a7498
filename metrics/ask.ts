/**
 * Asks a KeptnMetricsProvider: finds its source, reads its Secret, and keeps the Secret out of everything that is said.
 *
 * @module
 */
import type { Logger } from 'pino'
import { parseDuration } from '../api/duration.ts'
import type { KeptnMetricsProvider } from '../api/index.ts'
import { Secret } from '../api/kubernetes.ts'
import { ApiError } from '../kube/errors.ts'
import type { Client } from '../kube/client.ts'
import { keyOf } from '../kube/keys.ts'
import { waitFor, type Fetch, type Wait } from './fetch.ts'
import { outcomeOf, type Outcome } from './outcome.ts'
import {
  ProviderError,
  quote,
  redact,
  type MetricRequest,
  type Question,
  type Sample,
} from './source.ts'
import type { SecretEntries, SourceAccess } from './sources/access.ts'
import { findSource, type SourceType } from './sources/index.ts'
import { createTokens } from './tokens.ts'

/** Asks a provider once. Throws a {@link ProviderError} that holds no entry of its Secret. */
export type Ask = (
  provider: KeptnMetricsProvider,
  request: MetricRequest,
  signal: AbortSignal,
) => Promise<readonly Sample[]>

/** What is needed to ask. */
export interface AskOptions {
  readonly client: Pick<Client, 'get'>
  readonly fetch: Fetch
  /** How long a query may take, from its Secret to the last byte of its last reply; where a kind of source needs longer, that. */
  readonly timeoutMs?: number
  /** Whether providers may take any certificate. Else theirs are checked, whatever they say. */
  readonly allowsInsecureTls?: boolean
  readonly now?: () => Date
  readonly wait?: Wait
  readonly log?: Pick<Logger, 'warn'>
}

/** Asks through `fetch`; Secrets are read by name, each time anew, and kept nowhere. */
export const createAsk = (options: AskOptions): Ask => {
  const tokensOf = createTokens(options.now ?? (() => new Date()))
  return async (provider, request, signal) => {
    const { type = '' } = provider.spec
    const found = findSource(type)
    if (found === undefined) throw new ProviderError(`There is no source of type "${type}"`)
    const deadline = startDeadline(options.timeoutMs ?? found.timeoutMs, signal)
    const concealed = new Set<string>()
    try {
      const access = await accessTo(provider, { ...options, found, deadline, concealed })
      const source = found.open({ ...access, tokens: tokensOf(provider.metadata.uid) })
      return await source.query(request, deadline.signal)
    } catch (error) {
      const failure = error instanceof ProviderError ? error : (deadline.reason() ?? error)
      if (!(failure instanceof ProviderError)) throw failure
      // Without its cause: that may hold the reply.
      const { status, isUnreadable, lacksSecret, byProxy } = failure
      const message = redact(failure.message, concealed)
      throw new ProviderError(message, { status, isUnreadable, lacksSecret, byProxy })
    } finally {
      deadline.end()
    }
  }
}

/** What belongs to one query. */
interface Query {
  readonly deadline: Deadline
  readonly concealed: Set<string>
}

const accessTo = async (
  provider: KeptnMetricsProvider,
  options: AskOptions & Query & { readonly found: SourceType },
): Promise<Omit<SourceAccess, 'tokens'>> => {
  const { client, found, deadline, concealed, wait = waitFor } = options
  const { targetServer, secretKeyRef, http } = provider.spec
  const { url, login } = placeOf(targetServer)
  conceal(concealed, login?.password ?? '')
  const entries = await readSecret(client, provider, found, deadline.signal)
  for (const value of entries?.values.values() ?? []) conceal(concealed, value)
  return {
    url,
    login,
    secret: entries === undefined ? undefined : secretOf(entries),
    secretKey: secretKeyRef?.key ?? '',
    template: http,
    quote: (text) => quote(withoutSecrets(text, concealed)),
    conceal: (value) => {
      conceal(concealed, value)
    },
    fetch: fetchFor(provider, options),
    wait,
  }
}

/** How much of what a source said is looked at: far more than is repeated of it. */
const mostHeard = 10_000

/** A text without secrets; of a long one its begin, and not so much of that as a secret which was cut might stand in. */
const withoutSecrets = (text: string, concealed: ReadonlySet<string>): string => {
  if (text.length <= mostHeard) return redact(text, concealed)
  const longest = [...concealed].reduce((most, { length }) => Math.max(most, length), 0)
  const heard = redact(text.slice(0, mostHeard), concealed)
  return heard.slice(0, Math.max(0, heard.length - longest))
}

const conceal = (concealed: Set<string>, secret: string): void => {
  for (const form of formsOf(secret)) concealed.add(form)
}

/** What is sent as credentials may come back in a reply. */
const fetchFor =
  (
    { spec }: KeptnMetricsProvider,
    { fetch, deadline, concealed, allowsInsecureTls = false }: AskOptions & Query,
  ): SourceAccess['fetch'] =>
  (call, signal) => {
    const { authorization = '' } = call.headers
    conceal(concealed, authorization.slice(authorization.indexOf(' ') + 1))
    const insecureSkipTlsVerify = spec.insecureSkipTlsVerify && allowsInsecureTls
    return fetch({ ...call, insecureSkipTlsVerify, leftMs: deadline.leftMs }, signal)
  }

interface Deadline {
  readonly signal: AbortSignal
  readonly leftMs: () => number
  /** What to say if it is over. */
  readonly reason: () => ProviderError | undefined
  readonly end: () => void
}

/** A signal for one query: aborted after a while, or by another signal. Leaves nothing behind on the other one. */
const startDeadline = (timeoutMs: number, outer: AbortSignal): Deadline => {
  // Not AbortSignal.any: what it makes stays known to its sources, and slows them down, long after the request.
  const own = new AbortController()
  const endsAt = performance.now() + timeoutMs
  const timer = setTimeout(() => {
    own.abort(new ProviderError(`no complete reply within ${timeoutMs / 1000} s`))
  }, timeoutMs)
  const giveUp = (): void => {
    own.abort(outer.reason)
  }
  if (outer.aborted) giveUp()
  outer.addEventListener('abort', giveUp, { once: true })
  return {
    signal: own.signal,
    leftMs: () => endsAt - performance.now(),
    reason: () => {
      const { reason } = own.signal as { readonly reason: unknown }
      return reason instanceof ProviderError
        ? new ProviderError(`Cannot ask the provider: ${reason.message}`)
        : undefined
    },
    end: () => {
      clearTimeout(timer)
      outer.removeEventListener('abort', giveUp)
    },
  }
}

/** Asks a provider one number. Rejects only for what is neither the provider's fault nor the question's. */
export type Measure = (
  provider: KeptnMetricsProvider,
  question: Question,
  signal: AbortSignal,
) => Promise<Outcome>

/** Measures through {@link createAsk}; how samples become one number is told by the kind of source. */
export const createMeasure = (options: AskOptions): Measure => {
  const ask = createAsk(options)
  /** The providers that last answered with what nobody can read: said once, not at every query. */
  const unreadable = new Set<string>()
  const tell = (provider: KeptnMetricsProvider, error: ProviderError): void => {
    const key = keyOf(provider)
    if (!error.isUnreadable || unreadable.has(key)) return
    unreadable.add(key)
    // Keptn's words: a test of its users waits for them.
    options.log?.warn({ provider: key, status: error.status }, 'Error while parsing response')
  }
  return async (provider, { aggregation, ...request }, signal) => {
    try {
      const samples = await ask(provider, request, signal)
      unreadable.delete(keyOf(provider))
      const reading = findSource(provider.spec.type ?? '')?.reading
      return outcomeOf(samples, aggregation, reading, notBefore(provider, request))
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      tell(provider, error)
      return failureOf(error)
    }
  }
}

const failureOf = ({ message, lacksSecret, byProxy }: ProviderError): Outcome => ({
  kind: 'error',
  message,
  ...(lacksSecret ? { lacksSecret } : {}),
  ...(byProxy ? { byProxy } : {}),
})

/** Older than this, what a source has is stale; nothing is where the provider sets no limit. */
const notBefore = (
  { spec }: KeptnMetricsProvider,
  { at, range }: MetricRequest,
): Date | undefined => {
  const ageMs = parseDuration(spec.maxSampleAge ?? '')
  return ageMs === undefined ? undefined : new Date((range?.from ?? at).getTime() - ageMs)
}

/** Where a provider is, and the login that its address may hold. */
const placeOf = (targetServer: string): Pick<SourceAccess, 'url' | 'login'> => {
  const base = URL.canParse(targetServer) ? new URL(targetServer) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new ProviderError(
      'Cannot ask the provider: its targetServer is not a URL such as http://prometheus.monitoring:9090',
    )
  }
  const { username, password, pathname } = base
  base.username = ''
  base.password = ''
  const url = (path: string): URL => {
    const place = new URL(base)
    place.pathname = pathname.replace(/\/+$/, '') + path
    return place
  }
  if (username === '') return { url, login: undefined }
  return { url, login: { user: decoded(username), password: decoded(password) } }
}

/** What a part of a URL stands for; as it is where it stands for nothing else. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface Entries {
  /** `namespace/name`, for messages. */
  readonly of: string
  readonly values: ReadonlyMap<string, string>
}

const readSecret = async (
  client: Pick<Client, 'get'>,
  provider: KeptnMetricsProvider,
  { mayLackSecret = false }: SourceType,
  signal: AbortSignal,
): Promise<Entries | undefined> => {
  const name = provider.spec.secretKeyRef?.name?.trim() ?? ''
  if (name === '') return undefined
  const namespace = provider.metadata.namespace ?? ''
  const of = `${namespace}/${name}`
  const secret = await client
    .get(Secret, { namespace, name }, { signal })
    .catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error
      throw new ProviderError(`Cannot read Secret "${of}": ${error.message}`, {
        cause: error,
        lacksSecret: true,
      })
    })
  if (secret === undefined) {
    if (mayLackSecret) return undefined
    throw new ProviderError(`Cannot read Secret "${of}": it does not exist`, { lacksSecret: true })
  }
  const values = Object.entries(secret.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')] as const,
  )
  return { of, values: new Map(values) }
}

const secretOf = ({ of, values }: Entries): SecretEntries => ({
  of,
  find: (key) => values.get(key),
  get: (key) => {
    const value = values.get(key)
    if (value === undefined) {
      throw new ProviderError(`Cannot read Secret "${of}": key "${key}" is missing`, {
        lacksSecret: true,
      })
    }
    return value
  },
})

/** A secret as it is, and as it travels. Shorter ones would redact every other word and protect nothing. */
const formsOf = (secret: string): readonly string[] => {
  const trimmed = secret.trim()
  if (trimmed.length < 4) return []
  const base64 = Buffer.from(trimmed).toString('base64')
  return [
    trimmed,
    encodeURIComponent(trimmed),
    new URLSearchParams({ '': trimmed }).toString().slice(1),
    JSON.stringify(trimmed).slice(1, -1),
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(trimmed).toString('base64url'),
  ]
}
