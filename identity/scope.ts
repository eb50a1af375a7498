/**
 * What is held: one answer for the webhook that adds gates and for the controllers that open them.
 *
 * @module
 */
import { controllerOf, type OwnerReference } from '../api/object.ts'
import { gateName, keys, permitScheduler, type Metadata } from './keys.ts'

/** The kinds whose pods are held. Pods of Jobs, of other controllers and of nobody pass. */
export const supportedOwners: readonly {
  readonly group: string
  readonly kind: 'ReplicaSet' | 'StatefulSet' | 'DaemonSet'
}[] = [
  { group: 'apps', kind: 'ReplicaSet' },
  { group: 'apps', kind: 'StatefulSet' },
  { group: 'apps', kind: 'DaemonSet' },
]

/** Namespaces that can't opt in: a pod held there could keep the cluster from healing itself. */
export const systemNamespaces: readonly string[] = ['kube-system', 'kube-public', 'kube-node-lease']

/** Which namespaces may opt in besides those that never can, as an administrator says: by name. */
export interface Eligibility {
  /** The only ones; empty: all that are not denied. */
  readonly allowed: readonly string[]
  readonly denied: readonly string[]
}

/** Whether an administrator lets the namespace opt in. */
export const isEligible = ({ allowed, denied }: Eligibility, name: string): boolean =>
  allowed.length > 0 ? allowed.includes(name) : !denied.includes(name)

/** What stands in the place of the annotation of a namespace that may not opt in: it counts as one that did not. */
const ineligible = 'ineligible'

/** A namespace that may not opt in, as it counts for us. */
export const asIneligible = <T extends { readonly metadata: Metadata }>(namespace: T): T => {
  const labels = Object.fromEntries(
    Object.entries(namespace.metadata.labels ?? {}).filter(([key]) => key !== keys.optIn),
  )
  const annotations = { ...namespace.metadata.annotations, [keys.optIn]: ineligible }
  return { ...namespace, metadata: { ...namespace.metadata, labels, annotations } }
}

/** Whether the namespace counts as one that did not opt in, whatever it says. */
export const countsAsIneligible = (namespace: { readonly metadata: Metadata }): boolean =>
  namespace.metadata.annotations?.[keys.optIn] === ineligible

/** Whether whoever wrote the namespace wants it managed: the annotation decides if it is there, else the label. */
export const wantsManaging = (namespace: { readonly metadata: Metadata }): boolean =>
  (namespace.metadata.annotations?.[keys.optIn] ?? namespace.metadata.labels?.[keys.optIn]) ===
  'enabled'

/** Whether the namespace is managed: by its label, since that is what the API server selects on. */
export const isManaged = (namespace: { readonly metadata: Metadata }): boolean =>
  namespace.metadata.labels?.[keys.optIn] === 'enabled'

/** The owner that makes this a pod to hold; `undefined`: not one of ours. Compared by group and kind, in any version. */
export const heldOwnerOf = (pod: {
  readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] }
}): OwnerReference | undefined => {
  const owner = controllerOf(pod)
  if (owner === undefined) return undefined
  const group = groupOf(owner.apiVersion)
  return supportedOwners.some((each) => each.group === group && each.kind === owner.kind)
    ? owner
    : undefined
}

/** The group in an `apiVersion`: `''` for the core group. */
export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** Whether our gate is among the pod's gates. */
export const carriesGate = (pod: {
  readonly spec: { readonly schedulingGates?: readonly { readonly name: string }[] }
}): boolean => pod.spec.schedulingGates?.some((gate) => gate.name === gateName) ?? false

/** What holds a pod, as far as it is read here. */
interface Holdable {
  readonly metadata: Metadata
  readonly spec: {
    readonly nodeName?: string
    readonly schedulerName?: string
    readonly schedulingGates?: readonly { readonly name: string }[]
  }
}

/** Whether the pod was given to the scheduler that asks us. Which one it is given to can't be changed after its creation. */
export const isForPermit = ({ spec }: Pick<Holdable, 'spec'>): boolean =>
  spec.schedulerName === permitScheduler

/** Whether the pod was given to the scheduler that asks us, and has no node yet. */
export const waitsForPermit = (pod: Pick<Holdable, 'spec'>): boolean =>
  isForPermit(pod) && (pod.spec.nodeName ?? '') === ''

/**
 * Whether the pod is held: by our gate, or by the scheduler that asks us. Of the latter our label tells, which is there to find
 * such pods by; it takes no part in letting them go.
 */
export const isHeld = (pod: Holdable): boolean =>
  carriesGate(pod) || (waitsForPermit(pod) && pod.metadata.labels?.[keys.gated] === 'true')

/** Whether the pod is the kubelet's copy of a static pod, which runs whatever the API server says. */
export const isMirror = (pod: { readonly metadata: Metadata }): boolean =>
  pod.metadata.annotations?.[keys.mirror] !== undefined
