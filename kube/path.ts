/**
 * Where an API server has its objects, and how errors name them.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../api/object.ts'
import { joinKey } from './keys.ts'

/** Names one object of a kind. */
export interface At {
  readonly namespace?: string
  readonly name: string
}

/** An object as an error names it: `KeptnTask "shop/x"`. */
export const nameOf = (type: ResourceType<KubeObject>, at: At): string =>
  `${type.kind} "${joinKey(type.namespaced ? at.namespace : undefined, at.name)}"`

/** The path of an object, or without a name of its collection. `named` is there when a namespace can't be done without. */
export const pathOf = (
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

/** A query of what is given; a namespace is no part of it. */
export const queryOf = (
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string => {
  const search = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (key !== 'namespace' && value !== undefined) search.set(key, String(value))
  }
  return search.toString()
}
