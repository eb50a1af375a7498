/**
 * HTTP to sources of metrics, with everything that must hold for all of them: a limit of size, addresses that are refused,
 * redirects that stay on their host, an administrator's proxy, a few new tries where a source is busy or a connection breaks.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, errors, request as send } from 'undici'
import type { Refuse } from './addresses.ts'
import {
  createTunnels,
  goesDirect,
  TunnelRefused,
  type SourceProxy,
  type Tunnels,
} from './proxy.ts'
import { ProviderError } from './source.ts'

/** A request to a source. */
export interface FetchRequest {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly insecureSkipTlsVerify: boolean
  /** How much time is left for all of it, in milliseconds. */
  readonly leftMs: () => number
}

/** What a source replied, whatever its status. */
export interface Reply {
  readonly status: number
  readonly body: string
}

/**
 * Asks a source. Throws a {@link ProviderError} when there is no complete reply.
 *
 * A signal that is aborted with a `ProviderError` as its reason has that one's message told.
 */
export type Fetch = (request: FetchRequest, signal: AbortSignal) => Promise<Reply>

/** Finds the addresses of a name. */
export type Resolve = (
  name: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface FetchOptions {
  readonly refuse: Refuse
  readonly maxBytes?: number
  readonly resolve?: Resolve
  /** Through which proxy sources are asked; missing: through none. */
  readonly through?: ProxyOptions
  /** How to let time pass between two tries; ends early when the signal is aborted. */
  readonly wait?: Wait
}

/** A proxy, and which names it must not be asked for. */
export interface ProxyOptions {
  readonly proxy: SourceProxy
  readonly refuseName: (name: string) => string | undefined
}

/** Resolves after a while, or as soon as the signal is aborted. */
export type Wait = (ms: number, signal: AbortSignal) => Promise<void>

const maxRedirects = 3

/** Waits before the second and the third try, each made up to twice as long at random. */
const retryAfterMs: readonly number[] = [200, 800]

/** What a busy source, or a proxy in front of it, answers; the same question may be answered a moment later. */
const busyStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

interface Answer extends Reply {
  readonly location: string | undefined
  /** What the source asks us to wait, if it does. */
  readonly retryAfterMs: number | undefined
}

/** Connects sources with their limits. Close it when nothing will be asked any more. */
export const createFetch = (
  options: FetchOptions,
): { readonly fetch: Fetch; readonly close: () => Promise<void> } => {
  const { maxBytes = 1024 * 1024, wait = waitFor } = options
  const { refuse } = options
  const resolve = onceAtATime(options.resolve ?? resolveAll)
  const way = wayThrough(options.through)
  const strict = agentFor({ refuse, resolve, way }, true)
  const insecure = agentFor({ refuse, resolve, way }, false)

  const once = async (request: FetchRequest, signal: AbortSignal): Promise<Answer> => {
    const { statusCode, headers, body } = await send(request.url, {
      dispatcher: request.insecureSkipTlsVerify ? insecure : strict,
      method: request.method,
      headers: { 'user-agent': 'gatekept', ...request.headers },
      body: request.body ?? null,
      signal,
    })
    return {
      status: statusCode,
      location: firstOf(headers['location']),
      retryAfterMs: readRetryAfter(firstOf(headers['retry-after'])),
      body: await read(body, Number(headers['content-length'] ?? 0), maxBytes),
    }
  }

  const follow = async (first: FetchRequest, signal: AbortSignal): Promise<Answer> => {
    let request = first
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const answer = await once(request, signal)
      if (![301, 302, 303, 307, 308].includes(answer.status)) return answer
      request = redirected(request, answer)
    }
    throw new ProviderError(`Cannot query ${first.url.origin}: more than 3 redirects`)
  }

  /** Whether there is time for another try; if so, it is waited for. */
  const mayTryAgain = async (
    tries: number,
    { leftMs }: FetchRequest,
    asked: number | undefined,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const least = retryAfterMs[tries]
    if (least === undefined || signal.aborted) return false
    const ms = Math.max(asked ?? 0, least * (1 + Math.random()))
    if (ms >= leftMs()) return false
    await wait(ms, signal)
    return !signal.aborted
  }

  const fetch: Fetch = async (request, signal) => {
    for (let tries = 0; ; tries++) {
      try {
        const { status, body, retryAfterMs: asked } = await follow(request, signal)
        if (!busyStatuses.has(status)) return { status, body }
        if (!(await mayTryAgain(tries, request, asked, signal))) return { status, body }
      } catch (error) {
        if (isConnectionError(error) && (await mayTryAgain(tries, request, undefined, signal))) {
          continue
        }
        throw failureOf(request, error, signal)
      }
    }
  }

  return {
    fetch,
    close: async () => {
      await Promise.all([strict.destroy(), insecure.destroy(), way?.tunnels.close()])
    },
  }
}

