/**
 * Which revision a DaemonSet wants. Unlike the others it does not say so itself: the newest of its ControllerRevisions does.
 *
 * @module
 */
import { ControllerRevision, type DaemonSet } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import { keysOfControllerRevision, type RevisionKey } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'

/** The keys of the revision that a DaemonSet wants now; `undefined`: it has not seen to its present template yet. */
export type WantedByDaemonSet = (
  daemonSet: DaemonSet,
) => Promise<readonly RevisionKey[] | undefined>

interface Known {
  readonly generation: number
  readonly keys: readonly RevisionKey[]
}

const newest = (revisions: readonly ControllerRevision[]): ControllerRevision | undefined =>
  revisions.toSorted((one, other) => (other.revision ?? 0) - (one.revision ?? 0))[0]

/** Asks the API server once for each generation of a DaemonSet: nothing else changes what it wants. */
export const wantedByDaemonSets = (client: Pick<Client, 'list'>): WantedByDaemonSet => {
  const known = new Map<string, Known>()
  return async ({ metadata, status }) => {
    const { namespace = '', uid, generation = 0 } = metadata
    // The ControllerRevision is written before the status is.
    if (status?.observedGeneration !== generation) return undefined
    const before = known.get(uid)
    if (before?.generation === generation) return before.keys
    const { items } = await client.list(ControllerRevision, { namespace })
    const wanted = newest(items.filter((revision) => controllerOf(revision)?.uid === uid))
    if (wanted === undefined) return undefined
    const keys = keysOfControllerRevision(wanted)
    known.set(uid, { generation, keys })
    return keys
  }
}
