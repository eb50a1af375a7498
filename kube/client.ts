/**
 * Typed requests to an API server: what can be asked of it, and how that is said in HTTP (`requests.ts` sends it).
 *
 * @module
 */
import { apiVersionOf, type KubeObject, type New, type ResourceType } from '../api/object.ts'
import type { Connection } from './connection.ts'
import type { Patch } from './decision.ts'
import { ApiError, isNotFound } from './errors.ts'
import { nameOf, pathOf, queryOf, type At } from './path.ts'
import { parseAnswer, streamError, type Status } from './refusals.ts'
import { createRequests, type Call, type RequestOptions } from './requests.ts'

export type { At } from './path.ts'
export { NotSentError, type RequestOptions } from './requests.ts'

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

const contentTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const

/** Makes a client. It opens connections when they are needed. */
export const createClient = (
  connection: Connection,
  options: { readonly maxWrites?: number; readonly userAgent?: string } = {},
): Client => {
  const requests = createRequests(connection, options)
  const sendForObject = async <T>(call: Call, options?: RequestOptions): Promise<T> =>
    parseAnswer(call, await requests.send(call, options)) as T

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
    for await (const value of requests.stream(call, signal)) yield toEvent<T>(call, value)
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
      await requests.send(
        { method: 'DELETE', path: pathOf(type, at), attempt, body, write: true },
        options,
      )
    },

    watch,

    async raw({ method, path, body }, options) {
      const attempt = `${method === 'GET' ? 'get' : 'post to'} "${path.split('?')[0] ?? path}"`
      const call: Call = { method, path, attempt, body }
      const answer = await requests.send(call, options)
      return answer.isJson ? parseAnswer(call, answer) : answer.text
    },

    close: () => requests.close(),
  }
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
