/**
 * Typed requests to an API server, over HTTP/1.1 with connections that stay open.
 *
 * A write takes a slot before it goes out; at most `maxWrites` are in flight and more wait for their turn. One slot is kept
 * for urgent writes (a lease's renewal), which must not wait behind a burst that the API server is slow to take. A write that was told
 * to come back later (`Retry-After`) keeps its slot while it waits: an overloaded server gets fewer requests, not others.
 *
 * Watches have connections of their own, so that no number of them keeps a request waiting.
 *
 * @module
 */
import { Pool, type Dispatcher } from 'undici'
import { apiVersionOf, type KubeObject, type New, type ResourceType } from '../api/object.ts'
import { pause } from './back-off.ts'
import type { Connection } from './connection.ts'
import type { Patch } from './decision.ts'
import { ApiError, isNotFound } from './errors.ts'
import { jsonLines, JsonLinesError } from './json-lines.ts'
import { joinKey } from './keys.ts'
import { createSlots } from './slots.ts'

/** What may be asked for with any request. */
export interface RequestOptions {
  /** Ends the request, and any waiting for its turn, with the signal's reason. */
  readonly signal?: AbortSignal
  /** How long one attempt may take from the moment it is sent; 10 seconds when not given. */
  readonly timeoutMs?: number
  /** Asked right before each attempt is sent, after any waiting: `false` ends the request with `NotSentError`. */
  readonly maySend?: () => boolean
  /** Uses the slot that is kept for writes which must not wait. */
  readonly urgent?: boolean
}

/** A request that `maySend` stopped. Nothing was sent in the last attempt. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError'
}

/** What to list. Without a namespace: all of them. */
export interface ListQuery {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
}

/** What to watch, and from where. */
export interface WatchQuery {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /** The version after which changes are told. */
  readonly resourceVersion?: string
  /** The API server ends the watch after this time. */
  readonly timeoutSeconds?: number
  readonly allowWatchBookmarks?: boolean
}

/** A page of a list. */
export interface List<T extends KubeObject> {
  readonly items: T[]
  readonly resourceVersion: string
  /** There is more: ask again with this. */
  readonly continue?: string
}

/** A change, or a bookmark: word that everything up to a version has been told. */
export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK'
      readonly object: { readonly metadata: { readonly resourceVersion: string } }
    }

/** Names one object of a kind. */
export interface At {
  readonly namespace?: string
  readonly name: string
}

/** Requests to one API server. Every refusal is an `ApiError`. */
export interface Client {
  /** `undefined` when the object is not there. */
  get<T extends KubeObject>(
    type: ResourceType<T>,
    at: At,
    options?: RequestOptions,
  ): Promise<T | undefined>
  list<T extends KubeObject>(
    type: ResourceType<T>,
    query?: ListQuery,
    options?: RequestOptions,
  ): Promise<List<T>>
  create<T extends KubeObject>(
    type: ResourceType<T>,
    object: New<T>,
    options?: RequestOptions,
  ): Promise<T>
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    patch: Omit<Patch, 'kind' | 'type'>,
    options?: RequestOptions,
  ): Promise<T>
  /** With a `uid`: only the object that has it. What it owns is deleted after it. */
  delete<T extends KubeObject>(
    type: ResourceType<T>,
    at: At & { readonly uid?: string },
    options?: RequestOptions,
  ): Promise<void>
  /** Ends when the API server ends it or the signal is aborted; throws when it broke. */
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    query: WatchQuery,
    options: { readonly signal: AbortSignal },
  ): AsyncIterable<WatchEvent<T>>
  /** Anything else: JSON is parsed, other text is returned as it is. A `POST` takes no write slot: it is for reviews. */
  raw(
    request: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: unknown },
    options?: RequestOptions,
  ): Promise<unknown>
  close(): Promise<void>
}

/** One request, before it is sent. */
interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** What is being attempted on what, for an error: `create KeptnTask "shop/x"`. */
  readonly attempt: string
  readonly write?: boolean
  readonly body?: unknown
  readonly contentType?: string
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly isJson: boolean
}

