/**
 * The pods that wait behind our gate, as the gate's controllers keep them: found by the label, cut down on arrival, so
 * that memory grows with what is held and not with what runs.
 *
 * @module
 */
import { Pod } from '../api/kubernetes.ts'
import type { KubeObject, ObjectMeta } from '../api/object.ts'
import { keys } from '../identity/keys.ts'
import { revisionOf } from '../identity/revision.ts'

/** What is kept of a held pod. */
export interface HeldPod extends KubeObject {
  readonly spec: {
    readonly nodeName?: string
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
  readonly status?: { readonly phase?: string }
}

const identityKeys: ReadonlySet<string> = new Set(Object.values(keys))

/** Keeps what identity and the gate are decided on, and drops the rest of a pod. */
export const projectHeldPod = (pod: Pod): HeldPod => {
  const { nodeName, schedulingGates } = pod.spec
  const phase = pod.status?.phase
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: projectMetadata(pod.metadata),
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(schedulingGates === undefined ? {} : { schedulingGates }),
    },
    ...(phase === undefined ? {} : { status: { phase } }),
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
  Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => identityKeys.has(key)))

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
