/**
 * How a kind is declared, and the types that follow from the declaration. One schema serves every version of a kind.
 *
 * @module
 */
import type { TSchema } from 'typebox'
import type { NewObjectMeta, ObjectMeta, ObjectOf, ResourceType } from './object.ts'
import type { Read, Written } from './schema.ts'

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string
  readonly jsonPath: string
  /** Text when not given. */
  readonly type?: 'date'
  /** Shown with `-o wide` only. */
  readonly wide?: true
}

/** What kubectl shows of a kind without columns. A kind that has one column of its own has to name it, or it is gone. */
export const age: Column = { name: 'Age', jsonPath: '.metadata.creationTimestamp', type: 'date' }

/** An object of a declared kind, as it is read. */
export interface CustomObject<ApiVersion extends string, Kind extends string, Spec, Status> {
  readonly apiVersion: ApiVersion
  readonly kind: Kind
  readonly metadata: ObjectMeta
  readonly spec: Spec
  readonly status?: Status
}

/** What a declaration says, apart from the names that its types are made of. */
interface Declared {
  /** All versions in which the API server answers; the same schema in each. */
  readonly versions: readonly string[]
  /** Versions that clusters may have stored long ago: a CRD must go on naming them. */
  readonly unserved: readonly string[]
  readonly plural: string
  readonly shortNames: readonly string[]
  readonly columns: readonly Column[]
  /** A sentence about the kind. */
  readonly description: string
}

/** A declared kind: says how the API server names it, and carries its schemas and types. */
export interface Resource<
  Group extends string,
  Version extends string,
  Kind extends string,
  Spec extends TSchema,
  Status extends TSchema,
>
  extends
    ResourceType<CustomObject<`${Group}/${Version}`, Kind, Read<Spec>, Read<Status>>>,
    Declared {
  readonly group: Group
  /** The version that is stored, read and written. */
  readonly version: Version
  readonly kind: Kind
  readonly singular: string
  readonly namespaced: true
  readonly spec: Spec
  readonly status: Status
}

/** Any declared kind. */
export type AnyResource = Resource<string, string, string, TSchema, TSchema>

/** The object type of a declared kind. */
export type ResourceOf<R> = ObjectOf<R>

/** The status type of an object type. */
export type StatusOf<T extends { readonly status?: unknown }> = NonNullable<T['status']>

/** An object of a declared kind that is about to be created; fields with a default may be left out. */
export interface NewOf<R extends AnyResource> {
  readonly apiVersion: `${R['group']}/${R['version']}`
  readonly kind: R['kind']
  readonly metadata: NewObjectMeta
  readonly spec: Written<R['spec']>
}

/** Declares a kind. Everything that speaks of it (types, CRD, reference page) is made from what is returned. */
export const defineResource = <
  const Group extends string,
  const Version extends string,
  const Kind extends string,
  Spec extends TSchema,
  Status extends TSchema,
>(
  declaration: Omit<Declared, 'unserved' | 'shortNames' | 'columns'> &
    Partial<Declared> & {
      readonly group: Group
      readonly storage: Version
      readonly kind: Kind
      readonly spec: Spec
      readonly status: Status
    },
): Resource<Group, Version, Kind, Spec, Status> => {
  const { storage, ...rest } = declaration
  return Object.freeze({
    unserved: [],
    shortNames: [],
    columns: [],
    ...rest,
    version: storage,
    singular: rest.kind.toLowerCase(),
    namespaced: true as const,
  })
}

/** An object to create, typed: what has a default may be left out, since the API server fills it in. */
export const newObject = <R extends AnyResource>(
  type: R,
  object: Pick<NewOf<R>, 'metadata' | 'spec'>,
): NewOf<R> => ({
  apiVersion: `${type.group as R['group']}/${type.version as R['version']}`,
  kind: type.kind,
  metadata: object.metadata,
  spec: object.spec,
})
