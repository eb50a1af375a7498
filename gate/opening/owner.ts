import { identify } from '../../identity/identity.ts'
import { ownerOf } from '../../identity/owner.ts'
import { revisionOf } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { revisionIndexKey, type HeldPod } from '../held-pods.ts'
import type { UnmanagedRevisions } from '../unmanaged.ts'
import type { OwnerFinding } from './decide.ts'

/**
 * Answers what the topmost owner of a pod says, read live. Pods of one revision that ask at the same time are answered by
 * one reading, and what was found to name no workload is not read again: a revision is decided on once.
 */
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
    const running = underWay.get(key)
    if (running !== undefined) return running
    const reading = findOut(client, pod).finally(() => underWay.delete(key))
    underWay.set(key, reading)
    const finding = await reading
    if (finding === 'not-managed') unmanaged.add(namespace, revision.key)
    return finding
  }
}

const findOut = async (client: Pick<Client, 'get'>, pod: HeldPod): Promise<OwnerFinding> => {
  const { namespace = '' } = pod.metadata
  const owner = await ownerOf(pod, (type, name) => client.get(type, { namespace, name }))
  if (owner === undefined) return 'missing'
  return identify(pod.metadata, owner) === 'not-managed' ? 'not-managed' : 'managed'
}