const defaultTimeoutMs = 10_000
const defaultMaxWrites = 16
const maxAnswerBytes = 64 * 1024 * 1024
const maxEventBytes = 16 * 1024 * 1024
/** Longer than this no caller waits inside a request: it gets the error, which says how long to wait. */
const maxRetryAfterMs = 30_000
const maxRefusals = 2
/** Enough for all writes, and for reads that never wait behind them. */
const readConnections = 48

const contentTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const

/** What a code of the HTTP library or of the system means to a caller; any other: unreachable. */
const reasons: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'ConnectionReset',
  ECONNRESET: 'ConnectionReset',
  EPIPE: 'ConnectionReset',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'TooLarge',
}

/** Makes a client. It opens connections when they are needed. */
export const createClient = (
  connection: Connection,
  options: { readonly maxWrites?: number; readonly userAgent?: string } = {},
): Client => {
  const maxWrites = options.maxWrites ?? defaultMaxWrites
  const userAgent = options.userAgent ?? 'gatekept'
  const prefix = connection.server.pathname.replace(/\/+$/, '')
  const requests = openPool(connection, maxWrites + readConnections)
  const watches = openPool(connection, null)
  const ordinary = createSlots(Math.max(1, maxWrites - 1))
  const urgent = maxWrites > 1 ? createSlots(1) : ordinary

  const headersOf = async (call: Call, fresh: boolean): Promise<Record<string, string>> => {
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': userAgent }
    if (call.body !== undefined) headers['content-type'] = call.contentType ?? 'application/json'
    if (connection.token) headers['authorization'] = `Bearer ${await connection.token(fresh)}`
    return headers
  }

  const dispatch = async (
    pool: Pool,
    call: Call,
    settings: { readonly fresh: boolean; readonly signal: AbortSignal },
  ): Promise<Dispatcher.ResponseData> =>
    pool.request({
      method: call.method,
      path: prefix + call.path,
      headers: await headersOf(call, settings.fresh),
      signal: settings.signal,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    })

  const exchange = (call: Call, options: RequestOptions, fresh: boolean): Promise<Answer> =>
    withDeadline(call, options, async (signal) => {
      const response = await dispatch(requests, call, { fresh, signal })
      const text = await response.body.text()
      if (response.statusCode >= 400) throw refusal(call, response, text)
      return { status: response.statusCode, text, isJson: isJson(response) }
    })

  const perform = async (call: Call, options: RequestOptions): Promise<Answer> => {
    const tries: Tries = {
      hasToken: connection.token !== undefined,
      unauthorized: 0,
      resets: 0,
      refusals: 0,
      isDoubtful: false,
    }
    for (;;) {
      if (options.maySend?.() === false) throw new NotSentError(`Did not ${call.attempt}`)
      try {
        return await exchange(call, options, tries.unauthorized > 0)
      } catch (error) {
        const waitMs = retryInMs(error, call, tries)
        if (waitMs === undefined) throw withRepetition(error, tries)
        await waitFor(waitMs, options.signal)
      }
    }
  }

  const send = async (call: Call, options: RequestOptions = {}): Promise<Answer> => {
    if (call.write !== true) return perform(call, options)
    const release = await (options.urgent === true ? urgent : ordinary).take(options.signal)
    try {
      return await perform(call, options)
    } finally {
      release()
    }
  }

  const sendForObject = async <T>(call: Call, options?: RequestOptions): Promise<T> =>
    parseAnswer(call, await send(call, options)) as T

  const openWatch = async (
    call: Call,
    fresh: boolean,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> => {
    const response = await dispatch(watches, call, { fresh, signal })
    // Whoever reads the body sees its errors; this is for one that breaks while nobody reads.
    response.body.on('error', () => undefined)
    if (response.statusCode >= 400) throw refusal(call, response, await response.body.text())
    return response
  }

  async function* watch<T extends KubeObject>(
    type: ResourceType<T>,
    query: WatchQuery,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const path = pathOf(type, query.namespace === undefined ? {} : { namespace: query.namespace })
    const call: Call = {
      method: 'GET',
      path: `${path}?${queryOf({ ...query, watch: true })}`,
      attempt: `watch ${type.kind}`,
    }
    const ending = new AbortController()
    const end = (): void => {
      ending.abort(signal.reason)
    }
    signal.addEventListener('abort', end, { once: true })
    try {
      signal.throwIfAborted()
      // The API server sends a watch's headers at once: only they have a deadline here.
      const response = await withDeadline(call, {}, async (deadline) => {
        deadline.addEventListener('abort', () => ending.abort(deadline.reason), { once: true })
        return firstAuthorized(!!connection.token, (fresh) => openWatch(call, fresh, ending.signal))
      })
      for await (const value of jsonLines(response.body, maxEventBytes)) {
        yield toEvent<T>(call, value)
      }
    } catch (error) {
      if (signal.aborted) return
      throw asApiError(call, error)
    } finally {
      signal.removeEventListener('abort', end)
      ending.abort()
    }
  }

  return {
    async get(type, at, options) {
      const attempt = `get ${nameOf(type, at)}`
      try {
        return await sendForObject({ method: 'GET', path: pathOf(type, at), attempt }, options)
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },

    async list<T extends KubeObject>(
      type: ResourceType<T>,
      query: ListQuery = {},
      options?: RequestOptions,
    ) {
      const path = pathOf(type, query.namespace === undefined ? {} : { namespace: query.namespace })
      const call: Call = {
        method: 'GET',
        path: `${path}?${queryOf({ ...query })}`,
        attempt: `list ${type.kind}`,
      }
      return toList(type, await sendForObject<RawList<T>>(call, options))
    },

    async create(type, object, options) {
      const { namespace, name } = object.metadata
      const attempt = `create ${nameOf(type, object.metadata)}`
      const path = pathOf(type, namespace === undefined ? {} : { namespace }, { attempt, name })
      return sendForObject({ method: 'POST', path, attempt, body: object, write: true }, options)
    },

    async patch(type, patch, options) {
      const path = pathOf(type, patch) + (patch.subresource ? `/${patch.subresource}` : '')
      return sendForObject(
        {
          method: 'PATCH',
          path,
          attempt: `patch ${nameOf(type, patch)}`,
          body: patch.patch,
          contentType: contentTypes[patch.patchType],
          write: true,
        },
        options,
      )
    },

    async delete(type, at, options) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        // Said each time, because a Job's own default is to leave its pods behind.
        propagationPolicy: 'Background',
        ...(at.uid === undefined ? {} : { preconditions: { uid: at.uid } }),
      }
      const attempt = `delete ${nameOf(type, at)}`
      await send({ method: 'DELETE', path: pathOf(type, at), attempt, body, write: true }, options)
    },

    watch,

    async raw({ method, path, body }, options) {
      const attempt = `${method === 'GET' ? 'get' : 'post to'} "${path.split('?')[0] ?? path}"`
      const call: Call = { method, path, attempt, body }
      const answer = await send(call, options)
      return answer.isJson ? parseAnswer(call, answer) : answer.text
    },

    async close() {
      await Promise.all([requests.close(), watches.destroy()])
    },
  }
}

