/**
 * An API server in memory: resource versions, conflicts, the status subresource, generations, owners. It stores whatever it
 * is given; what the real one would refuse by schema is left to the component tests.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { KeptnApp, KeptnAppVersion } from '../../api/index.ts'
import type { KubeObject, New, ResourceType } from '../../api/object.ts'
import type { At } from '../../kube/client.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import type { MergePatch, Patch } from '../../kube/decision.ts'
import { ApiError } from '../../kube/errors.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'

/** A stored object, read as freely as a test needs. */
export type Stored = KubeObject & {
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: Readonly<Record<string, unknown>>
}

/** A change that was stored. */
export interface Change {
  readonly type: ResourceType<KubeObject>
  readonly before: Stored | undefined
  readonly after: Stored | undefined
  /** The version of the store right after it. */
  readonly version: string
  /** Whether we did it: else it was people, or Kubernetes. */
  readonly isOurs: boolean
}

/** What a simulated cluster keeps. */
export interface ApiServer {
  get(type: ResourceType<KubeObject>, at: At): Stored | undefined
  list(type: ResourceType<KubeObject>): readonly Stored[]
  /** Every object of every kind. */
  all(): readonly Stored[]
  create(type: ResourceType<KubeObject>, object: New<KubeObject>): Stored
  patch(type: ResourceType<KubeObject>, patch: Omit<Patch, 'kind' | 'type'>): Stored
  /** Changes any part of an object as the cluster's own controllers would. */
  update(type: ResourceType<KubeObject>, at: At, change: MergePatch): Stored
  /** Makes another object of one, where a patch would keep what is not named. */
  alter(type: ResourceType<KubeObject>, at: At, make: (before: Stored) => Stored): Stored
  remove(type: ResourceType<KubeObject>, at: At & { readonly uid?: string }): void
  /** Marks an object, as foreground deletion does: it goes once everything that it controls is gone. */
  markDeleted(type: ResourceType<KubeObject>, at: At): void
  /** Removes an object of whatever kind. */
  removeObject(object: Stored): void
  version(): string
  /** Does something in our name. */
  asUs<T>(act: () => T): T
  onChange(listener: (change: Change) => void): void
}

/** Defaults that the API server fills in, by kind. */
const defaults: Readonly<Record<string, MergePatch>> = {
  [KeptnApp.kind]: { revision: 1 },
  [KeptnAppVersion.kind]: { revision: 1 },
}

const refusal = (status: number, reason: string, what: string): ApiError =>
  new ApiError(`Cannot change ${what}: ${reason}`, { status, reason })

/** Makes an empty one. */
export const createApiServer = (now: () => Date): ApiServer => {
  const kinds = new Map<string, { type: ResourceType<KubeObject>; objects: Map<string, Stored> }>()
  const listeners: ((change: Change) => void)[] = []
  let counter = 100
  let isOurs = false

  const objectsOf = (type: ResourceType<KubeObject>): Map<string, Stored> => {
    const name = `${type.group}/${type.kind}`
    const kind = kinds.get(name) ?? { type, objects: new Map<string, Stored>() }
    kinds.set(name, kind)
    return kind.objects
  }

  const store = (
    type: ResourceType<KubeObject>,
    before: Stored | undefined,
    wanted: Stored,
  ): Stored => {
    counter += 1
    const version = String(counter)
    const hasNewSpec = !isDeepStrictEqual(before?.spec, wanted.spec)
    const generation = (before?.metadata.generation ?? 0) + Number(hasNewSpec)
    const after: Stored = {
      ...wanted,
      metadata: { ...wanted.metadata, resourceVersion: version, generation },
    }
    objectsOf(type).set(keyOf(after), after)
    for (const listener of listeners) listener({ type, before, after, version, isOurs })
    return after
  }

  const change = (
    type: ResourceType<KubeObject>,
    at: At,
    make: (before: Stored) => Stored,
  ): Stored => {
    const before = objectsOf(type).get(joinKey(at.namespace, at.name))
    if (before === undefined) throw refusal(404, 'NotFound', `${type.kind} "${at.name}"`)
    const after = make(before)
    return isDeepStrictEqual(after, before) ? before : store(type, before, after)
  }

  const remove = (type: ResourceType<KubeObject>, at: At & { readonly uid?: string }): void => {
    const key = joinKey(at.namespace, at.name)
    const before = objectsOf(type).get(key)
    if (before === undefined) throw refusal(404, 'NotFound', `${type.kind} "${key}"`)
    if (at.uid !== undefined && at.uid !== before.metadata.uid) {
      throw refusal(409, 'Conflict', `${type.kind} "${key}"`)
    }
    counter += 1
    objectsOf(type).delete(key)
    const version = String(counter)
    for (const listener of listeners) listener({ type, before, after: undefined, version, isOurs })
  }

  return {
    get: (type, at) => objectsOf(type).get(joinKey(at.namespace, at.name)),
    list: (type) => [...objectsOf(type).values()],
    all: () => [...kinds.values()].flatMap(({ objects }) => [...objects.values()]),
    create(type, object) {
      const key = keyOf(object)
      if (objectsOf(type).has(key)) throw refusal(409, 'AlreadyExists', `${type.kind} "${key}"`)
      counter += 1
      const metadata = {
        ...object.metadata,
        uid: `uid-${counter}`,
        resourceVersion: '',
        creationTimestamp: wholeSeconds(now()),
      }
      const { spec } = object as { readonly spec?: MergePatch }
      const filled = spec === undefined ? {} : { spec: { ...defaults[type.kind], ...spec } }
      return store(type, undefined, plain({ ...object, ...filled, metadata }) as Stored)
    },
    patch: (type, { patch, patchType, subresource, ...at }) =>
      change(type, at, (before) => {
        checkExpected(type, before, patch['metadata'])
        if (subresource === 'status') return withStatus(before, patch, patchType)
        const rest = Object.fromEntries(Object.entries(patch).filter(([key]) => key !== 'status'))
        const merged = patchType === 'strategic' ? mergeGates(before, rest) : merge(before, rest)
        return withIdentity(before, merged as unknown as Stored)
      }),
    update: (type, at, patch) =>
      change(type, at, (before) => merge(before, patch) as unknown as Stored),
    alter: change,
    remove,
    markDeleted: (type, at) => {
      const deletionTimestamp = wholeSeconds(now())
      change(type, at, (before) => ({
        ...before,
        metadata: { ...before.metadata, deletionTimestamp },
      }))
    },
    removeObject(object) {
      const kind = [...kinds.values()].find(({ type }) => type.kind === object.kind)
      if (kind !== undefined) remove(kind.type, object.metadata)
    },
    version: () => String(counter),
    asUs: (act) => {
      isOurs = true
      try {
        return act()
      } finally {
        isOurs = false
      }
    },
    onChange: (listener) => void listeners.push(listener),
  }
}

