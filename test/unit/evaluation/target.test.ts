import { describe, expect, test } from '@jest/globals'
import {
  meets,
  parseTarget,
  problemOf,
  readNumber,
  showTarget,
  type Target,
} from '../../../lifecycle/evaluation/target.ts'

const range = (low: number, high: number): Target => [
  { operator: '>=', bound: low },
  { operator: '<=', bound: high },
]

describe('a target is one bound or two, or a range', () => {
  test.each<[string, Target]>([
    ['<4', [{ operator: '<', bound: 4 }]],
    ['>4', [{ operator: '>', bound: 4 }]],
    ['> 1.5', [{ operator: '>', bound: 1.5 }]],
    [' <= -2 ', [{ operator: '<=', bound: -2 }]],
    ['>=1e3', [{ operator: '>=', bound: 1000 }]],
    ['=.5', [{ operator: '=', bound: 0.5 }]],
    ['==5.', [{ operator: '==', bound: 5 }]],
    ['!=0', [{ operator: '!=', bound: 0 }]],
    ['>+4', [{ operator: '>', bound: 4 }]],
    ['>=10 <20', [range(10, 20)[0], { operator: '<', bound: 20 }] as Target],
    [
      '> 4  != 5',
      [
        { operator: '>', bound: 4 },
        { operator: '!=', bound: 5 },
      ],
    ],
    ['10..20', range(10, 20)],
    [' -1.5 .. 1e2 ', range(-1.5, 100)],
    ['-2..-1', range(-2, -1)],
    ['5..5', range(5, 5)],
  ])('"%s"', (text, target) => {
    expect(parseTarget(text)).toEqual(target)
    expect(problemOf(text)).toBeUndefined()
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
    '>4<5',
    '>1 <5 !=3',
    '10..',
    '..20',
    '10...5',
    '10.....5',
    '10..20..30',
    '>10..20',
    '10..NaN',
    '10-20',
  ])('"%s" is none', (text) => {
    expect(parseTarget(text)).toBeUndefined()
    expect(problemOf(text)).toMatch(/^write one of < /)
  })

  test.each(['20..10', '>5 <4', '>4 <4', '>=4 <4', '=4 !=4', '=1 =2'])(
    '"%s" is one that no value keeps to',
    (text) => {
      expect(parseTarget(text)).toBeUndefined()
      expect(problemOf(text)).toBe('no value can keep to it')
    },
  )
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
    [10, '>=10 <20', true],
    [20, '>=10 <20', false],
    [9, '>=10 <20', false],
    [10, '10..20', true],
    [20, '10..20', true],
    [20.1, '10..20', false],
    [9.9, '10..20', false],
  ])('%d %s: %s', (value, text, expected) => {
    const target = parseTarget(text)
    expect(target !== undefined && meets(value, target)).toBe(expected)
  })

  test.each(['<4', '<=4', '>4', '>=4', '=4', '!=4', '!=4 !=5', '1..9'])(
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
  ['>=10   <20', '>= 10 and < 20'],
  [' 10 .. 20', '10..20'],
  ['about 4', 'about 4'],
])('"%s" is shown as "%s"', (text, shown) => {
  expect(showTarget(text)).toBe(shown)
})
