import { describe, expect, test } from '@jest/globals'
import { begin, change, recent, type History } from '../../../webhook/settling.ts'

/** Lists of one letter a revision, and when each became the present one. */
type Changes = readonly (readonly [at: number, list: string])[]

const of = (list: string): History => begin(new Set(list))

const after = (start: History, changes: Changes): History =>
  changes.reduce((history, [at, list]) => change(history, new Set(list), at), start)

const recentAt = (history: History, now: number): string =>
  ['a', 'b', 'c'].filter((revision) => recent(history, now).has(revision)).join('')

describe('of what is on the list of a namespace, recent', () => {
  const cases: [string, History, { changes: Changes; now: number; recent: string }][] = [
    ['what was there when we came is not', of('abc'), { changes: [], now: 0, recent: '' }],
    ['what is added is', of('ac'), { changes: [[0, 'abc']], now: 0, recent: 'b' }],
    ['and is for a while', of('ac'), { changes: [[0, 'abc']], now: 249, recent: 'b' }],
    ['until it has settled', of('ac'), { changes: [[0, 'abc']], now: 250, recent: '' }],
    ['what comes with a namespace is', [], { changes: [[0, 'abc']], now: 249, recent: 'abc' }],
    ['until then, too', [], { changes: [[0, 'abc']], now: 250, recent: '' }],
    [
      'each for its own time',
      of('a'),
      {
        changes: [
          [0, 'ab'],
          [200, 'abc'],
        ],
        now: 300,
        recent: 'c',
      },
    ],
    [
      'what was away in between is',
      of('abc'),
      {
        changes: [
          [0, 'bc'],
          [9, 'abc'],
        ],
        now: 20,
        recent: 'a',
      },
    ],
    [
      'until it has settled again',
      of('abc'),
      {
        changes: [
          [0, 'bc'],
          [9, 'abc'],
        ],
        now: 259,
        recent: '',
      },
    ],
    [
      'what is there is not, however often others come',
      of('a'),
      { changes: Array.from({ length: 30 }, (_, i) => [i * 100, 'abc']), now: 2_900, recent: '' },
    ],
  ]
  test.each(cases)('%s', (_, start, { changes, now, recent: expected }) => {
    expect(recentAt(after(start, changes), now)).toBe(expected)
  })

  test('no more are kept than have to be', () => {
    const changes = Array.from({ length: 1_000 }, (_, index) => [index * 1_000, 'a'] as const)
    expect(after(of('a'), changes).length).toBeLessThan(4)
  })
})