/** What a patch says of the object it expects must be so. */
const checkExpected = (type: ResourceType<KubeObject>, before: Stored, expected: unknown): void => {
  const { uid, resourceVersion } = (expected ?? {}) as Readonly<Record<string, unknown>>
  const isOther =
    (uid !== undefined && uid !== before.metadata.uid) ||
    (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion)
  if (isOther) throw refusal(409, 'Conflict', `${type.kind} "${before.metadata.name}"`)
}

/** With the status come labels, as the real one lets them; of a strategic merge as much as is used: conditions by type. */
const withStatus = (before: Stored, patch: MergePatch, patchType: Patch['patchType']): Stored => {
  const { labels } = (patch['metadata'] ?? {}) as { readonly labels?: MergePatch }
  const wanted = patch['status']
  // That of a KeptnConfig is one word.
  const status = isRecord(wanted) ? merge(before.status, wanted) : (wanted as MergePatch)
  const conditions =
    patchType === 'strategic' ? { conditions: mergeConditions(before.status, status) } : {}
  return {
    ...before,
    metadata:
      labels === undefined
        ? before.metadata
        : { ...before.metadata, labels: merge(before.metadata.labels, labels) as Labels },
    status: isRecord(status) ? { ...status, ...conditions } : status,
  }
}

type Labels = Readonly<Record<string, string>>

const mergeConditions = (
  before: MergePatch | undefined,
  wanted: MergePatch,
): readonly MergePatch[] => {
  const next = (wanted['conditions'] ?? []) as readonly MergePatch[]
  const types = new Set(next.map(({ type }) => type))
  const kept = (before?.['conditions'] ?? []) as readonly MergePatch[]
  return [...kept.filter(({ type }) => !types.has(type)), ...next]
}

/** A patch never changes which object it is, nor its status. */
const withIdentity = (before: Stored, after: Stored): Stored => {
  const { uid, resourceVersion, creationTimestamp, deletionTimestamp, generation } = before.metadata
  const kept = deletionTimestamp === undefined ? {} : { deletionTimestamp }
  const metadata = { ...after.metadata, uid, resourceVersion, creationTimestamp, ...kept }
  return {
    ...after,
    metadata: generation === undefined ? metadata : { ...metadata, generation },
    ...(before.status === undefined ? {} : { status: before.status }),
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is written as JSON and read again: `undefined` is not there. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** RFC 7386. */
export const merge = (target: unknown, patch: MergePatch): Readonly<Record<string, unknown>> => {
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || value === undefined) Reflect.deleteProperty(result, key)
    else result[key] = isRecord(value) ? merge(result[key], value) : plain(value)
  }
  return result
}

interface Gate {
  readonly name: string
  readonly $patch?: string
}

/** As much of a strategic merge as concerns gates of a pod: deleted by name, or all of them replaced. */
const mergeGates = (before: Stored, patch: MergePatch): Readonly<Record<string, unknown>> => {
  const { schedulingGates = [], ...spec } = (patch['spec'] ?? {}) as {
    readonly schedulingGates?: readonly Gate[]
  }
  const gone = new Set(schedulingGates.filter((gate) => gate.$patch === 'delete').map(nameOf))
  const gates = (before.spec?.['schedulingGates'] ?? []) as readonly Gate[]
  const isReplaced = schedulingGates.some((gate) => gate.$patch === 'replace')
  const kept = isReplaced ? [] : gates.filter((gate) => !gone.has(gate.name))
  return merge(before, { ...patch, spec: { ...spec, schedulingGates: kept } })
}

const nameOf = ({ name }: Gate): string => name
