/**
 * More than 100,000 replies that nobody would send: good ones with parts replaced, removed or doubled, cut ones, any JSON, any
 * text. None may become a value that it does not hold, end a query with anything but an outcome, or show itself or a Secret.
 */
import { describe, expect, test } from '@jest/globals'
import fc from '../fast-check.ts'
import { createMeasure } from '../../metrics/ask.ts'
import type { Outcome } from '../../metrics/outcome.ts'
import type { Reply } from '../../metrics/fetch.ts'
import { aProvider, clientWithSecret } from '../unit/metrics/source-server.ts'
import { holds } from './oracle.ts'
import { oauthPath, protocols, recorded, recordedNames } from './recorded.ts'

const runs = 17_000

/** A string of JSON that is no JSON value of JavaScript: put in as it is. */
const raw = (text: string): string => `raw:${text}:raw`
const unraw = (text: string): string => text.replace(/"raw:(.*?):raw"/g, '$1')

const oddWith = (secrets: readonly string[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      '',
      [],
      {},
      [null],
      0,
      -0,
      'NaN',
      '+Inf',
      'Infinity',
      '0x10',
      ' 7 ',
      '7',
      '1e400',
      '1_000',
      'latency',
      'SUCCEEDED',
      'RUNNING',
      ...secrets.flatMap((secret) => [secret, `${'a'.repeat(190)}${secret}${'b'.repeat(400)}`]),
      raw('1e999'),
      raw('-1e999'),
      raw('9007199254740993'),
      raw('0.1000000000000000055511151231257827'),
      raw('1e-400'),
      { value: 5 },
      { __proto__: null, 'latency.value': 9 },
      [[1, 2]],
      [1, null],
      [1, raw('1e400')],
      ['a store did not answer'],
      [[1767225600000, 3]],
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.jsonValue({ maxDepth: 3 }),
  )

interface Edit {
  /** Which part, counted through the reply. */
  readonly at: number
  readonly how: 'replace' | 'remove' | 'double' | 'rename'
  readonly by: unknown
}

const editWith = (secrets: readonly string[]): fc.Arbitrary<Edit> =>
  fc.record({
    at: fc.nat(),
    how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'double', 'rename'),
    by: oddWith(secrets),
  })

interface Place {
  readonly parent: Record<string, unknown>
  readonly key: string
}

const placesIn = (value: unknown, places: Place[] = []): Place[] => {
  if (typeof value !== 'object' || value === null) return places
  const parent = value as Record<string, unknown>
  for (const key of Object.keys(parent)) {
    places.push({ parent, key })
    placesIn(parent[key], places)
  }
  return places
}

const change = (json: unknown, { at, how, by }: Edit): void => {
  const places = placesIn(json)
  const place = places[at % Math.max(1, places.length)]
  if (place === undefined) return
  const { parent, key } = place
  if (how === 'replace') parent[key] = by
  else if (how === 'rename' && !Array.isArray(parent)) {
    parent[String(by)] = parent[key]
    Reflect.deleteProperty(parent, key)
  } else if (how === 'double' && Array.isArray(parent))
    parent.push(structuredClone(parent[Number(key)]))
  else if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else Reflect.deleteProperty(parent, key)
}

const edited = (body: string, edits: readonly Edit[]): string => {
  try {
    const json: unknown = JSON.parse(body)
    for (const one of edits) change(json, one)
    return unraw(JSON.stringify(json))
  } catch {
    return body
  }
}

