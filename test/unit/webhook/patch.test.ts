import { describe, expect, test } from '@jest/globals'
import { addMembers, pointer } from '../../../webhook/patch.ts'

test.each([
  [['metadata', 'labels'], '/metadata/labels'],
  [['a/b', 'c'], '/a~1b/c'],
  [['a~b/c'], '/a~0b~1c'],
  [['~1'], '/~01'],
  [[''], '/'],
])('the pointer to %j is %s', (members, expected) => {
  expect(pointer(...members)).toBe(expected)
})

describe('adding members', () => {
  test('to a map adds each', () => {
    expect(addMembers(['m'], {}, { 'a/b': '1', c: '2' })).toEqual([
      { op: 'add', path: '/m/a~1b', value: '1' },
      { op: 'add', path: '/m/c', value: '2' },
    ])
  })
  test('to nothing adds the map', () => {
    expect(addMembers(['m'], undefined, { a: '1' })).toEqual([
      { op: 'add', path: '/m', value: { a: '1' } },
    ])
  })
  test('of none does nothing', () => {
    expect(addMembers(['m'], undefined, {})).toEqual([])
  })
})
