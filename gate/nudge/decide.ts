/**
 * Who is told that pods can be made again, after nobody could be asked about them.
 *
 * While the webhook is away, the API server refuses pods of managed namespaces. Their owners try again after a back-off that
 * grows with each refusal, at last to as long as the outage; any change of an owner ends it. So once the webhook is
 * back, each owner that lacks pods gets an annotation, a few times within seconds: the first may be too early for an API server
 * that has not heard of it yet. Why pods are missing is not asked: who lacks them for another reason looks once more, and
 * that is all.
 *
 * @module
 */
import { DaemonSet, ReplicaSet, StatefulSet, type Namespace } from '../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { isManaged } from '../../identity/scope.ts'
import { settled, type Decision, type Patch } from '../../kube/decision.ts'

/** Everything that one owner's nudge is decided on. */
export interface Seen {
  readonly now: Date
  readonly owner: Owner
  readonly namespace: Namespace | undefined
  /** Since when the webhook can be reached; `undefined`: it can't, as far as is known. */
  readonly backSince: Date | undefined
}

/** An owner of pods, as far as it tells how many it has. */
export interface Owner extends KubeObject {
  readonly spec: { readonly replicas?: number }
  readonly status?: {
    readonly replicas?: number
    readonly desiredNumberScheduled?: number
    readonly currentNumberScheduled?: number
  }
}

/** How long after the webhook's return an owner is nudged, each time that it still lacks pods. */
const nudgesAfterMs = [1_000, 4_000, 15_000]

const types: Readonly<Record<string, ResourceType<KubeObject>>> = {
  ReplicaSet,
  StatefulSet,
  DaemonSet,
}

/** Whether the owner has fewer pods than it wants. */
export const lacksPods = ({ kind, spec, status = {} }: Owner): boolean =>
  kind === 'DaemonSet'
    ? (status.currentNumberScheduled ?? 0) < (status.desiredNumberScheduled ?? 0)
    : (status.replicas ?? 0) < (spec.replicas ?? 1)

/** Whether nobody is nudged any more so long after the webhook's return. */
export const isOver = (backSince: Date, now: Date): boolean =>
  now.getTime() > backSince.getTime() + Math.max(...nudgesAfterMs) + 1_000

/** Decides on one owner. */
export const decide = ({ now, owner, namespace, backSince }: Seen): Decision<never> => {
  const type = types[owner.kind]
  if (backSince === undefined || type === undefined || isOver(backSince, now)) return settled
  if (owner.metadata.deletionTimestamp !== undefined || !lacksPods(owner)) return settled
  if (namespace === undefined || !isManaged(namespace)) return settled
  const instants = nudgesAfterMs.map((ms) => new Date(backSince.getTime() + ms))
  const due = instants.findLast((instant) => instant <= now)
  const wakeAt = instants.find((instant) => instant > now)
  const isDone = due === undefined || due <= nudgedAt(owner)
  return { ...settled, actions: isDone ? [] : [nudge(type, owner, now)], wakeAt }
}

/** When it was last nudged; an annotation that can't be read is none. */
const nudgedAt = ({ metadata }: Owner): Date =>
  new Date(Date.parse(metadata.annotations?.[keys.nudged] ?? '') || 0)

// Through the status, so that we need no right to change what an owner is to do.
const nudge = (type: ResourceType<KubeObject>, { metadata }: Owner, now: Date): Patch => ({
  kind: 'patch',
  type,
  ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
  name: metadata.name,
  patchType: 'merge',
  subresource: 'status',
  patch: { metadata: { uid: metadata.uid, annotations: { [keys.nudged]: now.toISOString() } } },
})
