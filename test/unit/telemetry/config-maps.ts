/**
 * An API server that has ConfigMaps and nothing else, which refuses a write that is based on an older version.
 *
 * @module
 */
import type { ConfigMap } from '../../../api/kubernetes.ts'
import type { Client } from '../../../kube/client.ts'
import { ApiError } from '../../../kube/errors.ts'

/** The part of the client that records need, and what it holds. */
export interface ConfigMaps {
  readonly client: Pick<Client, 'get' | 'create' | 'patch'>
  /** What is stored under the one name that is used. */
  readonly data: () => Readonly<Record<string, string>> | undefined
  /** As a person deletes it. */
  readonly remove: () => void
  /** The next writes are carried out, and their answers lost. */
  loseAnswers: number
}

const refusal = (status: number, reason: string): ApiError =>
  new ApiError(`Cannot write: ${reason}`, { status, reason })

/** Without any ConfigMap. */
export const configMaps = (): ConfigMaps => {
  let stored: ConfigMap | undefined
  let version = 0
  const store = (data: Readonly<Record<string, string>>): ConfigMap => {
    version += 1
    stored = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'record', uid: 'uid', resourceVersion: String(version) },
      data,
    } as ConfigMap
    if (maps.loseAnswers > 0) {
      maps.loseAnswers -= 1
      throw refusal(0, 'Timeout')
    }
    return stored
  }
  const create = (_: unknown, { data = {} }: ConfigMap): Promise<ConfigMap> =>
    Promise.resolve().then(() => {
      if (stored !== undefined) throw refusal(409, 'AlreadyExists')
      return store(data)
    })
  const patch = (_: unknown, { patch: wanted }: { readonly patch: ConfigMap }) =>
    Promise.resolve().then(() => {
      if (stored === undefined) throw refusal(404, 'NotFound')
      const { resourceVersion } = wanted.metadata
      if (resourceVersion !== stored.metadata.resourceVersion) throw refusal(409, 'Conflict')
      return store({ ...stored.data, ...wanted.data })
    })
  const maps: ConfigMaps = {
    client: { get: () => Promise.resolve(stored), create, patch } as never,
    data: () => stored?.data,
    remove: () => {
      stored = undefined
    },
    loseAnswers: 0,
  }
  return maps
}
