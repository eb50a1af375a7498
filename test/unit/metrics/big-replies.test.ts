/** Replies as large as they may be: what nobody needs is refused, since nothing else happens while one is looked through. */
import { expect, test } from '@jest/globals'
import { findSource } from '../../../metrics/sources/index.ts'
import type { Sample } from '../../../metrics/source.ts'
import { answeredWith } from './answering.ts'

/** A megabyte of JSON: as many of these items as there is room for. */
const filledWith = (head: string, item: string, tail: string): string => {
  const room = 1024 * 1024 - head.length - tail.length
  const items = Array.from({ length: Math.floor(room / (item.length + 1)) }, () => item)
  return `${head}${items.join(',')}${tail}`
}

const query = (type: string, body: string): Promise<readonly Sample[]> => {
  const source = findSource(type)?.open(answeredWith(body, '$[*]'))
  if (source === undefined) throw new Error(`There is no source of type ${type}`)
  const request = { query: 'up', at: new Date('2026-01-01T00:00:00Z'), path: 'a' }
  return source.query(request, new AbortController().signal)
}

const result = '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":['
const bodies: Readonly<Record<string, string>> = {
  prometheus: filledWith(result, '[1,"1"]', ']}]}}'),
  datadog: filledWith('{"series":[{"pointlist":[', '[1,1]', ']}]}'),
  dynatrace: filledWith('{"result":[{"data":[{"values":[', '1', ']}]}]}'),
  dql: filledWith('{"state":"SUCCEEDED","result":{"records":[{"a":[', '1', ']}]}}'),
  elastic: filledWith('{"a":[', '1', ']}'),
  http: filledWith('[', '1', ']'),
}

test.each([
  ['prometheus', 'The reply holds more than 11000 numbers: ask for less'],
  ['datadog', 'The reply holds more than 11000 numbers: ask for less'],
  ['dynatrace', 'The reply holds more than 11000 numbers: ask for less'],
  ['dql', 'The reply holds more than 11000 numbers: ask for less'],
  ['http', 'The reply holds more than 30000 values: ask for less'],
  ['elastic', 'The reply holds more than can be searched: ask for less'],
])('%s refuses more numbers than anybody needs', async (type, message) => {
  await expect(query(type, bodies[type] ?? '')).rejects.toThrow(message)
})

/** As many fields as there is room for, each with a name of its own that is this long. */
const fields = (head: string, length: number, tail: string): string => {
  const count = Math.floor((1024 * 1024 - head.length - tail.length) / (length + 5))
  const names = Array.from({ length: count }, (_, index) => String(index).padStart(length, 'x'))
  return `${head}${names.map((name) => `"${name}":1`).join(',')}${tail}`
}

test.each([
  [
    'dql',
    fields('{"state":"SUCCEEDED","result":{"records":[{', 30, '}]}}'),
    'The first record of the reply holds more than 1000 fields: ask for less',
  ],
  [
    'elastic',
    // Few fields, and long paths to them: their names are within a long one.
    fields(`{"${'y'.repeat(900)}":{`, 30, '}}'),
    'The reply holds more than can be searched: ask for less',
  ],
  ['http', fields('{', 28, '}'), 'The reply holds more than 30000 values: ask for less'],
  ['http', fields('{', 6, '}'), 'The reply holds more than 40000 fields: ask for less'],
  ['prometheus', fields('{', 6, '}'), 'The reply holds more than 40000 fields: ask for less'],
])('%s refuses more fields than anybody needs', async (type, body, message) => {
  await expect(query(type, body)).rejects.toThrow(message)
})

test('of many series one number each is read, which tells that they are too many', async () => {
  const head = '{"status":"success","data":{"resultType":"matrix","result":['
  const series = '{"metric":{},"values":[[1,"1"],[2,"2"],[3,"3"],[4,"4"]]}'
  const samples = await query('prometheus', filledWith(head, series, ']}}'))
  expect(samples.length).toBeGreaterThan(15_000)
  expect(new Set(samples.map((sample) => sample.series)).size).toBe(samples.length)
})
