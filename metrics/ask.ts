/**
 * Asks a KeptnMetricsProvider: finds its source, reads its Secret, and keeps the Secret out of everything that is said.
 *
 * @module
 */
import type { KeptnMetricsProvider } from '../api/index.ts'
import { Secret } from '../api/kubernetes.ts'
import { ApiError } from '../kube/errors.ts'
import type { Client } from '../kube/client.ts'
import type { Fetch } from './fetch.ts'
import { outcomeOf, type Outcome } from './outcome.ts'
import { ProviderError, redact, type MetricRequest, type Question, type Sample } from './source.ts'
import type { SecretEntries, SourceAccess } from './sources/access.ts'
import { findSource } from './sources/index.ts'

/** Asks a provider once. Throws a {@link ProviderError} that holds no entry of its Secret. */
export type Ask = (
  provider: KeptnMetricsProvider,
  request: MetricRequest,
  signal: AbortSignal,
) => Promise<readonly Sample[]>

/** Asks through `fetch`; Secrets are read by name, each time anew, and kept nowhere. */
export const createAsk =
  ({ client, fetch }: { client: Pick<Client, 'get'>; fetch: Fetch }): Ask =>
  async (provider, request, signal) => {
    const { type = '', targetServer, insecureSkipTlsVerify } = provider.spec
    const found = findSource(type)
    if (found === undefined) throw new ProviderError(`There is no source of type "${type}"`)
    const { url, login } = placeOf(targetServer)
    const entries = await readSecret(client, provider, signal)
    const sent = new Set<string>()
    const source = found.open({
      url,
      login,
      secret: entries === undefined ? undefined : accessTo(entries),
      fetch: (call, callSignal) => {
        sent.add(call.headers['authorization']?.split(' ')[1] ?? '')
        return fetch({ ...call, insecureSkipTlsVerify }, callSignal)
      },
    })
    try {
      return await source.query(request, signal)
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error
      const secrets = [...(entries?.values.values() ?? []), login?.password ?? '']
      // Without its cause: that may hold the reply.
      const message = redact(error.message, [...sent, ...secrets.flatMap(formsOf)])
      throw new ProviderError(message, { status: error.status })
    }
  }

/** Asks a provider one number. Rejects only for what is neither the provider's fault nor the question's. */
export type Measure = (
  provider: KeptnMetricsProvider,
  question: Question,
  signal: AbortSignal,
) => Promise<Outcome>

/** Measures through {@link createAsk}; how samples become one number is told by the kind of source. */
export const createMeasure = (options: Parameters<typeof createAsk>[0]): Measure => {
  const ask = createAsk(options)
  return async (provider, { aggregation, ...request }, signal) => {
    try {
      const samples = await ask(provider, request, signal)
      const found = findSource(provider.spec.type ?? '')
      return outcomeOf(
        samples,
        aggregation,
        found?.reading,
        notBefore(request, found?.lookBackMs ?? 0),
      )
    } catch (error) {
      if (error instanceof ProviderError) return { kind: 'error', message: error.message }
      throw error
    }
  }
}

/** For clocks that differ, and for samples that are told by the begin of the time that they are about. */
const staleAfterMs = 5 * 60_000

/** Older than this, a sample has nothing to do with what was asked. */
const notBefore = ({ at, range }: MetricRequest, lookBackMs: number): Date => {
  if (range === undefined) return new Date(at.getTime() - lookBackMs - staleAfterMs)
  const slackMs = Math.max(staleAfterMs, range.stepMs ?? 0)
  return new Date(range.from.getTime() - slackMs)
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
      throw new ProviderError(`Cannot read Secret "${of}": ${error.message}`, { cause: error })
    })
  if (secret === undefined) throw new ProviderError(`Cannot read Secret "${of}": it does not exist`)
  const values = Object.entries(secret.data ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')] as const,
  )
  return { of, values: new Map(values) }
}

const accessTo = ({ of, values }: Entries): SecretEntries => ({
  find: (key) => values.get(key),
  get: (key) => {
    const value = values.get(key)
    if (value === undefined) {
      throw new ProviderError(`Cannot read Secret "${of}": key "${key}" is missing`)
    }
    return value
  },
})

/** A secret as it is, and as it travels. Shorter ones would redact every other word and protect nothing. */
const formsOf = (secret: string): readonly string[] => {
  const trimmed = secret.trim()
  if (trimmed.length < 4) return []
  return [trimmed, encodeURIComponent(trimmed), Buffer.from(trimmed).toString('base64')]
}
