/**
 * One request after the other to an API server, over HTTP/1.1 with connections that stay open.
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
import { pause } from './back-off.ts'
import type { Connection } from './connection.ts'
import { ApiError } from './errors.ts'
import { jsonLines } from './json-lines.ts'
import { asApiError, refusal } from './refusals.ts'
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

/** One request, before it is sent. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  /** What is being attempted on what, for an error: `create KeptnTask "shop/x"`. */
  readonly attempt: string
  readonly write?: boolean
  readonly body?: unknown
  readonly contentType?: string
}

/** What came back. */
export interface Answer {
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

/** The way to one API server. Every refusal is an `ApiError`. */
export interface Requests {
  /** Sends a request until it has its answer, or has failed for good. */
  send(call: Call, options?: RequestOptions): Promise<Answer>
  /** The lines of JSON of a watch. Ends when the API server ends it or the signal is aborted; throws when it broke. */
  stream(call: Call, signal: AbortSignal): AsyncIterable<unknown>
  close(): Promise<void>
}

/** Makes the way to an API server. It opens connections when they are needed. */
export const createRequests = (
  connection: Connection,
  options: { readonly maxWrites?: number; readonly userAgent?: string },
): Requests => {
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

  async function* stream(
    call: Call,
    signal: AbortSignal,
  ): AsyncGenerator<unknown, void, undefined> {
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
      yield* jsonLines(response.body, maxEventBytes)
    } catch (error) {
      if (signal.aborted) return
      throw asApiError(call, error)
    } finally {
      signal.removeEventListener('abort', end)
      ending.abort()
    }
  }

  return {
    send,
    stream,
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

const isJson = (response: Dispatcher.ResponseData): boolean =>
  String(response.headers['content-type'] ?? '').includes('json')
