/**
 * Asks the owner of a pod, live, whether it names a workload.
 *
 * @module
 */
import { DaemonSet, Deployment, ReplicaSet, Rollout, StatefulSet } from '../../api/kubernetes.ts'
import {
  controllerOf,
  type KubeObject,
  type OwnerReference,
  type ResourceType,
} from '../../api/object.ts'
import { identify } from '../../identity/identity.ts'
import { revisionOf } from '../../identity/revision.ts'
import { groupOf } from '../../identity/scope.ts'
import type { Client } from '../../kube/client.ts'
import { revisionIndexKey, type HeldPod } from '../held-pods.ts'
import type { OwnerFinding } from './decide.ts'

/** Owners that were found to name no workload. Kept in memory until the released list of their namespace has them. */
export interface UnmanagedRevisions {
  has(namespace: string, revision: string): boolean
  add(namespace: string, revision: string): void
  /** The list of the namespace has them now. */
  forget(namespace: string, revisions: ReadonlySet<string>): void
  of(namespace: string): readonly string[]
}

/** An empty memory; one for all controllers of a process. */
export const rememberUnmanaged = (): UnmanagedRevisions => {
  const found = new Map<string, Set<string>>()
  return {
    has: (namespace, revision) => found.get(namespace)?.has(revision) ?? false,
    add: (namespace, revision) => {
      found.set(namespace, (found.get(namespace) ?? new Set()).add(revision))
    },
    forget: (namespace, revisions) => {
      const left = [...(found.get(namespace) ?? [])].filter((revision) => !revisions.has(revision))
      if (left.length === 0) found.delete(namespace)
      else found.set(namespace, new Set(left))
    },
    of: (namespace) => [...(found.get(namespace) ?? [])],
  }
}

/** Answers what the owner of a pod says. Pods of one revision that ask at the same time are answered by one reading. */
export const ownerReader = (
  client: Pick<Client, 'get'>,
  unmanaged: UnmanagedRevisions,
): ((pod: HeldPod) => Promise<OwnerFinding>) => {
  const underWay = new Map<string, Promise<OwnerFinding>>()
  return async (pod) => {
    const { namespace = '' } = pod.metadata
    const revision = revisionOf(pod)
    if (revision === undefined) return 'missing'
    if (unmanaged.has(namespace, revision.key)) return 'not-managed'

    const key = revisionIndexKey(namespace, revision.key)
    const asked = underWay.get(key) ?? readOwner(client, pod, revision.owner)
    underWay.set(key, asked)
    const finding = await asked.finally(() => underWay.delete(key))
    if (finding === 'not-managed') unmanaged.add(namespace, revision.key)
    return finding
  }
}

const readOwner = async (
  client: Pick<Client, 'get'>,
  pod: HeldPod,
  reference: OwnerReference,
): Promise<OwnerFinding> => {
  const owner = await read(client, pod.metadata.namespace, reference)
  if (owner === undefined) return 'missing'
  const top = await topOf(client, owner)
  if (top === undefined) return 'missing'
  const found = identify(pod.metadata, {
    metadata: top.metadata,
    template: owner.spec?.template ?? { spec: { containers: [] } },
  })
  return found === 'not-managed' ? 'not-managed' : 'managed'
}

interface Templated extends KubeObject {
  readonly spec?: { readonly template?: ReplicaSet['spec']['template'] }
}

/** Kinds that can be asked, by group and kind. */
const known: Readonly<Record<string, ResourceType<Templated>>> = {
  'apps/ReplicaSet': ReplicaSet,
  'apps/StatefulSet': StatefulSet,
  'apps/DaemonSet': DaemonSet,
  'apps/Deployment': Deployment,
  'argoproj.io/Rollout': Rollout,
}

const read = async (
  client: Pick<Client, 'get'>,
  namespace: string | undefined,
  reference: OwnerReference,
): Promise<Templated | undefined> => {
  const type = typeOf(reference)
  if (type === undefined || namespace === undefined) return undefined
  const object = await client.get(type, { namespace, name: reference.name })
  // A namesake that was created since then is another owner.
  return object?.metadata.uid === reference.uid ? object : undefined
}

/** What stands above the direct owner, or the owner itself if nothing does that we know how to ask. */
const topOf = async (
  client: Pick<Client, 'get'>,
  owner: Templated,
): Promise<Templated | undefined> => {
  const above = controllerOf(owner)
  if (above === undefined || typeOf(above) === undefined) return owner
  return read(client, owner.metadata.namespace, above)
}

const typeOf = ({ apiVersion, kind }: OwnerReference): ResourceType<Templated> | undefined =>
  known[`${groupOf(apiVersion)}/${kind}`]
