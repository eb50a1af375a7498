/**
 * The few JSON patch operations (RFC 6902) that admission answers with. They add, so that what others wrote stays.
 *
 * @module
 */

/** One operation of a JSON patch. */
export type Operation =
  | { readonly op: 'add'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/** A pointer to a member, whatever its name holds (RFC 6901). */
export const pointer = (...members: readonly string[]): string =>
  members.map((member) => `/${member.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Adds members to the map at a path. A map that isn't there is made, since a patch can't add to nothing. */
export const addMembers = (
  path: readonly string[],
  map: object | null | undefined,
  members: Readonly<Record<string, string>>,
): readonly Operation[] => {
  const entries = Object.entries(members)
  if (entries.length === 0) return []
  if (map === undefined || map === null) {
    return [{ op: 'add', path: pointer(...path), value: members }]
  }
  return entries.map(([key, value]) => ({ op: 'add', path: pointer(...path, key), value }))
}