const failureOf = ({ url }: FetchRequest, error: unknown, signal: AbortSignal): ProviderError => {
  const { reason } = signal as { readonly reason: unknown }
  const isOver = signal.aborted && reason instanceof ProviderError
  if (error instanceof ProviderError && error !== reason) return error
  const why = isOver ? reason.message : reasonOf(error)
  return new ProviderError(`Cannot reach ${url.origin}: ${why}`, { cause: error })
}

/** Lets time pass. */
export const waitFor: Wait = (ms, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })

const firstOf = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value

/** Seconds, or an instant (RFC 9110). */
const readRetryAfter = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const instant = Date.parse(text)
  return Number.isNaN(instant) ? undefined : instant - Date.now()
}

/** Reads a whole body, or closes the connection as soon as it says or shows that it is larger than allowed. */
const read = async (
  body: AsyncIterable<Uint8Array>,
  announced: number,
  maxBytes: number,
): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes || announced > maxBytes) {
      throw new ProviderError(`The reply is larger than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The request that a redirect asks for: only on the same host, and never from https to http. */
const redirected = (from: FetchRequest, { status, location }: Answer): FetchRequest => {
  const url =
    location !== undefined && URL.canParse(location, from.url.href)
      ? new URL(location, from.url)
      : undefined
  if (url === undefined || !staysOnHost(from.url, url)) {
    throw new ProviderError(
      `Cannot query ${from.url.origin}: it answers with a redirect to another place, which is not followed`,
      { status },
    )
  }
  if (status !== 303) return { ...from, url }
  const { headers, insecureSkipTlsVerify, leftMs } = from
  return { url, method: 'GET', headers, insecureSkipTlsVerify, leftMs }
}

const staysOnHost = (from: URL, to: URL): boolean =>
  to.origin === from.origin ||
  (to.hostname === from.hostname && from.protocol === 'http:' && to.protocol === 'https:')

/** A proxy that is ready to be asked. */
interface Way {
  readonly origin: string
  readonly tunnels: Tunnels
  readonly isDirect: (host: string, port: number) => boolean
  readonly refuseName: ProxyOptions['refuseName']
}

const wayThrough = (through: ProxyOptions | undefined): Way | undefined => {
  if (through === undefined) return undefined
  const { proxy, refuseName } = through
  return {
    origin: proxy.url.origin,
    tunnels: createTunnels(proxy),
    isDirect: goesDirect(proxy.noProxy),
    refuseName,
  }
}

/** How connections are made. */
interface Connecting {
  readonly refuse: Refuse
  readonly resolve: Resolve
  readonly way: Way | undefined
}

/**
 * Resolves names itself, checks every address, and connects to nothing but the addresses that were checked; or has a proxy
 * connect, which is asked for no address or name that is refused. TLS is spoken with the source itself, through the tunnel.
 */
const agentFor = (connecting: Connecting, rejectUnauthorized: boolean): Agent =>
  new Agent({
    connect: (target, callback) => {
      socketFor(target, connecting).then(
        (found) => {
          if ('addresses' in found) {
            const lookup = answering(found.addresses)
            buildConnector({ rejectUnauthorized, lookup })(target, callback)
          } else if (target.protocol === 'https:') {
            buildConnector({ rejectUnauthorized })(
              { ...target, httpSocket: found.socket },
              callback,
            )
          } else callback(null, found.socket)
        },
        (error: unknown) => {
          callback(error instanceof Error ? error : new Error(String(error)), null)
        },
      )
    },
  })

type Found =
  | { readonly addresses: Awaited<ReturnType<Resolve>> }
  | { readonly socket: Awaited<ReturnType<Tunnels['open']>> }

const socketFor = async (
  target: buildConnector.Options,
  { refuse, resolve, way }: Connecting,
): Promise<Found> => {
  const { host, port } = placeOf(target)
  if (way === undefined || way.isDirect(host, port)) {
    return { addresses: await addressesOf({ host, port }, resolve, refuse) }
  }
  const reason = isIP(host) === 0 ? way.refuseName(host) : refuse(host, port, host)
  if (reason !== undefined) throw new ProviderError(`Cannot connect to "${host}": ${reason}`)
  try {
    return { socket: await way.tunnels.open(host, port) }
  } catch (cause) {
    const why = cause instanceof TunnelRefused ? cause.message : reasonOf(cause)
    throw new ProviderError(`Cannot connect to "${host}" through the proxy ${way.origin}: ${why}`, {
      byProxy: true,
      cause,
    })
  }
}

const placeOf = (
  target: buildConnector.Options,
): { readonly host: string; readonly port: number } => ({
  host: target.hostname.replace(/^\[|\]$/g, ''),
  port: Number(target.port) || (target.protocol === 'https:' ? 443 : 80),
})

const resolveAll: Resolve = (name) => lookup(name, { all: true })

/**
 * Looks a name up once at a time. A few threads do it for all sources, and none can be called back: a name whose server
 * hangs shall hold one of them, however many queries wait for it.
 */
const onceAtATime = (resolve: Resolve): Resolve => {
  const underWay = new Map<string, ReturnType<Resolve>>()
  return (name) => {
    const begun = underWay.get(name)
    if (begun !== undefined) return begun
    const addresses = resolve(name).finally(() => underWay.delete(name))
    underWay.set(name, addresses)
    return addresses
  }
}

const addressesOf = async (
  { host, port }: ReturnType<typeof placeOf>,
  resolve: Resolve,
  refuse: Refuse,
): Promise<Awaited<ReturnType<Resolve>>> => {
  const family = isIP(host)
  const addresses = family === 0 ? await resolve(host) : [{ address: host, family }]
  for (const { address } of addresses) {
    const reason = refuse(address, port, host)
    if (reason !== undefined) {
      throw new ProviderError(`Cannot connect to "${host}": ${reason}`)
    }
  }
  return addresses
}

const answering =
  (addresses: Awaited<ReturnType<Resolve>>): LookupFunction =>
  (_name, options, callback) => {
    const [first] = addresses
    if (options.all === true) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family ?? 4)
  }

/** Whether a connection could not be made or broke, and another may fare better. */
const isConnectionError = (error: unknown): boolean => {
  if (error instanceof ProviderError) return error.byProxy && mayPass(error.cause)
  const { code } = error as { readonly code?: unknown }
  return (
    error instanceof errors.SocketError || (typeof code === 'string' && passingErrors.has(code))
  )
}

/** Whether a proxy that made no tunnel may make one a moment later. */
const mayPass = (cause: unknown): boolean =>
  cause instanceof TunnelRefused ? busyStatuses.has(cause.status) : isConnectionError(cause)

const passingErrors: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
])

/** Why there is no reply, in words that say nothing of what the reply held. */
const reasonOf = (error: unknown): string => {
  if (error instanceof errors.SocketError) return 'the connection was closed before the reply ended'
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string') return reasons[code] ?? code
  return typeof message === 'string' ? message : 'it failed for an unknown reason'
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed before the reply ended',
  ENOTFOUND: 'its name is unknown',
  EAI_AGAIN: 'its name could not be resolved for now',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed (see insecureSkipTlsVerify)',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate comes from an unknown authority (see insecureSkipTlsVerify)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes from an unknown authority (see insecureSkipTlsVerify)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  UND_ERR_ABORTED: 'the query was given up',
  UND_ERR_HEADERS_TIMEOUT: 'no connection could be made within 10 s',
  UND_ERR_CONNECT_TIMEOUT: 'no connection could be made within 10 s',
}
