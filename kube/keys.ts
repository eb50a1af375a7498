/**
 * Keys: how controllers and stores name an object within its kind.
 *
 * @module
 */

/** The key of an object: `namespace/name`, or `name` when it is cluster-scoped. */
export const keyOf = (object: {
  readonly metadata: { readonly namespace?: string; readonly name: string }
}): string => joinKey(object.metadata.namespace, object.metadata.name)

/** The key of what has this namespace, if any, and this name. */
export const joinKey = (namespace: string | undefined, name: string): string =>
  namespace === undefined ? name : `${namespace}/${name}`

/** The namespace, if any, and the name in a key. */
export const parseKey = (key: string): { readonly namespace?: string; readonly name: string } => {
  const slash = key.indexOf('/')
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
