import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { HeldPod } from '../held-pods.ts'
import { needsOwner } from '../opening/decide.ts'
import { versionsOf } from '../opening/observe.ts'
import { ownerReader } from '../opening/owner.ts'
import type { UnmanagedRevisions } from '../unmanaged.ts'
import { changeOf, isHeldForLong, type Seen } from './decide.ts'
import { takeTurns } from './turns.ts'

/** Where what a pod says is made from. */
export interface Sources {
  readonly pods: Store<HeldPod>
  /** Those that say that they are held and are not any more. */
  readonly letGo: Store<HeldPod>
  readonly versions: Store<KeptnWorkloadVersion>
  readonly namespaces: Store<Namespace>
  readonly unmanaged: UnmanagedRevisions
  readonly client: Pick<Client, 'get'>
  readonly settings: {
    /** How long a pod is held before it says why; 10 seconds when not given. */
    readonly quietMs?: number
  }
}

const defaultQuietMs = 10_000

/** Reads what a pod's words are decided on. Its memory is that of one leader's term. */
export const observe = (from: Sources): ((key: string, now: Date) => Promise<Seen | undefined>) => {
  const readOwner = ownerReader(from.client, from.unmanaged)
  const turns = takeTurns()
  return async (key, now) => {
    const { namespace, name } = parseKey(key)
    const pod = from.pods.get(namespace, name) ?? from.letGo.get(namespace, name)
    if (pod === undefined) {
      turns.forget(key)
      return undefined
    }
    const seen = lookAt(from, pod, now)
    const asksOwner = isHeldForLong(seen) && needsOwner(seen)
    const known = asksOwner ? { ...seen, owner: await readOwner(pod) } : seen
    const change = changeOf(known)
    const isDue = change !== undefined && change.dueAt <= now
    if (!isDue) turns.forget(key)
    return { ...known, turnAt: isDue ? turns.of(key, now) : now }
  }
}

const lookAt = (from: Sources, pod: HeldPod, now: Date): Omit<Seen, 'turnAt'> => ({
  now,
  leads: true,
  crowd: 0,
  pod,
  namespace: from.namespaces.get(undefined, pod.metadata.namespace ?? ''),
  versions: versionsOf(from.versions, pod),
  owner: 'not-read',
  quietMs: from.settings.quietMs ?? defaultQuietMs,
})