const openPool = ({ server, ca, cert, key }: Connection, connections: number | null): Pool =>
  new Pool(server.origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    // Deadlines are kept by the caller of each request, to the millisecond.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Below the 90 seconds after which an API server closes an idle connection.
    keepAliveTimeout: 30_000,
    maxResponseSize: connections === null ? -1 : maxAnswerBytes,
    connect: {
      ca,
      timeout: defaultTimeoutMs,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  })

interface Tries {
  readonly hasToken: boolean
  unauthorized: number
  resets: number
  refusals: number
  /** An attempt that failed may have been carried out all the same. */
  isDoubtful: boolean
}

/** How long to wait before the same request is sent again; `undefined`: it has failed. */
const retryInMs = (error: unknown, call: Call, tries: Tries): number | undefined => {
  if (!(error instanceof ApiError)) return undefined
  if (error.status === 401) return tries.hasToken && ++tries.unauthorized === 1 ? 0 : undefined
  // A connection that the server closed while it was idle. Reading twice does no harm; of a write only the caller can say.
  if (error.reason === 'ConnectionReset') {
    return call.method === 'GET' && ++tries.resets === 1 ? 0 : undefined
  }
  return error.retryAfterMs === undefined ? undefined : laterInMs(error, error.retryAfterMs, tries)
}