/** Bodies made from the recorded ones of a protocol, and from nothing. */
const bodies = (protocol: string, secrets: readonly string[]): fc.Arbitrary<string> => {
  const good = recordedNames(protocol).map((name) => recorded(protocol, name).body)
  const mutated = fc
    .tuple(fc.constantFrom(...good), fc.array(editWith(secrets), { maxLength: 3 }))
    .map(([body, edits]) => edited(body, edits))
  const cut = fc
    .tuple(mutated, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([body, part]) => body.slice(0, Math.floor(body.length * part)))
  const deep = fc
    .tuple(fc.constantFrom('[', '{"latency":', '{"data":'), fc.constantFrom(1, 100, 5000))
    .map(([open, depth]) => {
      const close = open === '[' ? ']' : '}'
      return `${open.repeat(depth)}7${close.repeat(depth)}`
    })
  const nested = fc
    .tuple(mutated, deep)
    .map(([body, inner]) => body.replace(/:(null|\d+(\.\d+)?)/, `:${inner}`))
  return fc.oneof(
    { arbitrary: mutated, weight: 12 },
    { arbitrary: cut, weight: 3 },
    { arbitrary: nested, weight: 1 },
    { arbitrary: deep, weight: 1 },
    { arbitrary: fc.json({ maxDepth: 3 }), weight: 2 },
    { arbitrary: fc.string({ maxLength: 300 }), weight: 1 },
  )
}

const statuses = fc.oneof(
  { arbitrary: fc.constant(200), weight: 12 },
  { arbitrary: fc.constantFrom(202, 204, 400, 401, 422, 429, 500, 503), weight: 1 },
)

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** Replies of nearly a mebibyte, each hard in its own way. */
const large: Readonly<Record<string, string>> = {
  'one wide list': `[${'1,'.repeat(500_000)}1]`,
  'a wide list of lists': `[${'[1],'.repeat(200_000)}[1]]`,
  'points of http': `{"data":{"series":[{"name":"latency","points":[${'1,'.repeat(400_000)}1]}]}}`,
  'numbers of dynatrace': `{"result":[{"data":[{"values":[${'1,'.repeat(400_000)}1]}]}]}`,
  'points of datadog': `{"series":[{"pointlist":[${'[1,1],'.repeat(150_000)}[1,1]]}]}`,
  'records of grail': `{"state":"SUCCEEDED","result":{"records":[{"a":[${'1,'.repeat(400_000)}1]}]}}`,
  'numbers for elastic': `{"latency":{"value":[${'1,'.repeat(400_000)}1]}}`,
  'a deep object': `${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`,
  'a deep list': `${'['.repeat(500_000)}${']'.repeat(500_000)}`,
  'a long name': `{"${'latency.value.'.repeat(35_000)}":[${'1,'.repeat(200_000)}1]}`,
}

describe.each(Object.keys(protocols))('%s', (protocol) => {
  const { spec, secret, question } = protocols[protocol] ?? {}
  if (secret === undefined || question === undefined) throw new Error(`There is no ${protocol}`)
  const entries = secret('http://source.test')
  const token = recorded('dql', 'token')
  const provider = aProvider({ targetServer: 'http://source.test', ...spec })
  const range = { from: new Date(question.at.getTime() - 300_000), to: question.at, stepMs: 60_000 }

  const measure = (reply: Reply, max: boolean): Promise<Outcome> =>
    createMeasure({
      client: clientWithSecret(entries),
      fetch: ({ url }) => Promise.resolve(url.pathname === oauthPath ? token : reply),
      wait: () => Promise.resolve(),
    })(
      provider,
      max ? { ...question, range, aggregation: 'max' } : question,
      new AbortController().signal,
    )

  const secrets = Object.values(entries)

  test('no reply becomes a value that it does not hold, an exception, or a text for people', async () => {
    let values = 0
    await fc.assert(
      fc.asyncProperty(
        bodies(protocol, secrets),
        statuses,
        fc.constantFrom(false, false, true),
        async (body, status, max) => {
          const outcome = await measure({ status, body }, max)
          const said = JSON.stringify(outcome)
          if (outcome.kind === 'value') {
            values++
            expect(status).toBeLessThan(300)
            expect(holds(protocol, parsed(body), outcome.value, max)).toBe(true)
          } else {
            expect(said.length).toBeLessThan(500)
            for (const one of secrets) expect(said).not.toContain(one)
          }
        },
      ),
      { numRuns: runs },
    )
    // A test that never sees a value would prove nothing.
    expect(values).toBeGreaterThan(runs / 50)
  })

  test.each(Object.entries(large))('%s ends in an outcome', async (_name, body) => {
    const { kind } = await measure({ status: 200, body }, true)
    expect(['error', 'no-data', 'too-many-series', 'value']).toContain(kind)
  })
})
