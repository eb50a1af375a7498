/**
 * Whether what a store holds of an object is at least as new as a moment.
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../api/object.ts'
import type { Client } from './client.ts'
import { compareVersions } from './resource-version.ts'

/** Tells whether this state of an object was stored after the moment. Throws when the API server could not be asked. */
export type Freshness = (object: KubeObject) => Promise<boolean>

/**
 * The moment is when it is first asked. The API server tells its version then: a list without a version of its own is never
 * served from the past, and one object is enough of it.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
 */
export const sinceFirstAsked = (
  client: Pick<Client, 'list'>,
  type: ResourceType<KubeObject>,
): Freshness => {
  let asked: Promise<string> | undefined
  const ask = async (): Promise<string> => {
    try {
      return (await client.list(type, { limit: 1 })).resourceVersion
    } catch (error) {
      asked = undefined
      throw error
    }
  }
  return async ({ metadata }) => {
    asked ??= ask()
    return compareVersions(metadata.resourceVersion, await asked) > 0
  }
}
