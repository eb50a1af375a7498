/**
 * Reads what a decision about the revision of held pods needs.
 *
 * @module
 */
import type { KeptnWorkload } from '../../api/index.ts'
import { ReplicaSet, StatefulSet } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject, type OwnerReference } from '../../api/object.ts'
import { identify, type Identity } from '../../identity/identity.ts'
import { workloadName } from '../../identity/names.ts'
import { ownerOf } from '../../identity/owner.ts'
import { revisionOf } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { configOf } from '../config.ts'
import { within, type LifecycleStores } from '../stores.ts'
import type { RevisionSeen } from './decide.ts'

/** What `observeRevision` reads from. */
export interface RevisionReader {
  readonly stores: Pick<
    LifecycleStores,
    | 'pods'
    | 'workloads'
    | 'workloadVersions'
    | 'replicaSets'
    | 'statefulSets'
    | 'daemonSets'
    | 'configs'
  >
  readonly client: Client
  /** Our own namespace: the one whose KeptnConfig counts. */
  readonly namespace: string
}

/** What is known of an owner besides its kind's version. */
type OwnerName = Pick<OwnerReference, 'kind' | 'name' | 'uid'>

const revisionNumberKey = 'deployment.kubernetes.io/revision'

const revisionNumber = (replicaSet: KubeObject): number =>
  Number(replicaSet.metadata.annotations?.[revisionNumberKey] ?? 0)

/**
 * Whether this ReplicaSet is the newest of its Deployment: a rollback raises the number of the old one. A stale store can
 * only be behind, and the newer one's pods put right what an older one's did.
 */
const isNewest = async (
  reader: RevisionReader,
  namespace: string,
  owner: OwnerName,
): Promise<boolean> => {
  const { replicaSets } = reader.stores
  const held = replicaSets.get(namespace, owner.name)
  // The pod's watch may be ahead of the ReplicaSet's.
  const replicaSet =
    held?.metadata.uid === owner.uid
      ? held
      : await reader.client.get(ReplicaSet, { namespace, name: owner.name })
  if (replicaSet?.metadata.uid !== owner.uid) return false
  const deployment = controllerOf(replicaSet)
  if (deployment === undefined) return true
  const mine = revisionNumber(replicaSet)
  return replicaSets
    .by('controller', deployment.uid)
    .every((sibling) => revisionNumber(sibling) <= mine)
}

const isUpdateRevision = async (
  reader: RevisionReader,
  namespace: string,
  owner: OwnerName,
  hash: string,
): Promise<boolean> => {
  const set =
    reader.stores.statefulSets.get(namespace, owner.name) ??
    (await reader.client.get(StatefulSet, { namespace, name: owner.name }))
  if (set?.metadata.uid !== owner.uid) return false
  const updateRevision = set.status?.updateRevision
  return updateRevision === undefined || updateRevision === hash
}

/** A DaemonSet makes pods of its newest revision only, so a held pod of one is current. */
const isCurrent = (
  reader: RevisionReader,
  namespace: string,
  owner: OwnerName,
  hash: string,
): Promise<boolean> => {
  if (owner.kind === 'ReplicaSet') return isNewest(reader, namespace, owner)
  if (owner.kind === 'StatefulSet') return isUpdateRevision(reader, namespace, owner, hash)
  return Promise.resolve(true)
}

/** Whether the revision that the workload has now belongs to another owner, and is what that one wants now. */
const hasRival = async (
  reader: RevisionReader,
  workload: KeptnWorkload | undefined,
  mine: OwnerName,
): Promise<boolean> => {
  const other = workload?.spec.resourceReference
  if (workload === undefined || other === undefined || other.uid === mine.uid) return false
  const { namespace = '' } = workload.metadata
  const hash = hashIn(workload.spec.revision ?? '')
  return other.kind === 'DaemonSet'
    ? reader.stores.daemonSets.get(namespace, other.name)?.metadata.uid === other.uid
    : isCurrent(reader, namespace, other, hash)
}

/** The part of a revision's key after the owner's UID. */
const hashIn = (revision: string): string => revision.split('/')[1] ?? ''

/** Reads the identity from the pod, and from its owner only where the pod alone can't tell. */
const identityOf = async (
  reader: RevisionReader,
  pod: KubeObject,
): Promise<RevisionSeen['identity']> => {
  const alone = identify(pod.metadata, undefined)
  if (alone !== 'owner-needed') return alone
  const { namespace = '' } = pod.metadata
  const owner = await ownerOf(pod, (type, name) => reader.client.get(type, { namespace, name }))
  return owner === undefined ? alone : identify(pod.metadata, owner)
}

const isIdentity = (identity: RevisionSeen['identity']): identity is Identity =>
  typeof identity !== 'string'

const newestFirst = (a: KubeObject, b: KubeObject): number =>
  b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp)

/** Everything about one revision; the key is `<namespace>/<revision>`. `undefined`: none of its pods is held. */
export const observeRevision =
  (reader: RevisionReader) =>
  async (key: string, now: Date): Promise<RevisionSeen | undefined> => {
    const { pods, workloads, workloadVersions, configs } = reader.stores
    const namespace = key.slice(0, key.indexOf('/'))
    const [pod] = pods
      .by('revision', key)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .toSorted(newestFirst)
    const revision = pod && revisionOf(pod)
    if (pod === undefined || revision === undefined) return undefined
    const [recorded] = workloadVersions.by('revision', key)
    const [current, identity] = await Promise.all([
      isCurrent(reader, namespace, revision.owner, hashIn(revision.key)),
      // What is recorded is not asked again.
      recorded === undefined ? identityOf(reader, pod) : ('owner-needed' as const),
    ])
    const name =
      recorded?.spec.workloadName ??
      (isIdentity(identity) ? workloadName(identity.app, identity.workload) : undefined)
    const workload = name === undefined ? undefined : workloads.get(namespace, name)
    return {
      now,
      namespace,
      revision: revision.key,
      owner: revision.owner,
      since: new Date(pod.metadata.creationTimestamp),
      isCurrent: current,
      recorded,
      identity,
      workload,
      // Only what is recorded gives way.
      hasRival: recorded !== undefined && (await hasRival(reader, workload, revision.owner)),
      config: configOf(configs.by('namespace', reader.namespace)),
    }
  }

/** The key of the revision that a pod belongs to. */
export const revisionKeysOf = (pod: KubeObject): readonly string[] => {
  const revision = revisionOf(pod)
  return revision === undefined ? [] : [within(pod.metadata.namespace, revision.key)]
}

/**
 * The revisions with held pods that a change of a ReplicaSet concerns: which revision is current follows from the numbers
 * of all ReplicaSets of a Deployment, and these may be seen after the pods.
 */
export const revisionKeysOfReplicaSet =
  ({ stores }: Pick<RevisionReader, 'stores'>) =>
  (replicaSet: ReplicaSet): readonly string[] => {
    const deployment = controllerOf(replicaSet)
    const siblings =
      deployment === undefined ? [] : stores.replicaSets.by('controller', deployment.uid)
    return [replicaSet, ...siblings]
      .map(({ metadata }) => within(metadata.namespace, metadata.uid))
      .filter((key) => stores.pods.by('revision', key).length > 0)
  }

/** The revision that a StatefulSet wants its pods to have. */
export const revisionKeysOfStatefulSet = ({ metadata, status }: StatefulSet): readonly string[] => {
  const hash = status?.updateRevision
  return hash === undefined ? [] : [within(metadata.namespace, `${metadata.uid}/${hash}`)]
}
