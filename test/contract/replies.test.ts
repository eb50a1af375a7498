/** Every recorded reply of every protocol, and what it comes to. */
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Outcome } from '../../metrics/outcome.ts'
import {
  aProvider,
  measureOnce,
  startSource,
  type AskedWith,
  type SourceServer,
} from '../unit/metrics/source-server.ts'
import {
  canary,
  oauthPath,
  protocols,
  recorded,
  recordedNames,
  replay,
  type Recorded,
} from './recorded.ts'

let source: SourceServer | undefined
afterEach(async () => {
  await source?.close()
  source = undefined
})

/** Asks a source that answers so, and grants every token. */
const measure = async (
  protocol: string,
  answer: (response: ServerResponse, path: string) => void,
  options: AskedWith & { readonly withAggregation?: boolean } = {},
): Promise<Outcome> => {
  const found = protocols[protocol]
  if (found === undefined) throw new Error(`There is no protocol ${protocol}`)
  source = await startSource(({ path }, response) => {
    if (path === oauthPath) replay(response, recorded('dql', 'token'))
    else answer(response, path)
  })
  const { withAggregation = false, ...rest } = options
  const { question, rangePath, secret } = found
  const spec = { ...found.spec, maxSampleAge: '10m' }
  const { at } = question
  const range = { from: new Date(at.getTime() - 300_000), to: at, stepMs: 60_000 }
  const path = rangePath === undefined ? {} : { path: rangePath }
  const asked = withAggregation
    ? { ...question, ...path, range, aggregation: 'avg' as const }
    : question
  return measureOnce(aProvider({ targetServer: source.url, ...spec }), asked, {
    secret: secret(source.url),
    ...rest,
  })
}

const noData = { kind: 'no-data' } as const
const error = (message: string) => ({ kind: 'error', message }) as const
const status = (code: number) => error(`The source answered with status ${code}`)
const refused = (why: string) => error(`The source refused the query: ${why}`)
const notJson = error('The source answered with something that is not JSON')
const unlike = (api: string) => error(`The source answered with JSON that is not of the ${api}`)
const tooMany = (series: number) => ({ kind: 'too-many-series', series }) as const
const value = (text: string, raw = JSON.stringify(text)) =>
  ({ kind: 'value', value: text, raw }) as const
const notANumber = (text: string) => ({ kind: 'not-a-number', text }) as const
const aDayOld = (at: string) => ({ kind: 'stale', newest: new Date(at) }) as const

