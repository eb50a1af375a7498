import { findSource } from '../../metrics/sources/index.ts'
import type { Result } from './result.ts'
import { median } from './statistics.ts'
import { answeredWith } from '../unit/metrics/answering.ts'

const bytes = 1024 * 1024
const turns = 15

/** A reply of the largest size that is read: as many items as there is room for, told apart by a number. */
const filledWith = (
  head: string,
  item: (index: string) => string,
  tail: string,
  most = Infinity,
): string => {
  const items: string[] = []
  for (let room = bytes - head.length - tail.length; room > 0 && items.length < most;) {
    const next = item(items.length.toString(36))
    room -= next.length + 1
    if (room > 0) items.push(next)
  }
  return `${head}${items.join(',')}${tail}`
}

const vector = '{"status":"success","data":{"resultType":"vector","result":['
const matrix = '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":['
const records = '{"state":"SUCCEEDED","result":{"records":['
/** More than 40,000 names are refused before they are parsed. */
const mostNames = 39_000
const names = (length: number) => (index: string) => `"${index.padStart(length, 'x')}":1`

/** What a source could send to keep us busy: much of what is looked at, and much of what is not. */
const replies: readonly (readonly [type: string, what: string, body: string])[] = [
  ['prometheus', 'points', filledWith(matrix, () => '[1,"1"]', ']}]}}')],
  [
    'prometheus',
    'series',
    filledWith(vector, () => '{"metric":{},"value":[1,"1"]}', ']}}', mostNames / 2),
  ],
  [
    'prometheus',
    'label names',
    filledWith(
      vector,
      (index) => `{"metric":{"l${index}":""},"value":[1,"1"]}`,
      ']}}',
      mostNames / 3,
    ),
  ],
  ['datadog', 'points', filledWith('{"series":[{"pointlist":[', () => '[1,1]', ']}]}')],
  ['dynatrace', 'values', filledWith('{"result":[{"data":[{"values":[', () => '1', ']}]}]}')],
  ['dql', 'values', filledWith(`${records}{"a":[`, () => '1', ']}]}}')],
  ['dql', 'fields', filledWith(`${records}{`, names(1), '}]}}', mostNames)],
  ['elastic', 'names', filledWith('{', names(1), '}', mostNames)],
  ['elastic', 'long names', filledWith('{', names(100), '}')],
  [
    'elastic',
    'names in a long one',
    filledWith(`{"${'x'.repeat(950)}":{`, names(1), '}}', mostNames),
  ],
  ['http', 'values', filledWith('[', () => '1', ']')],
  ['http', 'names', filledWith('{', names(1), '}', mostNames)],
  ['http', 'too many names', filledWith('{', names(1), '}')],
]

const msOf = async (run: () => unknown): Promise<number> => {
  const begunAt = performance.now()
  await run()
  return performance.now() - begunAt
}

/**
 * From a reply of a megabyte to what it is taken for, nothing else happening in the process meanwhile; in turns with
 * `JSON.parse` of the same text.
 */
export const hostileReplies = async (): Promise<Result> => {
  const measured = []
  for (const [type, what, body] of replies) {
    const source = findSource(type)?.open(answeredWith(body, "$[?@.a=='up']"))
    const request = { query: 'up', at: new Date('2026-01-01T00:00:00Z'), path: 'a' }
    const ask = () => source?.query(request, new AbortController().signal).catch(() => undefined)
    const looking: number[] = []
    const parsing: number[] = []
    for (let turn = 0; turn < turns; turn += 1) {
      parsing.push(await msOf(() => JSON.parse(body) as unknown))
      looking.push(await msOf(ask))
    }
    measured.push({
      what: `${type}: ${what}`,
      lookingMs: median(looking),
      parsingMs: median(parsing),
    })
  }
  const slowest = Math.max(...measured.map(({ lookingMs }) => lookingMs))
  const ratio = Math.max(...measured.map(({ lookingMs, parsingMs }) => lookingMs / parsingMs))
  return {
    name: 'hostile-replies',
    figures: [
      { metric: 'slowest reply, median', value: slowest, unit: 'ms', limit: 50 },
      { metric: 'slowest against its parsing', value: ratio, unit: 'times' },
    ],
    details: measured.map(({ what, lookingMs, parsingMs }) => ({
      what,
      values: { 'read (ms)': lookingMs.toFixed(1), 'parsed (ms)': parsingMs.toFixed(1) },
    })),
  }
}
