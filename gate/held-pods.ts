/**
 * The pods that are held, by our gate or by the scheduler that asks us, as the gate's controllers keep them: found by the label, cut down on arrival, so
 * that memory grows with what is held and not with what runs.
 *
 * @module
 */
import { Pod, type PodCondition } from '../api/kubernetes.ts'
import type { KubeObject, ObjectMeta } from '../api/object.ts'
import { keys, permitScheduler } from '../identity/keys.ts'
import { revisionOf } from '../identity/revision.ts'
import { isForPermit } from '../identity/scope.ts'

/** What is kept of a held pod. */
export interface HeldPod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string
    /** Kept only where it is the scheduler that asks us. */
    readonly schedulerName?: string
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
  readonly status?: {
    readonly phase?: string
    /** Ours alone. */
    readonly conditions?: readonly PodCondition[]
  }
}

/** The condition that tells why a pod is held (`False`), or that it was let go (`True`). Most pods never get it. */
export const releasedCondition = 'gatekept.dev/Released'

/**
 * Label of pods whose condition says that they are held. It stays when the gate opens, and goes when the condition is put
 * right: so whoever comes later finds the pods that were let go while nobody looked.
 */
export const heldLabel = 'gatekept.dev/held'

const keptKeys: ReadonlySet<string> = new Set([...Object.values(keys), heldLabel])

/** Keeps what identity and the gate are decided on, and drops the rest of a pod. */
export const projectHeldPod = (pod: Pod): HeldPod => {
  const { nodeName, schedulingGates } = pod.spec
  const status = projectStatus(pod.status)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: projectMetadata(pod.metadata),
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(isForPermit(pod) ? { schedulerName: permitScheduler } : {}),
      ...(schedulingGates === undefined ? {} : { schedulingGates }),
    },
    ...(status === undefined ? {} : { status }),
  }
}

const projectStatus = (status: Pod['status']): HeldPod['status'] => {
  if (status === undefined) return undefined
  const { phase, conditions = [] } = status
  const own = conditions.filter(({ type }) => type === releasedCondition)
  return {
    ...(phase === undefined ? {} : { phase }),
    ...(own.length === 0 ? {} : { conditions: own }),
  }
}

const projectMetadata = (metadata: ObjectMeta): ObjectMeta => {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata
  return {
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    labels: ours(metadata.labels),
    annotations: ours(metadata.annotations),
    ownerReferences: (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true),
    ...(namespace === undefined ? {} : { namespace }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  }
}

const ours = (values: Readonly<Record<string, string>> | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => keptKeys.has(key)))

/** How to look a revision up in an index: revisions are only compared within their namespace. */
export const revisionIndexKey = (namespace: string | undefined, revision: string): string =>
  `${namespace ?? ''}/${revision}`

/** Indexes of held pods. */
export const heldPodIndexes = {
  namespace: (pod: HeldPod): readonly string[] => [pod.metadata.namespace ?? ''],
  revision: (pod: HeldPod): readonly string[] => {
    const revision = revisionOf(pod)
    return revision === undefined ? [] : [revisionIndexKey(pod.metadata.namespace, revision.key)]
  },
} as const

/** What to give to `startReflector` for the store of held pods. */
export const heldPods = {
  type: Pod,
  labelSelector: `${keys.gated}=true`,
  project: projectHeldPod,
  indexes: heldPodIndexes,
} as const

/**
 * What to give to `startReflector` for the pods that say that they are held and are not any more. There are few at any time:
 * each leaves as soon as it is put right.
 */
export const letGoPods = {
  type: Pod,
  labelSelector: `${heldLabel}=true,!${keys.gated}`,
  project: projectHeldPod,
} as const
