/** What each source is sent. */
import { afterEach, describe, expect, test } from '@jest/globals'
import type { KeptnMetricsProvider } from '../../api/index.ts'
import { refusal } from '../../metrics/addresses.ts'
import { createMeasure } from '../../metrics/ask.ts'
import { createFetch } from '../../metrics/fetch.ts'
import type { Outcome } from '../../metrics/outcome.ts'
import type { Question } from '../../metrics/source.ts'
import {
  aProvider,
  clientWithSecret,
  measureOnce,
  startSource,
  type Received,
  type SourceServer,
} from '../unit/metrics/source-server.ts'
import { canary, oauthPath, protocols, recorded, replay } from './recorded.ts'

let source: SourceServer | undefined
afterEach(async () => {
  await source?.close()
  source = undefined
})

const at = new Date('2026-01-01T00:00:00Z')
const from = new Date('2025-12-31T23:55:00Z')
/** A range of an analysis: long ago. */
const past = { from: new Date('2025-12-30T10:00:00Z'), to: new Date('2025-12-30T11:00:00Z') }

interface Asked {
  readonly question?: Partial<Question>
  readonly spec?: Partial<KeptnMetricsProvider['spec']>
  readonly secret?: Readonly<Record<string, string>>
  /** Appended to the address of the provider. */
  readonly path?: string
  readonly names?: readonly string[]
}

/** Asks a source that answers with these replies, the last one over and over. */
const ask = async (protocol: string, asked: Asked = {}): Promise<Outcome> => {
  const found = protocols[protocol]
  if (found === undefined) throw new Error(`There is no protocol ${protocol}`)
  const names = [...(asked.names ?? ['value'])]
  source = await startSource(({ path }, response) => {
    if (path === oauthPath) replay(response, recorded('dql', 'token'))
    else replay(response, recorded(protocol, (names.length > 1 ? names.shift() : names[0]) ?? ''))
  })
  const targetServer = `${source.url}${asked.path ?? ''}`
  return measureOnce(
    aProvider({ targetServer, ...found.spec, ...asked.spec }),
    { ...found.question, ...asked.question },
    { secret: asked.secret ?? found.secret(source.url) },
  )
}

const received = (index = 0): Received | undefined => source?.received[index]
const messageOf = (outcome: Outcome): string => (outcome.kind === 'error' ? outcome.message : '')

describe('dynatrace', () => {
  test.each<[string, Partial<Question>, Readonly<Record<string, string>>]>([
    ['now', {}, { metricSelector: 'a:b' }],
    ['a range', { range: { from, to: at } }, { metricSelector: 'a:b', from: 'now-5m' }],
    [
      'a range in steps',
      { range: { from, to: at, stepMs: 60_000 } },
      { metricSelector: 'a:b', from: 'now-5m', resolution: '1m' },
    ],
    [
      'a range in the past',
      { range: past },
      { metricSelector: 'a:b', from: '1767088800000', to: '1767092400000' },
    ],
    [
      'a selector with signs that separate parameters',
      { query: 'a:filter(eq("x","1&2=3")):fold(x=y)&entitySelector=type("HOST"),tag("a=b")' },
      {
        metricSelector: 'a:filter(eq("x","1&2=3")):fold(x=y)',
        entitySelector: 'type("HOST"),tag("a=b")',
      },
    ],
  ])('%s', async (_name, question, parameters) => {
    await ask('dynatrace', { question: { query: 'a:b', ...question } })
    expect(received()).toMatchObject({
      method: 'GET',
      path: '/api/v2/metrics/query',
      parameters,
      authorization: `Api-Token ${canary}`,
    })
    expect(received()?.parameters).toEqual(parameters)
  })

  test.each([
    ['', '/api/v2/metrics/query'],
    ['/', '/api/v2/metrics/query'],
    ['/api', '/api/v2/metrics/query'],
    ['/e/1234/api/', '/e/1234/api/v2/metrics/query'],
    ['/e/1234', '/e/1234/api/v2/metrics/query'],
  ])('an address that ends with "%s" is asked at %s', async (path, expected) => {
    await ask('dynatrace', { path })
    expect(received()?.path).toBe(expected)
  })
})

