import { describe, expect, test } from '@jest/globals'
import { begin, change, settled, type History } from '../../../webhook/settling.ts'

/** Lists of one letter a revision, and when each became the present one. */
type Changes = readonly (readonly [at: number, list: string])[]

const of = (list: string): History => begin(new Set(list))

const after = (start: History, changes: Changes): History =>
  changes.reduce((history, [at, list]) => change(history, new Set(list), at), start)

const countAt = (history: History, now: number): string =>
  ['a', 'b', 'c'].filter((revision) => settled(history, now).has(revision)).join('')

describe('of the lists of a namespace', () => {
  const cases: [string, History, { changes: Changes; now: number; counts: string }][] = [
    ['what was there when we came counts at once', of('ab'), { changes: [], now: 0, counts: 'ab' }],
    ['nothing counts where there was none', [], { changes: [], now: 0, counts: '' }],
    ['what is added waits', of('a'), { changes: [[0, 'ab']], now: 0, counts: 'a' }],
    ['and waits', of('a'), { changes: [[0, 'ab']], now: 499, counts: 'a' }],
    ['until it has settled', of('a'), { changes: [[0, 'ab']], now: 500, counts: 'ab' }],
    ['what comes with a new namespace waits', [], { changes: [[0, 'a']], now: 100, counts: '' }],
    ['until it has settled, too', [], { changes: [[0, 'a']], now: 500, counts: 'a' }],
    ['what is taken away goes at once', of('ab'), { changes: [[0, 'b']], now: 0, counts: 'b' }],
    [
      'each addition takes its time',
      of('a'),
      {
        changes: [
          [0, 'ab'],
          [400, 'abc'],
        ],
        now: 600,
        counts: 'ab',
      },
    ],
    [
      'an addition does not wait for those after it',
      of(''),
      { changes: Array.from({ length: 30 }, (_, i) => [i * 100, 'a']), now: 2_900, counts: 'a' },
    ],
    [
      'what was away in between waits again',
      of('a'),
      {
        changes: [
          [0, ''],
          [10, 'a'],
        ],
        now: 20,
        counts: '',
      },
    ],
    [
      'as long as before',
      of('a'),
      {
        changes: [
          [0, ''],
          [10, 'a'],
        ],
        now: 510,
        counts: 'a',
      },
    ],
  ]
  test.each(cases)('%s', (_, start, { changes, now, counts }) => {
    expect(countAt(after(start, changes), now)).toBe(counts)
  })

  test('no more are kept than have to be', () => {
    const changes = Array.from({ length: 1_000 }, (_, index) => [index * 1_000, 'a'] as const)
    expect(after(of('a'), changes).length).toBeLessThan(4)
  })
})
