import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import { Namespace, Pod } from '../../api/kubernetes.ts'
import { revisionOf } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { projectHeldPod, revisionIndexKey, type HeldPod } from '../held-pods.ts'
import { lacksLabel } from '../scheduling-gate.ts'
import { hasOptedOut, judge, needsOwner, turnAt, type OwnerFinding, type Seen } from './decide.ts'
import type { Others } from './others.ts'
import type { Strays } from './strays.ts'

/** Where the opening of gates looks. */
export interface Sources {
  readonly pods: Store<HeldPod>
  readonly versions: Store<KeptnWorkloadVersion>
  readonly namespaces: Store<Namespace>
  readonly client: Pick<Client, 'get'>
  readonly readOwner: (pod: HeldPod) => Promise<OwnerFinding>
  readonly leads: () => boolean
  readonly strays: Strays
  readonly others: Others
}

/**
 * Reads what the opening of a pod's gate is decided on: the stores, and live what a store that is behind could have wrong.
 *
 * A verdict and a released list stay true once they were, so an old view of them opens nothing that isn't open anyway. A
 * namespace that opts in stops being one that has not: its watch may be silent while that of the pods is not, and a gate that
 * was opened on such a view would stay open.
 */
export const observe =
  (from: Sources) =>
  async (key: string, now: Date): Promise<Seen | undefined> => {
    const { namespace, name } = parseKey(key)
    const held = from.pods.get(namespace, name)
    const pod = held ?? (await findStray(from, key))
    // A stray stays one until what was decided about it is done: the request may fail.
    if (held !== undefined || pod === undefined) from.strays.forget(key)
    if (pod === undefined) return undefined
    const seen = await lookAt(from, pod, now)
    if (!seen.leads && isAboutToOpen(seen)) from.others.expect(key)
    return seen
  }

/** A pod that left the store may be there all the same, behind its gate and without the label: it is read, once. */
const findStray = async (from: Sources, key: string): Promise<HeldPod | undefined> => {
  if (!from.strays.has(key) || !from.leads()) return undefined
  const { namespace = '', name } = parseKey(key)
  const pod = await from.client.get(Pod, { namespace, name })
  return pod !== undefined && lacksLabel(pod) ? projectHeldPod(pod) : undefined
}

/** Whether `decide` will open the gate now. */
const isAboutToOpen = (seen: Seen): boolean => {
  const finding = judge(seen)
  return finding.opens && turnAt(seen, finding.since) <= seen.now
}

const lookAt = async (from: Sources, pod: HeldPod, now: Date): Promise<Seen> => {
  const { namespace = '', creationTimestamp } = pod.metadata
  const leads = from.leads()
  const seen: Seen = {
    now,
    leads,
    crowd: leads ? 0 : from.pods.by('namespace', namespace).length,
    othersOpenedAt: from.others.openedAt(),
    pod,
    namespace: from.namespaces.get(undefined, namespace),
    versions: versionsOf(from.versions, pod),
    owner: 'not-read',
  }
  const isOurTurn = turnAt(seen, new Date(creationTimestamp)) <= now
  if (!isOurTurn) return seen
  if (hasOptedOut(seen) !== undefined) {
    return { ...seen, namespace: await from.client.get(Namespace, { name: namespace }) }
  }
  return needsOwner(seen) ? { ...seen, owner: await from.readOwner(pod) } : seen
}

/** The versions that list the pod's revision. */
export const versionsOf = (
  versions: Store<KeptnWorkloadVersion>,
  pod: HeldPod,
): readonly KeptnWorkloadVersion[] => {
  const revision = revisionOf(pod)
  return revision === undefined
    ? []
    : versions.by('revision', revisionIndexKey(pod.metadata.namespace, revision.key))
}
