/**
 * Whether the pods of a revision are all there.
 *
 * @module
 */
import type {
  DaemonSet,
  ReplicaSet,
  Rollout as ArgoRollout,
  StatefulSet,
} from '../../api/kubernetes.ts'
import { noteOf, type ReplicaSetOwner } from '../owners.ts'

/** The owner of a workload's pods, by kind; `undefined`: there is none of that name and UID. */
export type Owner =
  | ReplicaSetOwner
  | { readonly kind: 'StatefulSet'; readonly object: StatefulSet | undefined }
  | { readonly kind: 'DaemonSet'; readonly object: DaemonSet | undefined }
  /** A kind that is not supported; the reference was made by hand. */
  | { readonly kind: 'other'; readonly name: string }

/** What a rollout has come to. `missing`: its owner does not exist (any more). */
export type Rollout =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progressing'; readonly message: string }
  | { readonly kind: 'missing'; readonly message: string }

const ready: Rollout = { kind: 'ready' }

const notTakenUp: Rollout = {
  kind: 'progressing',
  message: 'the change has not been taken up yet',
}

/** How many replicas are wanted of this ReplicaSet in the end, which grows step by step until then. */
const desiredOf = (replicaSet: ReplicaSet): number | undefined => {
  const desired = Number(noteOf(replicaSet, 'desired-replicas'))
  return Number.isInteger(desired) ? desired : undefined
}

const replicaSetRollout = (replicaSet: ReplicaSet): Rollout => {
  const wanted = replicaSet.spec.replicas ?? 1
  // Scaled to nothing: there is nothing to wait for, now or later.
  if (wanted === 0) return ready
  const goal = Math.max(wanted, desiredOf(replicaSet) ?? wanted)
  const available = replicaSet.status?.availableReplicas ?? 0
  return available >= goal
    ? ready
    : { kind: 'progressing', message: `${available} of ${goal} replicas are available` }
}

/** What a Rollout labels its ReplicaSets with, and calls them by in its status. */
const templateHashKey = 'rollouts-pod-template-hash'

type ArgoStatus = NonNullable<ArgoRollout['status']>

/** Whether a Rollout's status is about its present spec, and about the ReplicaSet of this hash as the one that it wants. */
const speaksOf = (
  { currentPodHash, observedGeneration }: ArgoStatus,
  { generation = 0 }: ArgoRollout['metadata'],
  hash: string,
): boolean => currentPodHash === hash && Number(observedGeneration) >= generation

/** What a Rollout still has to do, by its status. */
const remaining = (status: ArgoStatus, hash: string): string | undefined => {
  const { phase = 'Progressing', message = '', replicas = 0, updatedReplicas = 0 } = status
  if (phase !== 'Healthy') return `the Rollout is ${phase}${message === '' ? '' : `: ${message}`}`
  if (status.stableRS !== hash) return 'the Rollout has not made it the stable one yet'
  return replicas === updatedReplicas
    ? undefined
    : `${updatedReplicas} of ${replicas} replicas are updated`
}

/**
 * How far a Rollout is with its newest ReplicaSet. Its replicas alone don't tell: at each step of a canary all that it wants
 * are there. Nor does it that a ReplicaSet wants none: one that was aborted does, and was not deployed.
 */
const argoRollout = (replicaSet: ReplicaSet, { spec, metadata, status }: ArgoRollout): Rollout => {
  if (spec.replicas === 0) return ready
  const hash = replicaSet.metadata.labels?.[templateHashKey] ?? ''
  if (status === undefined || !speaksOf(status, metadata, hash)) return notTakenUp
  const message = remaining(status, hash)
  return message === undefined ? ready : { kind: 'progressing', message }
}

/** A status that speaks of an older spec says nothing about this one. */
const isObserved = (object: {
  readonly metadata: { readonly generation?: number }
  readonly status?: { readonly observedGeneration?: number }
}): boolean => (object.status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0)

/**
 * How many of the wanted pods will be of the new revision without anybody's help: those below the partition keep the old
 * one, and with `OnDelete` each pod does until somebody deletes it.
 */
const toUpdate = (
  { updateStrategy = {} }: Pick<StatefulSet['spec'], 'updateStrategy'>,
  wanted: number,
): number =>
  updateStrategy.type === 'OnDelete'
    ? 0
    : Math.max(0, wanted - (updateStrategy.rollingUpdate?.partition ?? 0))

/** How many pods have the revision; one that is not the one to update to has nothing more to come. */
const updatedOf = ({ status }: StatefulSet, hash: string | undefined, wanted: number): number =>
  hash === undefined || status?.updateRevision !== hash ? wanted : (status.updatedReplicas ?? 0)

/** The first count that is short of what is wanted says what the rollout waits for. */
const rolloutOfCounts = (
  isSeen: boolean,
  counts: readonly { readonly count: number; readonly wanted: number; readonly words: string }[],
): Rollout => {
  if (!isSeen) return notTakenUp
  const short = counts.find(({ count, wanted }) => count < wanted)
  return short === undefined
    ? ready
    : { kind: 'progressing', message: `${short.count} of ${short.wanted} ${short.words}` }
}

const statefulSetRollout = (set: StatefulSet, hash: string | undefined): Rollout => {
  const wanted = set.spec.replicas ?? 1
  return rolloutOfCounts(isObserved(set), [
    {
      count: updatedOf(set, hash, wanted),
      wanted: toUpdate(set.spec, wanted),
      words: 'replicas are updated',
    },
    { count: set.status?.availableReplicas ?? 0, wanted, words: 'replicas are available' },
  ])
}

const daemonSetRollout = (set: DaemonSet): Rollout => {
  const { status } = set
  const wanted = status?.desiredNumberScheduled ?? 0
  return rolloutOfCounts(isObserved(set), [
    {
      count: status?.updatedNumberScheduled ?? 0,
      wanted: toUpdate(set.spec, wanted),
      words: 'pods are updated',
    },
    { count: status?.numberReady ?? 0, wanted, words: 'pods are ready' },
  ])
}

const missing = (kind: string): Rollout => ({
  kind: 'missing',
  message: `the ${kind} of this version does not exist any more`,
})

const ofReplicaSet = ({ object, rollout }: ReplicaSetOwner): Rollout => {
  if (object === undefined) return missing('ReplicaSet')
  if (rollout === undefined) return replicaSetRollout(object)
  return rollout === 'not-seen' ? missing('Rollout') : argoRollout(object, rollout)
}

/** Tells whether all pods of the owner's revision are there. `hash` is the revision's part of its key, if it has one. */
export const rolloutOf = (owner: Owner, hash: string | undefined): Rollout => {
  switch (owner.kind) {
    case 'ReplicaSet':
      return ofReplicaSet(owner)
    case 'StatefulSet':
      return owner.object === undefined
        ? missing(owner.kind)
        : statefulSetRollout(owner.object, hash)
    case 'DaemonSet':
      return owner.object === undefined ? missing(owner.kind) : daemonSetRollout(owner.object)
    case 'other':
      return {
        kind: 'missing',
        message: `pods of a ${owner.name} are not supported; use a ReplicaSet, StatefulSet or DaemonSet`,
      }
  }
}
