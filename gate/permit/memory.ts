/**
 * What the process remembers of the pods that wait, from what it did and answered. Lost with the process: then each pod that may
 * go and still waits is touched once more.
 *
 * @module
 */

/** A pod under its key, and which of those that had the key it is. */
export interface Known {
  readonly key: string
  readonly uid: string
}

/** The memory of one process. */
export interface Memory {
  /** The scheduler was told that the pod may go, or the pod was touched. */
  settle(pod: Known): void
  /** The scheduler was told to hold the pod. */
  unsettle(pod: Known): void
  isSettled(pod: Known): boolean
  /** The namespace of the pod was read live, and is not managed. */
  leave(pod: Known): void
  hasLeft(pod: Known): boolean
  /** Since when it is announced that the pod may go: since the first time that this was asked, unless it was not so meanwhile. */
  announcedAt(pod: Known, isAnnounced: boolean, now: Date): Date | undefined
  /** How many pods may go, by what was announced, without their scheduler having been told so. */
  untold(): number
  /** The pod does not wait any more. */
  forget(key: string): void
}

interface Entry {
  readonly uid: string
  isSettled: boolean
  hasLeft: boolean
  announcedAt: Date | undefined
}

/** An empty memory. */
export const createMemory = (): Memory => {
  const entries = new Map<string, Entry>()
  const untold = new Set<string>()
  const count = (key: string, { isSettled, announcedAt }: Entry): void => {
    if (announcedAt !== undefined && !isSettled) untold.add(key)
    else untold.delete(key)
  }
  const find = ({ key, uid }: Known): Entry | undefined => {
    const entry = entries.get(key)
    return entry?.uid === uid ? entry : undefined
  }
  const make = (pod: Known): Entry => {
    const found = find(pod)
    if (found !== undefined) return found
    const entry = { uid: pod.uid, isSettled: false, hasLeft: false, announcedAt: undefined }
    entries.set(pod.key, entry)
    return entry
  }
  const change = (pod: Known, entry: Entry | undefined, changes: Partial<Entry>): void => {
    if (entry === undefined) return
    Object.assign(entry, changes)
    count(pod.key, entry)
  }
  return {
    settle: (pod) => {
      change(pod, make(pod), { isSettled: true })
    },
    unsettle: (pod) => {
      change(pod, find(pod), { isSettled: false })
    },
    isSettled: (pod) => find(pod)?.isSettled ?? false,
    leave: (pod) => {
      change(pod, make(pod), { hasLeft: true })
    },
    hasLeft: (pod) => find(pod)?.hasLeft ?? false,
    announcedAt: (pod, isAnnounced, now) => {
      if (!isAnnounced) {
        change(pod, find(pod), { announcedAt: undefined })
        return undefined
      }
      const entry = make(pod)
      const announcedAt = entry.announcedAt ?? now
      change(pod, entry, { announcedAt })
      return announcedAt
    },
    untold: () => untold.size,
    forget: (key) => {
      entries.delete(key)
      untold.delete(key)
    },
  }
}
