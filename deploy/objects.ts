/**
 * Puts objects of any kind into a cluster, and takes them away again.
 *
 * @module
 */
import { Agent } from 'undici'
import type { Connection } from '../kube/connection.ts'
import { until } from '../test/cluster/run.ts'
import type { Manifest } from './manifests.ts'

const fieldManager = 'gatekept-deploy'
const applyPatch = 'application/apply-patch+yaml'
const strategicPatch = 'application/strategic-merge-patch+json'

/** Names a kind. */
export interface Kind {
  readonly apiVersion: string
  readonly kind: string
}

/** Names one object of any kind. */
export interface Named extends Kind {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** A cluster's objects, read and written without knowing their kinds beforehand. */
export interface Objects {
  /** Makes the object what the manifest says; fields that the manifest doesn't name stay as others made them. */
  readonly apply: (manifest: Manifest) => Promise<void>
  /** What applying the manifest would give, without doing it. */
  readonly tryApply: (manifest: Manifest) => Promise<Manifest>
  readonly read: (named: Named) => Promise<Manifest | undefined>
  readonly list: (kind: Kind, labelSelector?: string) => Promise<readonly Manifest[]>
  /** A strategic merge patch. No matter if the object isn't there. */
  readonly patch: (named: Named, patch: object, subresource?: 'status') => Promise<void>
  /** Deletes the object and, before it, what it owns. No matter if it isn't there. */
  readonly remove: (named: Named) => Promise<void>
  /** Resolves when the object is not there any more. */
  readonly gone: (named: Named, timeoutMs?: number) => Promise<void>
  readonly close: () => Promise<void>
}

interface Call {
  readonly method: 'GET' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly contentType?: string
  readonly body?: object
}

interface ApiResource {
  readonly kind: string
  readonly name: string
  readonly namespaced: boolean
}

/** A request that the API server refused, in the API server's words. */
class Refusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const messageIn = (text: string): string => {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text
  } catch {
    return text // Not everything between us and the API server answers JSON.
  }
}

const named = ({ kind, metadata: { name, namespace } }: Named): string =>
  `${kind} "${namespace === undefined ? '' : `${namespace}/`}${name}"`

const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`

const isMissing = (error: unknown): boolean => error instanceof Refusal && error.status === 404

type Ask = (call: Call) => Promise<unknown>

const openConnection = (
  connection: Connection,
): { readonly ask: Ask; readonly close: () => Promise<void> } => {
  const { server, ca, cert, key, token } = connection
  const trust = ca === '' ? {} : { ca }
  const identity = cert === undefined || key === undefined ? {} : { cert, key }
  const agent = new Agent({ connect: { ...trust, ...identity } })
  const prefix = server.pathname.replace(/\/+$/, '')
  const ask: Ask = async ({ method, path, contentType = 'application/json', body }) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${await token()}` }
    const { statusCode, body: answer } = await agent.request({
      origin: server.origin,
      path: prefix + path,
      method,
      headers: { accept: 'application/json', 'content-type': contentType, ...authorization },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: 30_000,
    })
    const text = await answer.text()
    if (statusCode >= 400) throw new Refusal(statusCode, messageIn(text))
    return JSON.parse(text) as unknown
  }
  return { ask, close: () => agent.close() }
}

/** Finds out where objects of a kind are; `undefined`: the cluster does not know the kind. */
const discovery = (ask: Ask): ((kind: Kind) => Promise<ApiResource | undefined>) => {
  const known = new Map<string, readonly ApiResource[]>()
  const find = ({ apiVersion, kind }: Kind): ApiResource | undefined =>
    known.get(apiVersion)?.find((each) => each.kind === kind && !each.name.includes('/'))
  return async (kind) => {
    const found = find(kind)
    if (found !== undefined) return found
    // A definition that is new is not in the list that was read before.
    const answer = (await ask({ method: 'GET', path: groupPath(kind.apiVersion) }).catch(
      (error: unknown) => {
        if (isMissing(error)) return { resources: [] }
        throw error
      },
    )) as { readonly resources: readonly ApiResource[] }
    known.set(kind.apiVersion, answer.resources)
    return find(kind)
  }
}

const pathIn = (resource: ApiResource, { apiVersion, metadata }: Named): string => {
  const namespace = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : ''
  return `${groupPath(apiVersion)}${namespace}/${resource.name}/${metadata.name}`
}

const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`Cannot ${what}: ${why}`, { cause: error })
  }
}

const absentIfMissing = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => {
    if (isMissing(error)) return undefined
    throw error
  })

/** Access to all objects of a cluster. */
export const objectsOf = (connection: Connection): Objects => {
  const { ask, close } = openConnection(connection)
  const resourceOf = discovery(ask)

  const applyWith = async (manifest: Manifest, query: string): Promise<Manifest> => {
    const resource = await resourceOf(manifest)
    if (resource === undefined) throw new Error(`the cluster has no such kind`)
    const path = `${pathIn(resource, manifest)}?fieldManager=${fieldManager}&force=true${query}`
    return (await ask({
      method: 'PATCH',
      path,
      contentType: applyPatch,
      body: manifest,
    })) as Manifest
  }

  /** A call to an object that may not be there, of a kind that may not be there. */
  const onPresent = async (
    object: Named,
    call: Omit<Call, 'path'>,
    subresource?: 'status',
  ): Promise<Manifest | undefined> => {
    const resource = await resourceOf(object)
    if (resource === undefined) return undefined
    const below = subresource === undefined ? '' : `/${subresource}`
    const path = `${pathIn(resource, object)}${below}`
    const answer = await absentIfMissing(ask({ ...call, path }))
    return answer as Manifest | undefined
  }

  const read = (object: Named): Promise<Manifest | undefined> =>
    attempt(`read ${named(object)}`, () => onPresent(object, { method: 'GET' }))

  return {
    read,
    close,
    apply: async (manifest) => {
      await attempt(`apply ${named(manifest)}`, () => applyWith(manifest, ''))
    },
    tryApply: (manifest) =>
      attempt(`try to apply ${named(manifest)}`, () => applyWith(manifest, '&dryRun=All')),
    list: ({ apiVersion, kind }, labelSelector = '') =>
      attempt(`list ${kind}s`, async () => {
        const resource = await resourceOf({ apiVersion, kind })
        if (resource === undefined) return []
        const query = `?labelSelector=${encodeURIComponent(labelSelector)}`
        const path = `${groupPath(apiVersion)}/${resource.name}${query}`
        const { items } = (await ask({ method: 'GET', path })) as {
          readonly items: readonly Manifest[]
        }
        // Items of a list don't repeat their kind.
        return items.map((item) => ({ ...item, apiVersion, kind }))
      }),
    patch: async (object, patch, subresource) => {
      const call = { method: 'PATCH', contentType: strategicPatch, body: patch } as const
      await attempt(`patch ${named(object)}`, () => onPresent(object, call, subresource))
    },
    remove: async (object) => {
      const body = { propagationPolicy: 'Foreground' }
      await attempt(`delete ${named(object)}`, () => onPresent(object, { method: 'DELETE', body }))
    },
    gone: (object, timeoutMs = 120_000) =>
      until({
        what: `${named(object)} to be gone`,
        check: async () => (await read(object)) === undefined,
        timeoutMs,
        everyMs: 200,
      }),
  }
}
