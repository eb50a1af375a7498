/**
 * Whether anybody still wants a workload version: what its owners want now, where its workload is, and whether its
 * namespace is managed.
 *
 * @module
 */
import type { KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { revisionOf, type RevisionKey } from '../../identity/revision.ts'
import { wantsManaging } from '../../identity/scope.ts'
import { isLeaving } from '../checks/leaving.ts'
import { newestOf, wantsNow, type OwnerName } from '../owners.ts'
import { within, type LifecycleStores } from '../stores.ts'

/**
 * - `wanted`: an owner wants pods of it, or nothing says otherwise.
 * - `superseded`: its workload has gone over to another version, and no owner wants this one.
 * - `opted-out`: it was made for held pods, and nothing is held in its namespace any more.
 */
export type Standing = 'wanted' | 'superseded' | 'opted-out'

/** What the standing of a version is read from. */
export type StandingStores = Pick<
  LifecycleStores,
  'pods' | 'workloads' | 'workloadVersions' | 'replicaSets' | 'statefulSets' | 'daemonSets'
>

interface Claim {
  readonly owner: OwnerName
  readonly revision: string
}

/** The owners of pods of this version that are held. */
const holders = (stores: StandingStores, version: KeptnWorkloadVersion): readonly Claim[] =>
  (version.spec.revisions ?? []).flatMap((key) => {
    const pod = stores.pods
      .by('revision', within(version.metadata.namespace, key))
      .find((each) => !isLeaving(each))
    const revision = pod && revisionOf(pod)
    return revision === undefined ? [] : [{ owner: revision.owner, revision: revision.key }]
  })

/** Of an owner that the workload has moved on with, nothing older is wanted: it is the same StatefulSet or DaemonSet. */
const wants = (
  stores: StandingStores,
  { metadata: { namespace = '' } }: KeptnWorkloadVersion,
  { claim, movedTo }: { readonly claim: Claim; readonly movedTo: string | undefined },
): boolean =>
  claim.owner.uid !== movedTo && wantsNow(stores, namespace, claim.owner, claim.revision)

/** The revision that the owner wants now that is referred to, as far as its kind tells. */
export const wantedByOwner = (
  stores: Pick<StandingStores, 'replicaSets' | 'statefulSets'>,
  { spec, metadata: { namespace } }: KeptnWorkload | KeptnWorkloadVersion,
): RevisionKey | undefined => {
  const { kind, name, uid } = spec.resourceReference
  if (kind === 'ReplicaSet') {
    const object = stores.replicaSets.get(namespace, name)
    return object?.metadata.uid === uid ? newestOf(stores, object).metadata.uid : undefined
  }
  const object = kind === 'StatefulSet' ? stores.statefulSets.get(namespace, name) : undefined
  const hash = object?.metadata.uid === uid ? object.status?.updateRevision : undefined
  return hash === undefined ? undefined : `${uid}/${hash}`
}

/** The revision that the owner of a version wants now, if the version has never had it. One made by hand has none to miss. */
export const otherRevisionWanted = (
  stores: StandingStores,
  version: KeptnWorkloadVersion,
): RevisionKey | undefined => {
  if (version.spec.revision === undefined) return undefined
  const wanted = wantedByOwner(stores, version)
  return wanted !== undefined && version.spec.revisions?.includes(wanted) === true
    ? undefined
    : wanted
}

/**
 * Whether the owner has gone past the version to something that is no version of its workload: back to what ran before we came,
 * or on to pods that name another workload, or none. What is not recorded yet may still be recorded for this version, but
 * not once pods of it run: they would be held.
 */
export const hasGonePast = (
  stores: StandingStores,
  version: KeptnWorkloadVersion,
  managed: Namespace | undefined,
): boolean => {
  const wanted = otherRevisionWanted(stores, version)
  if (wanted === undefined) return false
  const released = parseReleased(managed?.metadata.annotations?.[keys.released])
  const recorded = stores.workloadVersions.by(
    'revision',
    within(version.metadata.namespace, wanted),
  )
  const isOfAnother = recorded.some(({ spec }) => spec.workloadName !== version.spec.workloadName)
  return isOfAnother || released?.has(wanted) === true || runs(stores, wanted)
}

const runs = ({ replicaSets }: StandingStores, revision: RevisionKey): boolean =>
  replicaSets.by('uid', revision).some(({ status }) => (status?.availableReplicas ?? 0) > 0)

const isMoved = (workload: KeptnWorkload, version: KeptnWorkloadVersion): boolean =>
  workload.spec.version !== version.spec.version

/** Tells where a version stands. What the stores don't know yet counts in its favour. */
export const standingOf = (
  stores: StandingStores,
  version: KeptnWorkloadVersion,
  namespace: Namespace | undefined,
): Standing => {
  // One that was made by hand is nobody's pods': whether they are held does not concern it.
  if (version.spec.revision === undefined) return 'wanted'
  if (namespace !== undefined && !wantsManaging(namespace)) return 'opted-out'
  const workload = stores.workloads.get(version.metadata.namespace, version.spec.workloadName)
  if (workload === undefined || isLeaving(workload)) return 'wanted'
  const moved = isMoved(workload, version)
  const movedTo = moved ? workload.spec.resourceReference.uid : undefined
  const own = { owner: version.spec.resourceReference, revision: version.spec.revision }
  const isWanted = [own, ...holders(stores, version)].some((claim) =>
    wants(stores, version, { claim, movedTo }),
  )
  if (isWanted) return 'wanted'
  return moved || hasGonePast(stores, version, namespace) ? 'superseded' : 'wanted'
}

/** Whether pods of the version are held. */
export const isHeld = (
  stores: Pick<StandingStores, 'pods'>,
  version: KeptnWorkloadVersion,
): boolean =>
  (version.spec.revisions ?? []).some((key) =>
    stores.pods
      .by('revision', within(version.metadata.namespace, key))
      .some((pod) => !isLeaving(pod) && controllerOf(pod) !== undefined),
  )