const outcomes: Readonly<Record<string, Readonly<Record<string, Outcome>>>> = {
  prometheus: {
    value: value('89.11612546345219'),
    range: value('2.2083333333333335', '["1.5","2.5","3","3.25","2","1"]'),
    'no-data': noData,
    'several-series': tooMany(2),
    'null-values': error('The query answers something else than numbers'),
    'not-a-number': notANumber('NaN'),
    stale: aDayOld('2025-12-31T00:00:00Z'),
    // A querier of Thanos that could not ask one of its stores, and two notes of Prometheus on the query.
    partial: error(
      'The source answered in part: receive series from Addr: store-1:10901 MinTime: 0 MaxTime: 1767225600000: rpc error: code = Unavailable desc = connection refused',
    ),
    notes: value('89.11612546345219'),
    'bad-query': refused(
      'bad_data: invalid parameter "query": 1:5: parse error: unexpected end of input in aggregation',
    ),
    401: status(401),
    403: status(403),
    429: status(429),
    500: status(500),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': unlike('Prometheus API'),
  },
  dynatrace: {
    value: value('43.250000', '["36.500000","50.000000"]'),
    range: value('2.5833333333333335', '["1.250000","2.500000","4.000000"]'),
    'no-data': noData,
    'several-series': value(
      '30.000000',
      '["10.000000","20.000000","30.000000","40.000000","50.000000"]',
    ),
    'null-values': noData,
    'not-a-number': unlike('Dynatrace Metrics API'),
    stale: aDayOld('2025-12-31T00:00:00Z'),
    'bad-query': refused('Constraints violated.'),
    401: refused('Token Authentication failed'),
    403: refused('Token is missing required scope. Use one of: metrics.read (Read metrics)'),
    429: refused('Too many requests'),
    500: refused('Internal Server Error'),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': unlike('Dynatrace Metrics API'),
  },
  dql: {
    value: value('12.187500'),
    range: value('2.5833333333333335', '["1.250000","2.500000","4.000000"]'),
    'no-data': noData,
    'several-series': value('3.000000'),
    'null-values': noData,
    'empty-array': noData,
    'not-a-number': notANumber('+Inf'),
    // A list with a gap, then one without: that is another measurement.
    'gap-then-numbers': noData,
    'too-large-then-numbers': notANumber('+Inf'),
    // The dimensions of a series come before its numbers.
    dimensions: value('7.000000'),
    stale: aDayOld('2025-12-31T00:00:00Z'),
    'bad-query': refused('PARSE_ERROR'),
    running: error('The query did not end in time'),
    failed: error('The query ended as FAILED'),
    // Not all of it was looked at: a mean of the rest would be a number about something else.
    cut: error(
      'The source answered in part: SCAN_LIMIT_GBYTES: The scan was stopped after 500 gigabytes',
    ),
    'cut-untyped': error('The source answered in part: Your result is incomplete'),
    notified: value('12.187500'),
    401: refused('Authentication failed'),
    403: refused('NOT_AUTHORIZED_FOR_TABLE'),
    429: refused('Too many concurrent queries'),
    500: refused('Internal Server Error'),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': unlike('Grail query API'),
    token: unlike('Grail query API'),
  },
  datadog: {
    value: value('89.116', '["89.115541","89.132517","89.100142"]'),
    range: value('2.5833333333333335', '["1.250000","2.500000","4.000000"]'),
    'no-data': noData,
    'several-series': value('15', '["10.000000","20.000000"]'),
    'null-values': noData,
    'empty-pointlist': noData,
    'not-a-number': unlike('Datadog API'),
    stale: aDayOld('2025-12-31T00:00:00Z'),
    'bad-query': refused("Rule 'timeseries_fn_expr' didn't match at ', 1)' (line 1, column 22)."),
    401: refused('Unauthorized'),
    403: refused('Forbidden'),
    429: refused('Rate limit of 600 requests in 3600 seconds reached. Please try again later.'),
    500: refused('Internal error'),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': unlike('Datadog API'),
  },
  elastic: {
    value: value('123.456789'),
    range: value('2.5833333333333335', '["1.250000","2.500000","4.000000"]'),
    'no-data': noData,
    'several-series': tooMany(2),
    'null-values': noData,
    'not-a-number': notANumber('NaN'),
    // The path is there in full, and once more at the end of another.
    'two-places': value('5.000000'),
    nameless: value('5.000000'),
    'not-all-shards': error('The search was not done on all of the data'),
    'timed-out': error('The search was not done on all of the data'),
    'bad-query': refused('parsing_exception: unknown query [mtach] did you mean [match]?'),
    401: refused(
      'security_exception: missing authentication credentials for REST request [/_search]',
    ),
    403: refused(
      'security_exception: action [indices:data/read/search] is unauthorized for API key',
    ),
    429: refused(
      'circuit_breaking_exception: [parent] Data too large, data for [<http_request>] would be larger than the limit',
    ),
    500: refused('search_phase_execution_exception: all shards failed'),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': noData,
  },
  http: {
    value: value('12.5'),
    range: value('2.5833333333333335', '["1.25","2.5","4"]'),
    'no-data': noData,
    'several-series': tooMany(2),
    'null-values': noData,
    'not-a-number': notANumber('NaN'),
    text: error('What the reply holds at the path to the number is not a number'),
    401: status(401),
    403: status(403),
    429: status(429),
    500: status(500),
    'not-json': notJson,
    'empty-body': notJson,
    'empty-object': noData,
  },
}

