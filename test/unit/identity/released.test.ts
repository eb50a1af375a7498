import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { formatReleased, parseReleased } from '../../../identity/released.ts'

describe('the released list', () => {
  test.each([
    ['no annotation: no list', undefined, undefined],
    ['an empty list is a list', 'v1', []],
    ['revisions', 'v1 a b/c', ['a', 'b/c']],
    ['stray blanks', 'v1  a ', ['a']],
    ['a format of later', 'v2 a', undefined],
    ['nothing we wrote', '', undefined],
    ['revisions without a format', 'a b', undefined],
  ])('%s', (_, text, expected) => {
    const found = parseReleased(text)
    expect(found && [...found]).toEqual(expected)
  })

  test('is sorted, without doubles', () => {
    expect(formatReleased(['b', 'a', 'b'])).toBe('v1 a b')
  })

  test('a key with a blank does not smuggle in another', () => {
    expect(formatReleased(['a', 'b c', ''])).toBe('v1 a')
  })

  test('reads back what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[0-9a-z/-]{1,40}$/)), (revisions) => {
        expect(parseReleased(formatReleased(revisions))).toEqual(new Set(revisions))
      }),
    )
  })
})
