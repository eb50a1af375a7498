/**
 * What a pass of a controller may decide: the status its object should have, what to do to other objects, and what to tell.
 * All of it is plain data, so that deciding and doing stay apart.
 *
 * @module
 */
import type { KubeObject, New, ResourceType } from '../api/object.ts'

/** A JSON merge patch (RFC 7386): `null` removes a member. */
export type MergePatch = Readonly<Record<string, unknown>>

/**
 * Makes an object. `409 AlreadyExists` with the same controlling owner means that it is already done; where none is wanted,
 * that the world has moved: it is decided again on the object that is there.
 */
export interface Create {
  readonly kind: 'create'
  readonly type: ResourceType<KubeObject>
  readonly object: New<KubeObject>
}

/** Changes an object; repeating it changes nothing. `404` means that there is nothing left to change. */
export interface Patch {
  readonly kind: 'patch'
  readonly type: ResourceType<KubeObject>
  readonly namespace?: string
  readonly name: string
  /** `strategic` exists for Kubernetes' own kinds only. */
  readonly patchType: 'merge' | 'strategic'
  /** Put `metadata.resourceVersion` or `metadata.uid` in it to act only on the object that was looked at. */
  readonly patch: MergePatch
  readonly subresource?: 'status'
}

/** Removes the object with this UID. `404` means that it is already done; another UID under the name is a conflict. */
export interface Delete {
  readonly kind: 'delete'
  readonly type: ResourceType<KubeObject>
  readonly namespace?: string
  readonly name: string
  readonly uid: string
}

export type Action = Create | Patch | Delete

/** Removes this very object, and nothing that has its name by then. */
export const removal = (type: ResourceType<KubeObject>, { metadata }: KubeObject): Delete => ({
  kind: 'delete',
  type,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  name: metadata.name,
  uid: metadata.uid,
})

/** Names an object without holding it. */
export interface ObjectReference {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
  readonly uid: string
}

/** Names an object by what every stored object says of itself. */
export const referenceTo = ({
  apiVersion,
  kind,
  metadata: { name, uid, namespace },
}: KubeObject): ObjectReference => ({
  apiVersion,
  kind,
  name,
  uid,
  ...(namespace === undefined ? {} : { namespace }),
})

/** A fact that became true when a status was stored. Listeners turn it into events, spans, counters. */
export interface Transition {
  /** The same for the same fact, however often it is told: a function of the object's UID, the phase and the outcome. */
  readonly id: string
  readonly subject: ObjectReference
  /** One word in CamelCase, for programs: an event's reason. */
  readonly reason: string
  readonly severity: 'Normal' | 'Warning'
  /** A sentence, for people. */
  readonly message: string
  readonly at: Date
  /** The phase that was entered or left; missing: it is about something else. */
  readonly phase?: {
    readonly name: string
    /** For people. */
    readonly longName: string
    readonly state: 'Started' | 'Succeeded' | 'Errored'
  }
  /** What it was about besides its subject, for filters: application, version, phase. Each is short. */
  readonly attributes?: Readonly<Record<string, string>>
}

/** The outcome of deciding once. */
export interface Decision<Status = unknown> {
  /** The whole status the object should have; `undefined`: this controller writes no status, or it stays as it is. */
  readonly status?: Status | undefined
  /**
   * Whether nothing follows from the status. Where there is nothing to do and to tell either it is stored within a second,
   * with what has come by then.
   */
  readonly mayWait?: boolean
  /** Whether nobody waits for the actions: while other keys are ready, those go first, for 3 seconds at most. */
  readonly givesWay?: boolean
  /** Each safe to repeat; they go out together, before the status. */
  readonly actions: readonly Action[]
  /** Told once the status is stored and every action is done. */
  readonly transitions: readonly Transition[]
  /** When to look again though nothing has changed; only for the passing of time. */
  readonly wakeAt?: Date | undefined
}

/** Nothing to do. */
export const settled: Decision<never> = { actions: [], transitions: [] }