const laterInMs = (error: ApiError, askedMs: number, tries: Tries): number | undefined => {
  if (askedMs > maxRetryAfterMs || ++tries.refusals > maxRefusals) return undefined
  tries.isDoubtful ||= error.status >= 500
  // All who were refused together are told the same time: they come back spread over half of it more.
  return askedMs * (1 + Math.random() / 2)
}

/** A server error may follow a write that was carried out, so that a repeated one meets its own traces. */
const withRepetition = (error: unknown, tries: Tries): unknown => {
  if (!(error instanceof ApiError) || !tries.isDoubtful) return error
  const { status, reason, causes, retryAfterMs, cause } = error
  const details = { status, reason, causes, retryAfterMs, cause, repeated: true }
  return new ApiError(error.message, details)
}

const waitFor = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  await pause(ms, signal ?? new AbortController().signal)
  signal?.throwIfAborted()
}

const firstAuthorized = async <R>(
  hasToken: boolean,
  run: (fresh: boolean) => Promise<R>,
): Promise<R> => {
  try {
    return await run(false)
  } catch (error) {
    if (hasToken && error instanceof ApiError && error.status === 401) return run(true)
    throw error
  }
}

/** Runs one attempt with a signal that ends it when its time is over or its caller gives up. */
const withDeadline = async <R>(
  call: Call,
  { signal, timeoutMs = defaultTimeoutMs }: RequestOptions,
  run: (signal: AbortSignal) => Promise<R>,
): Promise<R> => {
  signal?.throwIfAborted()
  const ending = new AbortController()
  const giveUp = (): void => {
    ending.abort(signal?.reason)
  }
  signal?.addEventListener('abort', giveUp, { once: true })
  // Made when it is needed: an error remembers where it was made, which takes as long as all else here.
  let late: ApiError | undefined
  const timer = setTimeout(() => {
    const message = `Cannot ${call.attempt}: no answer within ${timeoutMs} ms`
    late = new ApiError(message, { status: 0, reason: 'Timeout' })
    ending.abort(late)
  }, timeoutMs)
  try {
    return await run(ending.signal)
  } catch (error) {
    signal?.throwIfAborted()
    throw late ?? asApiError(call, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** What broke on the way, as an `ApiError`; a bug stays what it is. */
const asApiError = (call: Call, error: unknown): unknown => {
  if (error instanceof ApiError) return error
  if (error instanceof JsonLinesError) {
    const reason = error.reason === 'Cut' ? 'ConnectionReset' : error.reason
    return new ApiError(`Cannot ${call.attempt}: ${error.message}`, { status: 0, reason })
  }
  const code = codeOf(error)
  if (code === '') return error
  const message = (error as Error).message || code
  const reason = reasons[code] ?? 'Unreachable'
  return new ApiError(`Cannot ${call.attempt}: ${message}`, { status: 0, reason, cause: error })
}

const isJson = (response: Dispatcher.ResponseData): boolean =>
  String(response.headers['content-type'] ?? '').includes('json')

const parseAnswer = (call: Call, answer: Answer): unknown => {
  try {
    return JSON.parse(answer.text)
  } catch {
    // Without its cause: the parser's error quotes what it read, which may be a Secret.
    throw new ApiError(
      `Cannot ${call.attempt}: the answer, ${answer.text.length} characters, is not JSON`,
      { status: 0, reason: 'Malformed' },
    )
  }
}

/** The part of a Status that says why. */
interface Status {
  readonly kind?: unknown
  readonly message?: unknown
  readonly reason?: unknown
  readonly code?: unknown
  readonly details?: { readonly retryAfterSeconds?: unknown; readonly causes?: unknown } | null
}

const maxMessageLength = 2_000

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value.slice(0, maxMessageLength) : ''

const statusOf = (text: string): Status => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // Not every refusal comes from the API server itself: a proxy's is text, and is not worth repeating.
  }
  return {}
}

const causesOf = ({ details }: Status): readonly string[] =>
  Array.isArray(details?.causes)
    ? details.causes
        .map((cause: { readonly reason?: unknown } | null) => textOf(cause?.reason))
        .filter((reason) => reason !== '')
    : []

const refusal = (call: Call, response: Dispatcher.ResponseData, text: string): ApiError => {
  const status = statusOf(text)
  const why = textOf(status.message) || `HTTP status ${response.statusCode}`
  return new ApiError(`Cannot ${call.attempt}: ${why}`, {
    status: response.statusCode,
    reason: textOf(status.reason),
    causes: causesOf(status),
    retryAfterMs: retryAfterOf(response),
  })
}

const retryAfterOf = ({ statusCode, headers }: Dispatcher.ResponseData): number | undefined => {
  if (statusCode !== 429 && statusCode < 500) return undefined
  const header = headers['retry-after']
  const seconds = typeof header === 'string' ? Number.parseFloat(header) : Number.NaN
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000
  return statusCode === 429 ? 1_000 : undefined
}

const toEvent = <T extends KubeObject>(call: Call, value: unknown): WatchEvent<T> => {
  const event = (value ?? {}) as RawEvent
  if (event.type === 'ERROR') throw streamError(call, (event.object ?? {}) as Status)
  const isKnown = typeof event.type === 'string' && eventTypes.has(event.type)
  if (!isKnown || typeof event.object?.metadata?.resourceVersion !== 'string') {
    throw new ApiError(`Cannot ${call.attempt}: a line that is no event arrived`, {
      status: 0,
      reason: 'Malformed',
    })
  }
  return event as WatchEvent<T>
}

/** A line of a watch, before it is known to be what it should be. */
interface RawEvent {
  readonly type?: unknown
  readonly object?: { readonly metadata?: { readonly resourceVersion?: unknown } | null } | null
}

const eventTypes: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])

