/**
 * Revisions whose owners were found to name no workload, from the finding until the released list of their namespace has
 * them. Memory alone: lost with the process, they are found again with their next pod.
 *
 * @module
 */
import type { RevisionKey } from '../identity/revision.ts'

/** What the opening of gates tells the released lists. */
export interface UnmanagedRevisions {
  has(namespace: string, revision: RevisionKey): boolean
  add(namespace: string, revision: RevisionKey): void
  /** The list of the namespace has these now. */
  forget(namespace: string, revisions: ReadonlySet<RevisionKey>): void
  of(namespace: string): readonly RevisionKey[]
}

/** An empty memory; one for all controllers of a process. */
export const rememberUnmanaged = (): UnmanagedRevisions => {
  const found = new Map<string, Set<RevisionKey>>()
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
