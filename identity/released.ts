/**
 * The released list of a Namespace as text. Besides us an admission policy reads it, so it stays simple enough for
 * `split(' ')`; the first word is the version of the format.
 *
 * @module
 */
import type { RevisionKey } from './revision.ts'

/** The version of the format, which is the list's first word. */
export const releasedFormat = 'v1'

/** The revisions in the text of a released list. `undefined`: there is no list, or none that we can read. */
export const parseReleased = (
  annotation: string | undefined,
): ReadonlySet<RevisionKey> | undefined => {
  const [version, ...revisions] = annotation?.split(' ') ?? []
  if (version !== releasedFormat) return undefined
  return new Set(revisions.filter((key) => key !== ''))
}

/** The text of a released list: sorted, so that equal lists are equal texts. */
export const formatReleased = (revisions: Iterable<RevisionKey>): string =>
  // A key with a blank in it would be read as two.
  [releasedFormat, ...[...new Set(revisions)].filter((key) => /^\S+$/.test(key)).sort()].join(' ')
