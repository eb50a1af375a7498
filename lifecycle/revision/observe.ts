/**
 * Reads what a decision about the revision of held pods needs.
 *
 * @module
 */
import type { KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import { ReplicaSet, StatefulSet, type DaemonSet } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject, type OwnerReference } from '../../api/object.ts'
import { identify, type Identity } from '../../identity/identity.ts'
import { workloadName } from '../../identity/names.ts'
import { ownerOf } from '../../identity/owner.ts'
import { revisionOf, type RevisionKey } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { newestFirst } from '../checks/history.ts'
import { isLeaving } from '../checks/leaving.ts'
import { configOf } from '../config.ts'
import { hashIn, isNewest, type OwnerName } from '../owners.ts'
import { lifecycleIndexes, unknownWorkload, within, type LifecycleStores } from '../stores.ts'
import { wantedByOwner } from '../workload-version/standing.ts'
import type { WantedByDaemonSet } from './daemon-sets.ts'
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
  readonly wantedByDaemonSet: WantedByDaemonSet
  /** Our own namespace: the one whose KeptnConfig counts. */
  readonly namespace: string
}

/** Whether this ReplicaSet is what its Deployment wants now. */
const isNewestReplicaSet = async (
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
  return replicaSet?.metadata.uid === owner.uid && isNewest(reader.stores, replicaSet)
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

/**
 * A DaemonSet makes pods of its newest revision only. A held pod may be left over of one that it has gone back from, which is
 * asked of what is recorded alone: the store may be behind the pod of a new revision, and would not wake it again.
 */
const isWantedByDaemonSet = async (
  { stores, wantedByDaemonSet }: RevisionReader,
  namespace: string,
  owner: OwnerName,
  hash: string,
): Promise<boolean> => {
  const revision = `${owner.uid}/${hash}`
  if (recordedIn(stores.workloadVersions, within(namespace, revision)).length === 0) return true
  const set = stores.daemonSets.get(namespace, owner.name)
  const wanted = set?.metadata.uid === owner.uid ? await wantedByDaemonSet(set) : undefined
  return wanted?.includes(revision) ?? true
}

const isCurrent = (
  reader: RevisionReader,
  namespace: string,
  owner: OwnerName,
  hash: string,
): Promise<boolean> => {
  if (owner.kind === 'ReplicaSet') return isNewestReplicaSet(reader, namespace, owner)
  if (owner.kind === 'StatefulSet') return isUpdateRevision(reader, namespace, owner, hash)
  return isWantedByDaemonSet(reader, namespace, owner, hash)
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

/** Reads the identity from the pod, and from its owner only where the pod alone can't tell. */
const identityOf = async (
  reader: RevisionReader,
  pod: KubeObject | undefined,
): Promise<RevisionSeen['identity']> => {
  if (pod === undefined) return 'owner-needed'
  const alone = identify(pod.metadata, undefined)
  if (alone !== 'owner-needed') return alone
  const { namespace = '' } = pod.metadata
  const owner = await ownerOf(pod, (type, name) => reader.client.get(type, { namespace, name }))
  return owner === undefined ? alone : identify(pod.metadata, owner)
}

const isIdentity = (identity: RevisionSeen['identity']): identity is Identity =>
  typeof identity !== 'string'

/** A revision that has something to say about its workload. */
interface Speaker {
  readonly key: RevisionKey
  readonly owner: OwnerReference
  /** One of its held pods, if there is one. */
  readonly pod: KubeObject | undefined
}

/**
 * The revision that an owner has gone back to, though none of its pods is held: it was released before, and its workload is at
 * another one.
 */
const returnedTo = (
  { stores }: Pick<RevisionReader, 'stores'>,
  key: string,
  recorded: KeptnWorkloadVersion | undefined,
  object: KubeObject | undefined = wanting(stores, revisionIn(key)),
): Speaker | undefined => {
  const revision = revisionIn(key)
  const workload =
    recorded && stores.workloads.get(recorded.metadata.namespace, recorded.spec.workloadName)
  if (workload === undefined || workload.spec.revision === revision) return undefined
  if (object === undefined || isLeaving(object)) return undefined
  // Of several owners that say they are the same workload none goes back to anything: the workload is another one's.
  if (!isOfSameOwner(stores, workload, object)) return undefined
  const { apiVersion, kind, metadata } = object
  const owner = { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }
  return { key: revision, owner, pod: undefined }
}

/** Whether the owner is the one that the workload has now, or both are ReplicaSets of one Deployment. One that is gone may be. */
const isOfSameOwner = (
  { replicaSets, statefulSets, daemonSets }: RevisionReader['stores'],
  { spec }: KeptnWorkload,
  object: KubeObject,
): boolean => {
  const { uid } = spec.resourceReference
  const [present] = [replicaSets, statefulSets, daemonSets].flatMap((store) => [
    ...store.by('uid', uid),
  ])
  return present === undefined || topOf(present) === topOf(object)
}

const topOf = (owner: KubeObject): string => controllerOf(owner)?.uid ?? owner.metadata.uid

/** The revision in the key `<namespace>/<revision>`. */
const revisionIn = (key: string): RevisionKey => key.slice(key.indexOf('/') + 1)

/** The owner that makes pods of this revision now, as far as its kind tells: a DaemonSet does not say which one it wants. */
const wanting = (
  { replicaSets, statefulSets }: RevisionReader['stores'],
  revision: RevisionKey,
): KubeObject | undefined => {
  const [uid = ''] = revision.split('/')
  const [replicaSet] = replicaSets.by('uid', uid)
  if (replicaSet !== undefined) return replicaSet.spec.replicas === 0 ? undefined : replicaSet
  const [statefulSet] = statefulSets.by('uid', uid)
  return statefulSet?.status?.updateRevision === hashIn(revision) ? statefulSet : undefined
}

/** As `returnedTo`, for a DaemonSet, too: whether it wants the revision is asked once everything else says that it may. */
const returnedToBy = async (
  reader: RevisionReader,
  key: string,
  recorded: KeptnWorkloadVersion | undefined,
): Promise<Speaker | undefined> => {
  const revision = revisionIn(key)
  const [set] = reader.stores.daemonSets.by('uid', revision.split('/')[0] ?? '')
  if (set === undefined) return returnedTo(reader, key, recorded)
  const speaker = returnedTo(reader, key, recorded, set)
  const wanted = speaker && (await reader.wantedByDaemonSet(set))
  return wanted?.includes(revision) === true ? speaker : undefined
}

const heldIn = (pods: RevisionReader['stores']['pods'], key: string): Speaker | undefined => {
  const [pod] = pods
    .by('revision', key)
    .filter((each) => !isLeaving(each))
    .toSorted(newestFirst)
  const revision = pod && revisionOf(pod)
  return revision && { ...revision, pod }
}

/** Everything about one revision; the key is `<namespace>/<revision>`. `undefined`: it has nothing to say. */
export const observeRevision =
  (reader: RevisionReader) =>
  async (key: string, now: Date): Promise<RevisionSeen | undefined> => {
    const { pods, workloads, workloadVersions, configs } = reader.stores
    const namespace = key.slice(0, key.indexOf('/'))
    const [recorded] = recordedIn(workloadVersions, key)
    const revision = heldIn(pods, key) ?? (await returnedToBy(reader, key, recorded))
    if (revision === undefined) return undefined
    const [current, identity] = await Promise.all([
      isCurrent(reader, namespace, revision.owner, hashIn(revision.key)),
      // What is recorded is not asked again.
      recorded === undefined ? identityOf(reader, revision.pod) : ('owner-needed' as const),
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
      since: revision.pod === undefined ? now : new Date(revision.pod.metadata.creationTimestamp),
      isCurrent: current,
      recorded,
      identity,
      workload,
      // Only what is recorded gives way.
      hasRival: recorded !== undefined && (await hasRival(reader, workload, revision.owner)),
      config: configOf(configs.by('namespace', reader.namespace)),
    }
  }

/** The versions that record a revision. One that is being deleted does not any more. */
const recordedIn = (
  versions: RevisionReader['stores']['workloadVersions'],
  key: string,
): readonly KeptnWorkloadVersion[] =>
  versions.by('revision', key).filter((version) => !isLeaving(version))

/** The revisions with held pods of a KeptnWorkload that no version records: those that have something to do yet. */
const unrecorded = (
  { pods, workloadVersions }: RevisionReader['stores'],
  namespace: string | undefined,
  workload: string,
): readonly string[] => {
  const held = [workload, unknownWorkload].flatMap((name) =>
    pods.by('workload', within(namespace, name)),
  )
  const revisions = new Set(held.flatMap(revisionKeysOf))
  return [...revisions].filter((key) => recordedIn(workloadVersions, key).length === 0)
}

/**
 * The revisions that wait for a KeptnWorkload to be gone; and the one that its owner wants, if it has another: a request that
 * was long on its way has moved it back. Other changes are left to those who made them: two owners that took turns on each
 * other's changes would keep at it.
 */
export const revisionKeysOfWorkload =
  ({ stores }: Pick<RevisionReader, 'stores'>) =>
  (workload: KeptnWorkload): readonly string[] => {
    const { namespace, name, uid } = workload.metadata
    const present = stores.workloads.get(namespace, name)
    if (present?.metadata.uid !== uid || isLeaving(present)) {
      return unrecorded(stores, namespace, name)
    }
    const { kind, uid: owner } = present.spec.resourceReference
    if (kind === 'DaemonSet') {
      return stores.daemonSets.by('uid', owner).flatMap(revisionKeysOfDaemonSet({ stores }))
    }
    const wanted = wantedByOwner(stores, present)
    return wanted === undefined || wanted === present.spec.revision
      ? []
      : [within(namespace, wanted)]
  }

/** The revisions that a version records, and those whose turn it is once it has recorded another one. */
export const revisionKeysOfVersion =
  ({ stores }: Pick<RevisionReader, 'stores'>) =>
  (version: KeptnWorkloadVersion): readonly string[] => [
    ...lifecycleIndexes.workloadVersions.revision(version),
    ...unrecorded(stores, version.metadata.namespace, version.spec.workloadName),
  ]

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
    const own = within(replicaSet.metadata.namespace, replicaSet.metadata.uid)
    const isReturnedTo = returnedTo({ stores }, own, recordedIn(stores.workloadVersions, own)[0])
    return [
      ...[replicaSet, ...siblings]
        .map(({ metadata }) => within(metadata.namespace, metadata.uid))
        .filter((key) => stores.pods.by('revision', key).length > 0),
      ...(isReturnedTo === undefined ? [] : [own]),
    ]
  }

/** The revision that a StatefulSet wants its pods to have. */
export const revisionKeysOfStatefulSet = ({ metadata, status }: StatefulSet): readonly string[] => {
  const hash = status?.updateRevision
  return hash === undefined ? [] : [within(metadata.namespace, `${metadata.uid}/${hash}`)]
}

/** The revisions that a DaemonSet may have gone back to: those that are recorded, but for what its KeptnWorkload is at. */
export const revisionKeysOfDaemonSet =
  ({ stores }: Pick<RevisionReader, 'stores'>) =>
  ({ metadata }: DaemonSet): readonly string[] =>
    stores.workloadVersions.by('owner', metadata.uid).flatMap((version) => {
      const { namespace } = version.metadata
      const workload = stores.workloads.get(namespace, version.spec.workloadName)
      const isAt = (key: string): boolean =>
        key === within(namespace, workload?.spec.revision ?? '')
      return lifecycleIndexes.workloadVersions.revision(version).filter((key) => !isAt(key))
    })
