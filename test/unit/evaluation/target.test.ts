import { describe, expect, test } from '@jest/globals'
import { meets, parseTarget, readNumber, showTarget } from '../../../lifecycle/evaluation/target.ts'

describe('a target is an operator and a number', () => {
  test.each([
    ['<4', '<', 4],
    ['>4', '>', 4],
    ['> 1.5', '>', 1.5],
    [' <= -2 ', '<=', -2],
    ['>=1e3', '>=', 1000],
    ['=.5', '=', 0.5],
    ['==5', '==', 5],
    ['!=0', '!=', 0],
    ['>+4', '>', 4],
  ])('"%s"', (text, operator, bound) => {
    expect(parseTarget(text)).toEqual({ operator, bound })
  })

  test.each([
    '',
    '4',
    '<',
    'about 4',
    '<4%',
    '<>4',
    '=>4',
    '< 4 5',
    '>4,5',
    '<NaN',
    '>Inf',
    '>1e999',
    '>0x4',
    '><4',
  ])('"%s" is none', (text) => {
    expect(parseTarget(text)).toBeUndefined()
  })
})

describe('a value keeps to a target or not', () => {
  test.each([
    [4, '>4', false],
    [4.1, '>4', true],
    [4, '<4', false],
    [3.9, '<4', true],
    [4, '>=4', true],
    [3, '>=4', false],
    [4, '<=4', true],
    [5, '<=4', false],
    [4, '=4', true],
    [5, '=4', false],
    [4, '==4', true],
    [5, '!=4', true],
    [4, '!=4', false],
  ])('%d %s: %s', (value, text, expected) => {
    const target = parseTarget(text)
    expect(target !== undefined && meets(value, target)).toBe(expected)
  })

  test.each(['<4', '<=4', '>4', '>=4', '=4', '!=4'])(
    'neither NaN nor an infinity meets %s',
    (text) => {
      const target = parseTarget(text)
      for (const value of [NaN, Infinity, -Infinity]) {
        expect(target !== undefined && meets(value, target)).toBe(false)
      }
    },
  )
})

test.each(['', ' ', 'NaN', '+Inf', '4 ', '4x', '1e999', '0x10', '1_000', 'null'])(
  'the value "%s" is no number',
  (text) => {
    expect(readNumber(text)).toBeUndefined()
  },
)

test.each([
  ['>4', '> 4'],
  ['<=  1.50', '<= 1.50'],
  ['about 4', 'about 4'],
])('"%s" is shown as "%s"', (text, shown) => {
  expect(showTarget(text)).toBe(shown)
})