describe('dql', () => {
  test('a token first, then the query with it', async () => {
    await ask('dql', { question: { query: 'timeseries avg(x)', range: past } })
    expect(source?.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /sso/oauth2/token',
      'POST /platform/storage/query/v1/query:execute',
    ])
    expect(received()?.parameters).toMatchObject({
      grant_type: 'client_credentials',
      scope: 'storage:metrics:read environment:roles:viewer',
      client_id: `dt0s08.${canary}`,
      client_secret: expect.stringMatching(/^dt0s08\./) as unknown,
    })
    expect(received(1)?.authorization).toBe(
      'Bearer eyJhbGciOiJFUzI1NiJ9.access-token-of-the-test.c2ln',
    )
    expect(JSON.parse(received(1)?.body ?? '')).toEqual({
      query: 'timeseries avg(x)',
      timezone: 'UTC',
      locale: 'en_US',
      fetchTimeoutSeconds: 60,
      requestTimeoutMilliseconds: 1000,
      defaultTimeframeStart: '2025-12-30T10:00:00.000Z',
      defaultTimeframeEnd: '2025-12-30T11:00:00.000Z',
    })
  })

  test('the token is kept for the next query, and asked for again once it was refused', async () => {
    let refuses = false
    source = await startSource(({ path }, response) => {
      const name = path === oauthPath ? 'token' : refuses ? '401' : 'value'
      replay(response, recorded('dql', name))
    })
    const { spec, secret } = protocols['dql'] ?? {}
    const provider = aProvider({ ...spec, targetServer: source.url })
    const fetching = createFetch({ refuse: refusal({ allowed: ['127.0.0.0/8'] }) })
    const client = clientWithSecret(secret?.(source.url))
    const measure = createMeasure({ client, fetch: fetching.fetch })
    const asked = async (): Promise<number> => {
      await measure(provider, { query: 'timeseries avg(x)', at }, new AbortController().signal)
      return source?.received.filter(({ path }) => path === oauthPath).length ?? 0
    }
    expect([await asked(), await asked()]).toEqual([1, 1])
    refuses = true
    expect([await asked(), await asked()]).toEqual([1, 2])
    await fetching.close()
  })

  test('a query that takes its time is looked at again', async () => {
    const outcome = await ask('dql', { names: ['running', 'running', 'value'] })
    expect(outcome).toMatchObject({ value: '12.187500' })
    expect(received(3)).toMatchObject({
      method: 'GET',
      path: '/platform/storage/query/v1/query:poll',
      parameters: { 'request-token': 'q1BNWDgrS2ZwQ0Y=' },
    })
  })

  test('one that never ends is looked at five times', async () => {
    expect(messageOf(await ask('dql', { names: ['running'] }))).toBe(
      'The query did not end in time',
    )
    expect(source?.received.filter(({ path }) => path.endsWith('poll'))).toHaveLength(5)
  })

  const client = (token: string, authUrl?: string) => ({
    secret: { token: JSON.stringify({ token, ...(authUrl === undefined ? {} : { authUrl }) }) },
  })
  const good = `dt0s08.AB.${'x'.repeat(64)}`
  test.each<[string, Asked]>([
    ['is not JSON', { secret: { token: 'dt0s08.a.b' } }],
    ['has another token', client(`dt0c01.AB.${'x'.repeat(64)}`)],
    ['has a token that is too short', client('dt0s08.AB.xx')],
    ['has an address that is none', client(good, 'file:///etc/passwd')],
  ])('nothing is sent when the Secret %s', async (_name, asked) => {
    const message = messageOf(await ask('dql', asked))
    expect(message).toMatch(/^Cannot read Secret "shop\/credentials": key "token" /)
    expect(message).not.toMatch(/x{9}|AB/)
    expect(source?.received).toEqual([])
  })
})