const streamError = (call: Call, status: Status): ApiError => {
  const seconds = status.details?.retryAfterSeconds
  return new ApiError(`Cannot ${call.attempt}: ${textOf(status.message) || 'the watch failed'}`, {
    status: typeof status.code === 'number' ? status.code : 500,
    reason: textOf(status.reason),
    retryAfterMs: typeof seconds === 'number' ? seconds * 1_000 : undefined,
  })
}

interface RawList<T> {
  readonly items?: readonly T[] | null
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

const toList = <T extends KubeObject>(type: ResourceType<T>, raw: RawList<T>): List<T> => {
  // The items of a list of Kubernetes' own kinds don't say what they are.
  const naming = { apiVersion: apiVersionOf(type), kind: type.kind }
  const more = raw.metadata?.continue
  return {
    items: (raw.items ?? []).map((item) => ({ ...naming, ...item })),
    resourceVersion: raw.metadata?.resourceVersion ?? '',
    ...(more === undefined || more === '' ? {} : { continue: more }),
  }
}

const nameOf = (type: ResourceType<KubeObject>, at: At): string =>
  `${type.kind} "${joinKey(type.namespaced ? at.namespace : undefined, at.name)}"`

/** The path of an object, or without a name of its collection. `named` is there when a namespace can't be done without. */
const pathOf = (
  type: ResourceType<KubeObject>,
  at: { readonly namespace?: string; readonly name?: string },
  named?: { readonly attempt: string; readonly name: string },
): string => {
  const root = type.group === '' ? '/api' : `/apis/${type.group}`
  const name = at.name ?? named?.name
  if (type.namespaced && name !== undefined && at.namespace === undefined) {
    throw new Error(`Cannot reach ${type.kind} "${name}": its namespace is missing`)
  }
  const namespace =
    type.namespaced && at.namespace !== undefined
      ? `/namespaces/${encodeURIComponent(at.namespace)}`
      : ''
  const object = at.name === undefined ? '' : `/${encodeURIComponent(at.name)}`
  return `${root}/${type.version}${namespace}/${type.plural}${object}`
}

const queryOf = (
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string => {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (key !== 'namespace' && value !== undefined) search.set(key, String(value))
  }
  return search.toString()
}
