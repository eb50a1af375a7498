/**
 * Which objects a series is about: it is shown for as long as one of them is there, and ends with the last one. It must not end with
 * the first: a counter that went down would be read as one that began anew.
 *
 * @module
 */

/** Objects and the series that they keep. */
export interface Keepers {
  /** This object keeps this series; `end` takes it away. */
  readonly keep: (uid: string, series: string, end: () => void) => void
  /** The object is gone. */
  readonly leave: (uid: string) => void
  /** Whether somebody keeps it. */
  readonly has: (series: string) => boolean
}

/** Nobody keeps anything yet. */
export const createKeepers = (): Keepers => {
  const kept = new Map<string, { readonly uids: Set<string>; readonly end: () => void }>()
  const seriesOf = new Map<string, Set<string>>()
  return {
    keep(uid, series, end) {
      const entry = kept.get(series) ?? { uids: new Set<string>(), end }
      entry.uids.add(uid)
      kept.set(series, entry)
      const own = seriesOf.get(uid) ?? new Set<string>()
      own.add(series)
      seriesOf.set(uid, own)
    },
    leave(uid) {
      for (const series of seriesOf.get(uid) ?? []) {
        const entry = kept.get(series)
        entry?.uids.delete(uid)
        if (entry?.uids.size !== 0) continue
        kept.delete(series)
        entry.end()
      }
      seriesOf.delete(uid)
    },
    has: (series) => kept.has(series),
  }
}
