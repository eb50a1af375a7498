import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { isSame, mergePatch } from '../../../kube/merge-patch.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** RFC 7386, section 2. */
const apply = (target: unknown, patch: unknown): unknown => {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target)
  const members = new Map(isObject ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) members.delete(key)
    else members.set(key, apply(members.get(key), value))
  }
  return Object.fromEntries(members)
}

/** JSON as the API server stores it: no members that are null. */
const { value } = fc.letrec<{ value: Json; object: Record<string, Json> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), tie('value')),
}))
const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'toString'), value)

test('applying the patch gives the wanted value', () => {
  fc.assert(
    fc.property(object, object, (from, to) => {
      const patch = mergePatch(from, to)
      const sent: unknown = JSON.parse(JSON.stringify(patch ?? {}))
      expect(isSame(apply(from, sent), to)).toBe(true)
      expect(JSON.stringify(apply(from, sent)).length).toBe(JSON.stringify(to).length)
    }),
    { numRuns: 2_000 },
  )
})

test('there is no patch exactly when nothing differs', () => {
  fc.assert(
    fc.property(object, object, (from, to) => {
      expect(mergePatch(from, structuredClone(from))).toBeUndefined()
      expect(mergePatch(from, to) === undefined).toBe(isSame(from, to))
    }),
  )
})

test('it names what differs and nothing else', () => {
  const from = { phase: 'A', items: [1, 2], deep: { same: 1, old: 2 }, gone: true }
  const to = { phase: 'B', items: [1, 2], deep: { same: 1, new: 3 }, gone: undefined }
  expect(mergePatch(from, to)).toEqual({ phase: 'B', deep: { old: null, new: 3 }, gone: null })
})

test('lists are replaced whole', () => {
  expect(mergePatch({ items: [{ a: 1 }, { b: 2 }] }, { items: [{ a: 1 }] })).toEqual({
    items: [{ a: 1 }],
  })
})

test('a status that was never written is written whole', () => {
  expect(mergePatch(undefined, { phase: 'A' })).toEqual({ phase: 'A' })
  expect(mergePatch(undefined, {})).toBeUndefined()
})
