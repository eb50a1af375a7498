/**
 * HTTP to sources of metrics, with everything that must hold for all of them: a deadline, a limit of size, addresses that
 * are refused, redirects that stay on their host.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, errors, request as send } from 'undici'
import type { Refuse } from './addresses.ts'
import { ProviderError } from './source.ts'

/** A request to a source. */
export interface FetchRequest {
  readonly url: URL
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly insecureSkipTlsVerify: boolean
}

/** What a source replied, whatever its status. */
export interface Reply {
  readonly status: number
  readonly body: string
}

/** Asks a source once. Throws a {@link ProviderError} when there is no complete reply. */
export type Fetch = (request: FetchRequest, signal: AbortSignal) => Promise<Reply>

/** Finds the addresses of a name. */
export type Resolve = (
  name: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface FetchOptions {
  readonly refuse: Refuse
  /** From the first byte sent to the last byte received, redirects and name resolution included. */
  readonly timeoutMs?: number
  readonly maxBytes?: number
  readonly resolve?: Resolve
}

const maxRedirects = 3

/** Connects sources with their limits. Close it when nothing will be asked any more. */
export const createFetch = (
  options: FetchOptions,
): { readonly fetch: Fetch; readonly close: () => Promise<void> } => {
  const { timeoutMs = 20_000, maxBytes = 1024 * 1024 } = options
  const strict = agentFor(options, true)
  const insecure = agentFor(options, false)

  const once = async (request: FetchRequest, signal: AbortSignal) => {
    const { statusCode, headers, body } = await send(request.url, {
      dispatcher: request.insecureSkipTlsVerify ? insecure : strict,
      method: request.method,
      headers: { 'user-agent': 'gatekept', ...request.headers },
      body: request.body ?? null,
      signal,
    })
    return { status: statusCode, location: headers['location'], body: await read(body, maxBytes) }
  }

  const follow = async (first: FetchRequest, signal: AbortSignal): Promise<Reply> => {
    let request = first
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const { status, location, body } = await once(request, signal)
      if (![301, 302, 303, 307, 308].includes(status)) return { status, body }
      request = redirected(request, status, location)
    }
    throw new ProviderError(`Cannot query ${first.url.origin}: more than 3 redirects`)
  }

  const fetch: Fetch = async (request, signal) => {
    const deadline = startDeadline(timeoutMs, signal)
    try {
      return await follow(request, deadline.signal)
    } catch (error) {
      if (error instanceof ProviderError) throw error
      const reason = deadline.isOver()
        ? `no complete reply within ${timeoutMs / 1000} s`
        : reasonOf(error)
      throw new ProviderError(`Cannot reach ${request.url.origin}: ${reason}`, { cause: error })
    } finally {
      deadline.end()
    }
  }

  return {
    fetch,
    close: async () => {
      await Promise.all([strict.destroy(), insecure.destroy()])
    },
  }
}

/** A signal for one request: aborted after a while, or by another signal. Leaves nothing behind on the other one. */
const startDeadline = (timeoutMs: number, outer: AbortSignal) => {
  // Not AbortSignal.any: what it makes stays known to its sources, and slows them down, long after the request.
  const own = new AbortController()
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    own.abort()
  }, timeoutMs)
  const giveUp = (): void => {
    own.abort()
  }
  if (outer.aborted) giveUp()
  outer.addEventListener('abort', giveUp, { once: true })
  return {
    signal: own.signal,
    isOver: () => isOver,
    end: () => {
      clearTimeout(timer)
      outer.removeEventListener('abort', giveUp)
    },
  }
}

/** Reads a whole body, or stops and closes the connection as soon as it is larger than allowed. */
const read = async (body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > maxBytes) {
      throw new ProviderError(`The reply is larger than ${maxBytes} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The request that a redirect asks for: only on the same host, and never from https to http. */
const redirected = (
  from: FetchRequest,
  status: number,
  location: string | string[] | undefined,
): FetchRequest => {
  const text = Array.isArray(location) ? location[0] : location
  const url =
    text !== undefined && URL.canParse(text, from.url.href) ? new URL(text, from.url) : undefined
  if (url === undefined || !staysOnHost(from.url, url)) {
    throw new ProviderError(
      `Cannot query ${from.url.origin}: it answers with a redirect to another place, which is not followed`,
      { status },
    )
  }
  if (status !== 303) return { ...from, url }
  const { headers, insecureSkipTlsVerify } = from
  return { url, method: 'GET', headers, insecureSkipTlsVerify }
}

const staysOnHost = (from: URL, to: URL): boolean =>
  to.origin === from.origin ||
  (to.hostname === from.hostname && from.protocol === 'http:' && to.protocol === 'https:')

/** Resolves names itself, checks every address, and connects to nothing but the addresses that were checked. */
const agentFor = (
  { refuse, resolve = resolveAll }: FetchOptions,
  rejectUnauthorized: boolean,
): Agent =>
  new Agent({
    connect: (target, callback) => {
      addressesOf(target, resolve, refuse).then(
        (addresses) => {
          buildConnector({ rejectUnauthorized, lookup: answering(addresses) })(target, callback)
        },
        (error: unknown) => {
          callback(error instanceof Error ? error : new Error(String(error)), null)
        },
      )
    },
  })

const resolveAll: Resolve = (name) => lookup(name, { all: true })

const addressesOf = async (
  target: buildConnector.Options,
  resolve: Resolve,
  refuse: Refuse,
): Promise<Awaited<ReturnType<Resolve>>> => {
  const host = target.hostname.replace(/^\[|\]$/g, '')
  const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80)
  const family = isIP(host)
  const addresses = family === 0 ? await resolve(host) : [{ address: host, family }]
  for (const { address } of addresses) {
    const reason = refuse(address, port)
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
}