describe.each(Object.keys(protocols))('%s', (protocol) => {
  const expected = Object.entries(outcomes[protocol] ?? {})

  test('every recorded reply is told about', () => {
    expect(expected.map(([name]) => name).toSorted()).toEqual(
      [...recordedNames(protocol)].toSorted(),
    )
  })

  test.each(expected)('%s', async (name, outcome) => {
    const reply = recorded(protocol, name)
    const answer = (response: ServerResponse): void => {
      replay(response, reply)
    }
    expect(await measure(protocol, answer, { withAggregation: name === 'range' })).toEqual(outcome)
  })

  const good = recorded(protocol, 'value')

  test('where the provider sets no limit, old numbers count', async () => {
    const { spec, question, secret } = protocols[protocol] ?? {}
    const server = await startSource(({ path }, response) => {
      replay(response, path === oauthPath ? recorded('dql', 'token') : good)
    })
    const provider = aProvider({ targetServer: server.url, ...spec })
    const years = { ...question, query: '', at: new Date('2030-01-01T00:00:00Z') }
    const options = { secret: secret?.(server.url) ?? {} }
    expect(await measureOnce(provider, years, options)).toEqual(outcomes[protocol]?.['value'])
    await server.close()
  })

  test('a reply that comes too late', async () => {
    const outcome = await measure(protocol, () => undefined, { timeoutMs: 100 })
    expect(outcome).toEqual({
      kind: 'error',
      message: `Cannot reach ${source?.url ?? ''}: no complete reply within 0.1 s`,
    })
  })

  test('a reply that never ends', async () => {
    const half = (response: ServerResponse): void => {
      response.writeHead(200, good.headers).write(good.body.slice(0, 40))
    }
    const outcome = await measure(protocol, half, { timeoutMs: 100 })
    expect(outcome.kind).toBe('error')
    expect(JSON.stringify(outcome)).toContain('no complete reply within 0.1 s')
  })

  test('a reply that is cut in the middle is asked for twice more', async () => {
    const half = Math.floor(good.body.length / 2)
    const outcome = await measure(protocol, (response) => {
      const headers = { ...good.headers, 'content-length': Buffer.byteLength(good.body) }
      response.writeHead(200, headers).write(good.body.slice(0, half), () => {
        response.destroy()
      })
    })
    expect(outcome).toEqual({
      kind: 'error',
      message: `Cannot reach ${source?.url ?? ''}: the connection was closed before the reply ended`,
    })
    expect(source?.received.filter(({ path }) => path !== oauthPath)).toHaveLength(3)
  })

  test('JSON that ends in its middle, in a reply that is complete', async () => {
    const cut: Recorded = { ...good, body: good.body.slice(0, -10) }
    const outcome = await measure(protocol, (response) => {
      replay(response, cut)
    })
    expect(outcome).toEqual(notJson)
  })

  test.each([429, 502, 503, 504])('after %i and a moment the answer counts', async (busy) => {
    let asked = 0
    const outcome = await measure(protocol, (response) => {
      replay(response, asked++ === 0 ? { status: busy, headers: {}, body: '' } : good)
    })
    expect(outcome).toEqual(outcomes[protocol]?.['value'])
    expect(asked).toBe(2)
  })

  test('a reply that cannot be read is logged in the words of Keptn', async () => {
    const lines: unknown[] = []
    const log = { warn: (...line: readonly unknown[]) => lines.push(line) }
    await measure(
      protocol,
      (response) => {
        replay(response, recorded(protocol, 'not-json'))
      },
      { log },
    )
    const fields = { provider: 'shop/prom', status: 200 }
    expect(lines).toEqual([[fields, 'Error while parsing response']])
  })

  test('500 is no reason to ask again', async () => {
    await measure(protocol, (response) => {
      replay(response, recorded(protocol, '500'))
    })
    expect(source?.received.filter(({ path }) => path !== oauthPath)).toHaveLength(1)
  })

  test('nor is the half of a Secret at which a long text is cut', async () => {
    const [secret = ''] = Object.values(protocols[protocol]?.secret('http://x') ?? {})
    // Blanks become one, so that the end of what is looked at comes into the message.
    const said = `${' '.repeat(10_000 - canary.length + 1)}${secret.padEnd(20_000)}`
    const body = JSON.stringify({ error: { message: said, reason: said } })
    for (const text of [body, JSON.stringify({ status: 'error', error: said })]) {
      const outcome = await measure(protocol, (response) => {
        replay(response, { status: 400, headers: {}, body: text })
      })
      expect(JSON.stringify(outcome)).not.toContain('canar')
      await source?.close()
    }
  })

  test('what a source repeats of a Secret is not in the message', async () => {
    const secrets = Object.values(protocols[protocol]?.secret('http://x') ?? {})
    const forms = secrets.flatMap((secret) => [secret, btoa(secret), encodeURIComponent(secret)])
    const said = `${'a'.repeat(180)} ${forms.join(' ')}`
    for (const body of [{ error: { message: said, reason: said } }, { error: said }]) {
      const reply = { status: 400, headers: {}, body: JSON.stringify(body) }
      const outcome = await measure(protocol, (response) => {
        replay(response, reply)
      })
      expect(outcome.kind).toBe('error')
      expect(JSON.stringify(outcome)).not.toMatch(/canar|Y2Fu|ZHQwczA4/)
      await source?.close()
    }
  })
})
