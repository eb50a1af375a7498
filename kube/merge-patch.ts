/**
 * JSON merge patches (RFC 7386): the difference between two values as the API server takes it.
 *
 * @module
 */
import type { MergePatch } from './decision.ts'

type Members = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A member that is `undefined` isn't written to JSON, and a merge patch cannot store `null`: both mean absent. */
const isAbsent = (value: unknown): boolean => value === undefined || value === null

const membersOf = (value: Members): readonly (readonly [string, unknown])[] =>
  Object.entries(value).filter(([, member]) => !isAbsent(member))

const own = (value: Members, key: string): unknown =>
  Object.hasOwn(value, key) ? value[key] : undefined

/** Whether two values are the same to the API server: absent, `undefined` and `null` members don't differ. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (isAbsent(a) || isAbsent(b)) return isAbsent(a) && isAbsent(b)
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  }
  if (!isObject(a) || !isObject(b)) return a === b
  const members = membersOf(a)
  return (
    members.length === membersOf(b).length &&
    members.every(([key, member]) => isSame(member, own(b, key)))
  )
}

/**
 * The patch that turns `from` into `to`; `undefined` when there is nothing to change.
 *
 * Arrays are replaced whole. A member that is `null` or `undefined` in `to` is removed.
 */
export const mergePatch = (from: unknown, to: unknown): MergePatch | undefined => {
  const before = isObject(from) ? from : {}
  const after = isObject(to) ? to : {}
  const removed = membersOf(before)
    .filter(([key]) => isAbsent(own(after, key)))
    .map(([key]) => [key, null] as const)
  const changed = membersOf(after)
    .filter(([key, member]) => !isSame(own(before, key), member))
    .map(([key, member]) => [key, replacement(own(before, key), member)] as const)
  const patch = [...removed, ...changed]
  return patch.length === 0 ? undefined : Object.fromEntries(patch)
}

const replacement = (before: unknown, after: unknown): unknown =>
  isObject(before) && isObject(after) ? mergePatch(before, after) : after
