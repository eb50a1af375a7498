/**
 * Order of resource versions. They are decimal numbers without leading zeros, larger ones newer, for every kind that an API
 * server stores: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 *
 * @module
 */

/** Negative when `a` is older than `b`, 0 when they are the same, positive when it is newer. */
export const compareVersions = (a: string, b: string): number => {
  // They may pass 2^53, so they are compared as they are written.
  if (a.length !== b.length) return a.length - b.length
  if (a === b) return 0
  return a < b ? -1 : 1
}
