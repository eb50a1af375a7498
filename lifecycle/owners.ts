/**
 * What the owners of pods want now, as far as the stores know.
 *
 * @module
 */
import type { ReplicaSet, Rollout } from '../api/kubernetes.ts'
import { controllerOf, type KubeObject, type OwnerReference } from '../api/object.ts'
import { groupOf } from '../identity/scope.ts'
import type { LifecycleStores } from './stores.ts'

/** What is known of an owner besides its kind's version. */
export type OwnerName = Pick<OwnerReference, 'kind' | 'name' | 'uid'>

type OwnerStores = Pick<LifecycleStores, 'replicaSets' | 'statefulSets' | 'daemonSets'>

const isRollout = ({ apiVersion, kind }: OwnerReference): boolean =>
  kind === 'Rollout' && groupOf(apiVersion) === 'argoproj.io'

/**
 * What the owner of a ReplicaSet noted on it. Deployments and Rollouts use the same words, each under its own prefix; a
 * Rollout copies its annotations to its ReplicaSets, and may have been a Deployment once.
 */
export const noteOf = (
  replicaSet: ReplicaSet,
  note: 'revision' | 'desired-replicas',
): string | undefined => {
  const owner = controllerOf(replicaSet)
  const prefix =
    owner !== undefined && isRollout(owner) ? 'rollout.argoproj.io' : 'deployment.kubernetes.io'
  return replicaSet.metadata.annotations?.[`${prefix}/${note}`]
}

const revisionNumber = (replicaSet: ReplicaSet): number =>
  Number(noteOf(replicaSet, 'revision') ?? 0)

/**
 * Whether this ReplicaSet is the newest of its Deployment or Rollout: a rollback raises the number of the old one. A stale
 * store can only be behind, and the newer one's pods put right what an older one's did.
 */
export const isNewest = (
  stores: Pick<OwnerStores, 'replicaSets'>,
  replicaSet: ReplicaSet,
): boolean => {
  const owner = controllerOf(replicaSet)
  if (owner === undefined) return true
  const mine = revisionNumber(replicaSet)
  return stores.replicaSets
    .by('controller', owner.uid)
    .every((sibling) => revisionNumber(sibling) <= mine)
}

/** All ReplicaSets of the owner of this one. */
export const siblingsOf = (
  stores: Pick<OwnerStores, 'replicaSets'>,
  replicaSet: ReplicaSet,
): readonly ReplicaSet[] => {
  const owner = controllerOf(replicaSet)
  return owner === undefined ? [replicaSet] : stores.replicaSets.by('controller', owner.uid)
}

/** The ReplicaSet that the owner of this one wants now. */
export const newestOf = (
  stores: Pick<OwnerStores, 'replicaSets'>,
  replicaSet: ReplicaSet,
): ReplicaSet => {
  const [first = replicaSet, ...others] = siblingsOf(stores, replicaSet)
  return others.reduce(
    (newest, other) => (revisionNumber(other) > revisionNumber(newest) ? other : newest),
    first,
  )
}

/** A ReplicaSet, and who decides how far it is. */
export interface ReplicaSetOwner {
  readonly kind: 'ReplicaSet'
  /** `undefined`: there is none of that name and UID. */
  readonly object: ReplicaSet | undefined
  /** The Argo Rollout whose newest ReplicaSet it is. */
  readonly rollout?: Rollout | 'not-seen'
}

/** The Rollout that decides how far its newest ReplicaSet is; those that it has replaced are judged by themselves. */
const rolloutOver = (
  stores: Pick<LifecycleStores, 'replicaSets' | 'rollouts'>,
  replicaSet: ReplicaSet,
): Rollout | 'not-seen' | undefined => {
  const owner = controllerOf(replicaSet)
  if (owner === undefined || !isRollout(owner) || !isNewest(stores, replicaSet)) return undefined
  const rollout = stores.rollouts.get(replicaSet.metadata.namespace, owner.name)
  return rollout?.metadata.uid === owner.uid ? rollout : 'not-seen'
}

/** A ReplicaSet, if it is there, and the Rollout that decides about it, if one does. */
export const replicaSetOwner = (
  stores: Pick<LifecycleStores, 'replicaSets' | 'rollouts'>,
  object: ReplicaSet | undefined,
): ReplicaSetOwner => {
  const rollout = object && rolloutOver(stores, object)
  return { kind: 'ReplicaSet', object, ...(rollout === undefined ? {} : { rollout }) }
}

/** The ReplicaSets whose state is a Rollout's to tell. */
export const replicaSetsOf = (
  stores: Pick<LifecycleStores, 'replicaSets'>,
  rollout: Rollout,
): readonly ReplicaSet[] => stores.replicaSets.by('controller', rollout.metadata.uid)

/** The part of a revision's key after the owner's UID. */
export const hashIn = (revision: string): string => revision.split('/')[1] ?? ''

/** Whether the owner is there and wants this revision of its pods. A DaemonSet is taken to: it has no older pods to make. */
export const wantsNow = (
  stores: OwnerStores,
  namespace: string,
  owner: OwnerName,
  revision: string,
): boolean => {
  const same = <T extends KubeObject>(object: T | undefined): T | undefined =>
    object?.metadata.uid === owner.uid ? object : undefined
  switch (owner.kind) {
    case 'ReplicaSet': {
      const set = same(stores.replicaSets.get(namespace, owner.name))
      return set !== undefined && isNewest(stores, set)
    }
    case 'StatefulSet': {
      const set = same(stores.statefulSets.get(namespace, owner.name))
      return (
        set !== undefined && (set.status?.updateRevision ?? hashIn(revision)) === hashIn(revision)
      )
    }
    default:
      return same(stores.daemonSets.get(namespace, owner.name)) !== undefined
  }
}
