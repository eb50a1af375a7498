import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import { revisionOf } from '../../identity/revision.ts'
import { parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { revisionIndexKey, type HeldPod } from '../held-pods.ts'
import { needsOwner, turnAt, type OwnerFinding, type Seen } from './decide.ts'

/** Where the opening of gates looks. */
export interface Sources {
  readonly pods: Store<HeldPod>
  readonly versions: Store<KeptnWorkloadVersion>
  readonly namespaces: Store<Namespace>
  readonly readOwner: (pod: HeldPod) => Promise<OwnerFinding>
  readonly leads: () => boolean
}

/** Reads what the opening of a pod's gate is decided on: the stores, and the owner live where it matters. */
export const observe =
  ({ pods, versions, namespaces, readOwner, leads }: Sources) =>
  async (key: string, now: Date): Promise<Seen | undefined> => {
    const { namespace, name } = parseKey(key)
    const pod = pods.get(namespace, name)
    if (pod === undefined) return undefined
    const revision = revisionOf(pod)
    const seen = {
      now,
      leads: leads(),
      pod,
      namespace: namespaces.get(undefined, namespace ?? ''),
      versions:
        revision === undefined
          ? []
          : versions.by('revision', revisionIndexKey(namespace, revision.key)),
    }
    const asks = needsOwner(seen) && turnAt(seen, new Date(pod.metadata.creationTimestamp)) <= now
    return { ...seen, owner: asks ? await readOwner(pod) : 'not-read' }
  }