describe('datadog', () => {
  test.each<[string, Partial<Question>, Readonly<Record<string, string>>]>([
    ['the last five minutes', {}, { from: '1767225300', to: '1767225600', query: 'a{*}' }],
    ['a range', { range: past }, { from: '1767088800', to: '1767092400', query: 'a{*}' }],
    [
      'a range in steps',
      { range: { from, to: at, stepMs: 60_000 } },
      { from: '1767225300', to: '1767225600', interval: '60000', query: 'a{*}' },
    ],
  ])('%s', async (_name, question, parameters) => {
    await ask('datadog', { question: { query: 'a{*}', ...question } })
    expect(received()).toMatchObject({ method: 'GET', path: '/api/v1/query' })
    expect(received()?.parameters).toEqual(parameters)
    expect(received()?.headers).toMatchObject({
      'dd-api-key': `${canary}-api`,
      'dd-application-key': `${canary}-app`,
    })
  })

  test('without one of its keys nothing is sent', async () => {
    const outcome = await ask('datadog', { secret: { DD_CLIENT_API_KEY: 'x' } })
    expect(messageOf(outcome)).toBe(
      'Cannot read Secret "shop/credentials": key "DD_CLIENT_APP_KEY" is missing',
    )
    expect(source?.received).toEqual([])
  })
})

describe('elastic', () => {
  test('the query is the body of a search, as it is', async () => {
    const query = '{"size":0,  "aggs":{}}'
    await ask('elastic', { question: { query }, path: '/logs/' })
    expect(received()).toMatchObject({
      method: 'POST',
      path: '/logs/_search',
      body: query,
      authorization: `ApiKey ${canary}`,
    })
  })

  test('where there is no Secret of that name, the key is what the provider says, as in Keptn', async () => {
    source = await startSource((_received, response) => {
      replay(response, recorded('elastic', 'value'))
    })
    const spec = { ...protocols['elastic']?.spec, targetServer: source.url }
    const secretKeyRef = { name: 'none', key: 'bGl0ZXJhbA==' }
    const question = { query: '{}', at, path: 'latency.value' }
    await measureOnce(aProvider({ ...spec, secretKeyRef }), question)
    expect(received()?.authorization).toBe('ApiKey bGl0ZXJhbA==')
  })

  test('a Secret without the entry is a mistake', async () => {
    const outcome = await ask('elastic', { secret: { other: 'x' } })
    expect(messageOf(outcome)).toBe('Cannot read Secret "shop/credentials": key "token" is missing')
    expect(source?.received).toEqual([])
  })

  test('without a path nothing is sent', async () => {
    const outcome = await ask('elastic', { question: { path: ' ' } })
    expect(messageOf(outcome)).toContain('set spec.path of the metric')
    expect(source?.received).toEqual([])
  })

  test.each<[string, string, Outcome]>([
    [
      'in full',
      'aggregations.latency.value',
      { kind: 'value', value: '123.456789', raw: '"123.456789"' },
    ],
    [
      'a run of names that is there once',
      'total.value',
      { kind: 'value', value: '1284.000000', raw: '"1284.000000"' },
    ],
    ['a run of names that is there twice', 'value', { kind: 'too-many-series', series: 2 }],
    ['a part of a name', 'atency.value', { kind: 'no-data' }],
    [
      'to a text',
      'hits.total.relation',
      { kind: 'error', message: 'What the reply holds at "hits.total.relation" is not a number' },
    ],
  ])('a path %s', async (_name, path, outcome) => {
    expect(await ask('elastic', { question: { path } })).toEqual(outcome)
  })
})

