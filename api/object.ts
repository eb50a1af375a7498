/**
 * The shape that all Kubernetes objects share, and how a kind is named in a request.
 * Plain readonly data: what is read from the API is never changed in place.
 *
 * @module
 */

/** An owner as Kubernetes' garbage collector sees it. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** The metadata of an object that the API server has stored. */
export interface ObjectMeta {
  readonly name: string
  /** Missing on cluster-scoped objects. */
  readonly namespace?: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation?: number
  /** RFC 3339, whole seconds. */
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  /** Who has written which fields, and when. Stores that don't need it drop it. */
  readonly managedFields?: readonly { readonly time?: string; readonly subresource?: string }[]
}

/** Any stored object. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** The metadata that whoever creates an object decides; the API server adds the rest. */
export interface NewObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
}

/** An object that is about to be created. */
export type New<T extends KubeObject> = Omit<T, 'metadata' | 'status'> & {
  readonly metadata: NewObjectMeta
}

/** How the API server names a kind. The type parameter ties requests for it to the objects they return. */
export interface ResourceType<T extends KubeObject> {
  /** `''` for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  /** Never there at run time: carries the object's type. */
  readonly object?: T
}

/** The object type that a resource type stands for. */
export type ObjectOf<R> = R extends ResourceType<infer T> ? T : never

/** `v1` for the core group, else `group/version`. */
export const apiVersionOf = (type: Pick<ResourceType<KubeObject>, 'group' | 'version'>): string =>
  type.group === '' ? type.version : `${type.group}/${type.version}`

/** A controller reference to an owner, so that the child is deleted with it. */
export const ownedBy = (owner: KubeObject): OwnerReference => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
})

/** The owner that controls the object, if any: at most one reference may say `controller`. */
export const controllerOf = (object: {
  readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] }
}): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true)
