/**
 * What a pod is a copy of. Verdicts are kept by revision, so that the pods of one version share one verdict,
 * and no mark that a pod carries can lend it another's.
 *
 * @module
 */
import { controllerOf, type KubeObject, type OwnerReference } from '../api/object.ts'
import { keys, type Metadata } from './keys.ts'
import { heldOwnerOf } from './scope.ts'

/** `<owner UID>`, or `<owner UID>/<controller-revision-hash>` where the owner outlives its versions. */
export type RevisionKey = string

/** A revision and the owner that makes its pods. */
export interface Revision {
  readonly key: RevisionKey
  readonly owner: OwnerReference
}

/**
 * The revision of a pod. `undefined`: nothing that is held, or a pod that claims a StatefulSet or DaemonSet as its owner
 * without the hash that these put on all their pods; it belongs to no version, and no verdict will ever be about it.
 */
export const revisionOf = (pod: {
  readonly metadata: Metadata & { readonly ownerReferences?: readonly OwnerReference[] }
}): Revision | undefined => {
  const owner = heldOwnerOf(pod)
  if (owner === undefined) return undefined
  if (owner.kind === 'ReplicaSet') return { key: owner.uid, owner }
  const hash = pod.metadata.labels?.[keys.controllerRevisionHash]
  return hash === undefined || hash === '' ? undefined : { key: `${owner.uid}/${hash}`, owner }
}

/**
 * The keys that pods of a ControllerRevision may have: a StatefulSet marks its pods with the name of the ControllerRevision, a
 * DaemonSet with the hash alone.
 */
export const keysOfControllerRevision = (revision: KubeObject): readonly RevisionKey[] => {
  const uid = controllerOf(revision)?.uid
  const hash = revision.metadata.labels?.[keys.controllerRevisionHash]
  if (uid === undefined) return []
  return [revision.metadata.name, ...(hash === undefined ? [] : [hash])].map(
    (mark) => `${uid}/${mark}`,
  )
}