describe('http', () => {
  type Template = NonNullable<KeptnMetricsProvider['spec']['http']>
  const askWith = (http: Partial<Template>, asked: Asked = {}): Promise<Outcome> => {
    const spec = { ...protocols['http']?.spec }
    const template = { method: 'GET', path: '', valuePath: '$.none', ...http } as const
    return ask('http', { ...asked, spec: { ...spec, http: template } })
  }

  test('what is filled in is encoded for a URL', async () => {
    const path = '/q/{{query}}?q={{query}}&a={{from}}&b={{to.milliseconds}}&c={{step.seconds}}'
    await askWith({ path }, { question: { query: 'a/b&c=d #?', range: past } })
    expect(received()?.path).toBe('/q/a%2Fb%26c%3Dd%20%23%3F')
    expect(received()?.parameters).toEqual({
      q: 'a/b&c=d #?',
      a: '2025-12-30T10:00:00Z',
      b: '1767092400000',
      c: '3600',
    })
  })

  test('without a range it is about the last five minutes', async () => {
    await askWith({ path: '/?a={{from.seconds}}&b={{to.seconds}}&c={{step}}' })
    expect(received()?.parameters).toEqual({ a: '1767225300', b: '1767225600', c: '300s' })
  })

  test.each(['..', '.', '%2e%2E', '../..'])('a query "%s" leads nowhere else', async (query) => {
    await askWith({ path: '/tenants/mine/{{query}}/values' }, { question: { query } })
    for (const { path } of source?.received ?? []) expect(path).toMatch(/^\/tenants\/mine\/./)
    expect(source?.received.map(({ path }) => decodeURIComponent(path))).not.toContain(
      '/tenants/values',
    )
  })

  test.each([
    ['application/json', '{"q":"{{query}}"}', '{"q":"a\\"b\\\\\\n&"}'],
    ['application/vnd.x+json; charset=utf-8', '["{{query}}"]', '["a\\"b\\\\\\n&"]'],
    ['application/x-www-form-urlencoded', 'q={{query}}', 'q=a%22b%5C%0A%26'],
    ['text/plain', 'q={{query}}', 'q=a"b\\\n&'],
    ['application/json', ' {{query}} ', 'a"b\\\n&'],
  ])('in a body of %s', async (type, body, sent) => {
    const headers = [{ name: 'Content-Type', value: type }]
    await askWith({ method: 'POST', headers, body }, { question: { query: 'a"b\\\n&' } })
    expect(received()).toMatchObject({ method: 'POST', body: sent })
    expect(received()?.headers['content-type']).toBe(type)
  })

  test.each(['a\r\nx-evil: 1', 'a\nb', 'a\0b', 'ä'])(
    'a query of %j makes no header of its own',
    async (query) => {
      const headers = [{ name: 'X-Query', value: 'q={{query}}' }]
      const outcome = await askWith({ headers }, { question: { query } })
      expect(messageOf(outcome)).toBe(
        'Cannot put the query into the header "X-Query": it has characters that a header must not have',
      )
      expect(source?.received).toEqual([])
    },
  )

  test.each(['Host', 'Content-Length', 'Transfer-Encoding', 'connection'])(
    'the header %s is not sent, whatever the provider says',
    async (name) => {
      const outcome = await askWith({ headers: [{ name, value: '7' }] })
      expect(messageOf(outcome)).toContain(`the header "${name}"`)
      expect(source?.received).toEqual([])
    },
  )

  const secret = { token: canary, user: 'ann', password: 'b:c' }
  test.each<[string, NonNullable<Template['auth']>, string, string]>([
    ['as a bearer token', { type: 'bearer' }, 'authorization', `Bearer ${canary}`],
    ['as a header', { type: 'header', header: 'X-Api-Key' }, 'x-api-key', canary],
    ['as Basic', { type: 'basic' }, 'authorization', `Basic ${btoa('ann:b:c')}`],
  ])('the Secret is sent %s', async (_name, auth, header, value) => {
    await askWith({ auth }, { secret })
    expect(received()?.headers[header]).toBe(value)
  })

  test('a Secret with a line break makes no header of its own', async () => {
    const auth = { type: 'header', header: 'X-Api-Key' } as const
    const outcome = await askWith({ auth }, { secret: { token: 'hunter22\r\nx-evil: 1' } })
    expect(messageOf(outcome)).toContain('characters that a header must not have')
    expect(messageOf(outcome)).not.toContain('hunter22')
    expect(source?.received).toEqual([])
  })

  test('a placeholder that there is not', async () => {
    expect(messageOf(await askWith({ path: '/?q={{qery}}' }))).toContain(
      'Cannot fill in {{qery}}: there are {{query}}, {{from}}',
    )
  })

  test.each(['$..value', '$[0,1]', '$[?@.a[?@.b]]', '$[?match(@.a, "(a+)+")]', 'value', '$.a b'])(
    'the path %s is not taken',
    async (path) => {
      const spec = { ...protocols['http']?.spec, http: { method: 'GET', path: '' } as const }
      const outcome = await ask('http', { spec, question: { path } })
      expect(messageOf(outcome)).toContain('it must be a JSONPath of names')
      expect(source?.received).toEqual([])
    },
  )

  test("a metric's own path, where the provider has none", async () => {
    const spec = { ...protocols['http']?.spec, http: { method: 'GET', path: '' } as const }
    const path = '$.data.series[1].points[0]["value"]'
    expect(await ask('http', { spec, question: { path } })).toMatchObject({ value: '0' })
  })
})
