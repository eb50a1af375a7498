/**
 * What the owners of pods want now, as far as the stores know.
 *
 * @module
 */
import type { ReplicaSet } from '../api/kubernetes.ts'
import { controllerOf, type KubeObject, type OwnerReference } from '../api/object.ts'
import type { LifecycleStores } from './stores.ts'

/** What is known of an owner besides its kind's version. */
export type OwnerName = Pick<OwnerReference, 'kind' | 'name' | 'uid'>

type OwnerStores = Pick<LifecycleStores, 'replicaSets' | 'statefulSets' | 'daemonSets'>

const revisionNumberKey = 'deployment.kubernetes.io/revision'

const revisionNumber = (replicaSet: KubeObject): number =>
  Number(replicaSet.metadata.annotations?.[revisionNumberKey] ?? 0)

/** The ReplicaSet that its Deployment wants now; `undefined`: none of them is known. */
export const newestOf = (
  stores: Pick<OwnerStores, 'replicaSets'>,
  replicaSet: KubeObject,
): ReplicaSet | undefined => {
  const deployment = controllerOf(replicaSet)
  const siblings =
    deployment === undefined
      ? [stores.replicaSets.get(replicaSet.metadata.namespace, replicaSet.metadata.name)]
      : stores.replicaSets.by('controller', deployment.uid)
  return siblings
    .filter((sibling) => sibling !== undefined)
    .toSorted((one, other) => revisionNumber(other) - revisionNumber(one))[0]
}

/**
 * Whether this ReplicaSet is the newest of its Deployment: a rollback raises the number of the old one. A stale store can
 * only be behind, and the newer one's pods put right what an older one's did.
 */
export const isNewest = (
  stores: Pick<OwnerStores, 'replicaSets'>,
  replicaSet: ReplicaSet,
): boolean => {
  const deployment = controllerOf(replicaSet)
  if (deployment === undefined) return true
  const mine = revisionNumber(replicaSet)
  return stores.replicaSets
    .by('controller', deployment.uid)
    .every((sibling) => revisionNumber(sibling) <= mine)
}

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
