import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { KeptnMetricsProvider } from '../../api/index.ts'
import { createAuthority, issueServerCertificate } from '../../certs/authority.ts'
import { outcomeOf } from '../../metrics/outcome.ts'
import { ProviderError, type MetricRequest } from '../../metrics/source.ts'
import {
  aProvider,
  askOnce,
  startSource,
  type AskedWith,
  type Received,
  type SourceServer,
} from '../unit/metrics/source-server.ts'

let source: SourceServer | undefined
afterEach(async () => {
  await source?.close()
  source = undefined
})

const request: MetricRequest = { query: 'sum(up{job="a"})', at: new Date('2026-01-01T00:00:00.5Z') }

type Answer = (received: Received, response: ServerResponse) => void

const ask = async (
  answer: Answer,
  options: {
    readonly spec?: Partial<KeptnMetricsProvider['spec']>
    readonly request?: MetricRequest
    readonly secret?: Readonly<Record<string, string>>
  } & Omit<AskedWith, 'secret'> = {},
) => {
  source = await startSource(answer)
  const { spec, request: asked = request, ...rest } = options
  return askOnce(aProvider({ targetServer: source.url, ...spec }), asked, rest)
}

const replying =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_received, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }

const vector = (...result: readonly unknown[]): string =>
  JSON.stringify({ status: 'success', data: { resultType: 'vector', result } })

const failureOf = async (asked: Promise<unknown>): Promise<ProviderError> => {
  const error: unknown = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(ProviderError)
  return error as ProviderError
}

const four = vector({ metric: { instance: 'a' }, value: [1767225600.5, '4.0'] })

describe('what is sent', () => {
  test('an instant query is a form in a POST, and leaves the instant to the source', async () => {
    await ask(replying(200, four), { spec: {} })
    expect(source?.received).toMatchObject([
      {
        method: 'POST',
        path: '/api/v1/query',
        parameters: { query: 'sum(up{job="a"})' },
        authorization: undefined,
      },
    ])
  })

  test.each([
    ['without a step, one value at each end', undefined, '300'],
    ['with a step', 500, '0.5'],
  ])('a query of a range, %s', async (_name, stepMs, step) => {
    const range = { from: new Date('2025-12-31T23:55:00Z'), to: new Date('2026-01-01T00:00:00Z') }
    const asked = { ...request, range: { ...range, ...(stepMs === undefined ? {} : { stepMs }) } }
    await ask(replying(200, four), { request: asked })
    expect(source?.received[0]).toMatchObject({
      path: '/api/v1/query_range',
      parameters: { start: '1767225300', end: '1767225600', step },
    })
  })

  test.each([405, 501])('after %i the same is asked with GET', async (status) => {
    const samples = await ask((received, response) => {
      replying(received.method === 'POST' ? status : 200, four)(received, response)
    })
    expect(samples).toHaveLength(1)
    expect(source?.received.map(({ method }) => method)).toEqual(['POST', 'GET'])
    expect(source?.received[1]?.parameters).toEqual(source?.received[0]?.parameters)
  })

  test('the path of the provider stays in front', async () => {
    source = await startSource(replying(200, four))
    await askOnce(aProvider({ targetServer: `${source.url}/prom/` }), request)
    expect(source.received[0]?.path).toBe('/prom/api/v1/query')
  })

  test.each(['thanos', 'cortex', 'Prometheus'])('%s is asked in the same way', async (type) => {
    expect(await ask(replying(200, four), { spec: { type } })).toHaveLength(1)
  })

  const secretKeyRef = { name: 'credentials', key: 'ignored' }
  test.each([
    ['user and password', { user: 'ann', password: 'päss' }, 'Basic YW5uOnDDpHNz'],
    ['a token', { token: 'abc\n' }, 'Bearer abc'],
    ['user before token', { user: 'ann', password: 'b', token: 'c' }, 'Basic YW5uOmI='],
  ])('credentials: %s', async (_name, secret, authorization) => {
    await ask(replying(200, four), { spec: { secretKeyRef }, secret })
    expect(source?.received[0]?.authorization).toBe(authorization)
  })

  test('credentials in the URL, as Keptn takes them', async () => {
    source = await startSource(replying(200, four))
    const targetServer = source.url.replace('http://', 'http://ann:b%40b@')
    await askOnce(aProvider({ targetServer }), request)
    expect(source.received[0]?.authorization).toBe(`Basic ${btoa('ann:b@b')}`)
  })

  test.each([
    ['is missing', undefined, 'Cannot read Secret "shop/credentials": it does not exist'],
    [
      'lacks the password',
      { user: 'ann' },
      'Cannot read Secret "shop/credentials": key "password" is missing',
    ],
  ])('nothing is sent when the Secret %s', async (_name, secret, message) => {
    const options = { spec: { secretKeyRef }, ...(secret === undefined ? {} : { secret }) }
    const error = await failureOf(ask(replying(200, four), options))
    expect(error.message).toBe(message)
    expect(source?.received).toEqual([])
  })
})

describe('replies with values', () => {
  test('a vector', async () => {
    const samples = await ask(replying(200, four))
    expect(samples).toEqual([
      { series: expect.any(String), at: new Date('2026-01-01T00:00:00.5Z'), value: 4 },
    ])
  })

  test('a matrix, in order', async () => {
    const values = [
      [1767225540, '1e+06'],
      [1767225600, '.5'],
    ]
    const data = { resultType: 'matrix', result: [{ metric: {}, values }] }
    const samples = await ask(replying(200, JSON.stringify({ status: 'success', data })))
    expect(samples.map(({ value }) => value)).toEqual([1_000_000, 0.5])
  })

  test.each([
    ['warnings', 'PromQL info: metric might not be a counter, name does not end in _total: "up"'],
    ['warnings', 'PromQL warning: quantile value should be between 0 and 1, got 2'],
    ['infos', 'PromQL info: metric might not be a counter'],
  ])('%s about the query itself take nothing from its value: %s', async (name, text) => {
    const body = { ...(JSON.parse(four) as object), [name]: [text] }
    expect(await ask(replying(200, JSON.stringify(body)))).toHaveLength(1)
  })
})

describe('replies that are no value', () => {
  const series = (count: number): unknown[] =>
    Array.from({ length: count }, (_, i) => ({ metric: { pod: String(i) }, value: [1, '1'] }))
  test.each([
    ['empty vector', vector(), { kind: 'no-data' }],
    [
      'empty series',
      '{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}}',
      { kind: 'no-data' },
    ],
    ['NaN', vector({ metric: {}, value: [1, 'NaN'] }), { kind: 'not-a-number', text: 'NaN' }],
    ['+Inf', vector({ metric: {}, value: [1, '+Inf'] }), { kind: 'not-a-number', text: '+Inf' }],
    ['two series', vector(...series(2)), { kind: 'too-many-series', series: 2 }],
    ['ten thousand series', vector(...series(10_000)), { kind: 'too-many-series', series: 10_000 }],
    [
      'two series with the same labels',
      vector({ metric: {}, value: [1, '1'] }, { metric: {}, value: [1, '2'] }),
      { kind: 'too-many-series', series: 2 },
    ],
  ])('%s', async (_name, body, outcome) => {
    expect(outcomeOf(await ask(replying(200, body)), undefined)).toEqual(outcome)
  })

  const bad = (type: string, error: string): string =>
    JSON.stringify({ status: 'error', errorType: type, error })
  const canary = 'canary-8f2d '.repeat(300)
  test.each([
    ['401', 401, canary, 'The source answered with status 401'],
    ['429', 429, canary, 'The source answered with status 429'],
    ['500', 500, canary, 'The source answered with status 500'],
    ['500 with a value in it', 500, four, 'The source answered with status 500'],
    ['400 with a value in it', 400, four, 'The source answered with status 400'],
    ['503 with JSON', 503, bad('unavailable', canary), 'The source answered with status 503'],
    [
      '400 for a bad query',
      400,
      bad('bad_data', 'parse error'),
      'The source refused the query: bad_data: parse error',
    ],
    [
      '422',
      422,
      bad('execution', 'too many samples'),
      'The source refused the query: execution: too many samples',
    ],
    ['not JSON', 200, `<html>${canary}`, 'The source answered with something that is not JSON'],
    ['nothing', 200, '', 'The source answered with something that is not JSON'],
    [
      'JSON of something else',
      200,
      '{"items":[]}',
      'The source answered with JSON that is not of the Prometheus API',
    ],
    ['null', 200, 'null', 'The source answered with JSON that is not of the Prometheus API'],
    [
      'success without data',
      200,
      '{"status":"success"}',
      'The source answered with JSON that is not of the Prometheus API',
    ],
    [
      'a scalar',
      200,
      '{"status":"success","data":{"resultType":"scalar","result":[1,"4"]}}',
      'The query answers a scalar, not a series: wrap it in vector()',
    ],
    [
      'a histogram',
      200,
      vector({ metric: {}, histogram: [1, { count: '4' }] }),
      'The query answers something else than numbers',
    ],
    [
      'a number that is empty',
      200,
      vector({ metric: {}, value: [1, ''] }),
      'The source answered with "", which is not a number',
    ],
    [
      'a number as a JSON number',
      200,
      vector({ metric: {}, value: [1, 4] }),
      'The query answers something else than numbers',
    ],
  ])('%s', async (_name, status, body, message) => {
    const error = await failureOf(ask(replying(status, body)))
    expect(error).toMatchObject({ message, status: message.includes('""') ? undefined : status })
  })

  test('a long reason of the source is cut', async () => {
    const error = await failureOf(ask(replying(400, bad('bad_data', canary))))
    expect(error.message.length).toBeLessThan(250)
    expect(error.message).toContain('bad_data: canary-8f2d')
  })

  test('a reply larger than 1 MiB is not read to its end', async () => {
    let sent = 0
    const error = await failureOf(
      ask((_received, response) => {
        const chunk = Buffer.alloc(64 * 1024, ' ')
        const pour = (): void => {
          while (!response.destroyed && sent < 10 * 1024 * 1024) {
            sent += chunk.length
            if (!response.write(chunk)) {
              response.once('drain', pour)
              return
            }
          }
          response.end()
        }
        pour()
      }),
    )
    expect(error.message).toBe('The reply is larger than 1048576 bytes')
    expect(sent).toBeLessThan(10 * 1024 * 1024)
  })

  test.each<[string, Answer]>([
    ['that never begins', () => undefined],
    [
      'that never ends',
      (_received, response) => {
        response.writeHead(200).write('{"status":')
      },
    ],
  ])('a reply %s ends at the deadline', async (_name, answer) => {
    const error = await failureOf(ask(answer, { timeoutMs: 100 }))
    expect(error.message).toMatch(/^Cannot reach http:.*: no complete reply within 0.1 s$/)
  })

  test('a reply that is cut', async () => {
    const error = await failureOf(
      ask((_received, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write(four, () => {
          response.destroy()
        })
      }),
    )
    expect(error.message).toMatch(/: the connection was closed before the reply ended$/)
  })

  test('nobody there', async () => {
    const gone = await startSource(() => undefined)
    await gone.close()
    const error = await failureOf(askOnce(aProvider({ targetServer: gone.url }), request))
    expect(error.message).toBe(`Cannot reach ${gone.url}: the connection was refused`)
  })

  test.each(['prometheus:9090', 'ftp://prometheus', '', '/api'])(
    'a provider whose address is "%s"',
    async (targetServer) => {
      const error = await failureOf(askOnce(aProvider({ targetServer }), request))
      expect(error.message).toContain('its targetServer is not a URL')
    },
  )
})

describe('TLS', () => {
  const start = async (): Promise<SourceServer> => {
    const now = new Date()
    const pair = await issueServerCertificate(await createAuthority(now), 'shop', now)
    source = await startSource(replying(200, four), pair)
    return source
  }

  test('an unknown certificate is refused before anything is sent', async () => {
    const { url, received } = await start()
    const error = await failureOf(askOnce(aProvider({ targetServer: url }), request))
    expect(error.message).toContain(
      'its certificate comes from an unknown authority (see insecureSkipTlsVerify)',
    )
    expect(received).toEqual([])
  })

  test('with insecureSkipTlsVerify it is taken, for Prometheus too, where an administrator allows that', async () => {
    const { url, received } = await start()
    const provider = aProvider({ targetServer: url, insecureSkipTlsVerify: true })
    const error = await failureOf(askOnce(provider, request))
    expect(error.message).toContain('its certificate comes from an unknown authority')
    expect(received).toEqual([])
    expect(await askOnce(provider, request, { allowsInsecureTls: true })).toHaveLength(1)
  })
})

describe('redirects', () => {
  const redirecting =
    (status: number, location: (from: Received) => string): Answer =>
    (received, response) => {
      if (received.path.startsWith('/new')) replying(200, four)(received, response)
      else replying(status, '', { location: location(received) })(received, response)
    }

  test.each([
    [301, 'POST'],
    [303, 'GET'],
    [308, 'POST'],
  ])('%i on the same host is followed with %s', async (status, method) => {
    await ask(redirecting(status, ({ path }) => `/new${path}`))
    expect(source?.received[1]).toMatchObject({ path: '/new/api/v1/query', method })
  })

  test('another host is never asked, nor is another port', async () => {
    const other = await startSource(replying(200, four))
    const secret = { user: 'ann', password: 'hunter22' }
    const error = await failureOf(
      ask(
        redirecting(302, () => `${other.url}/steal`),
        {
          spec: { secretKeyRef: { name: 'credentials', key: 'x' } },
          secret,
        },
      ),
    )
    expect(error.message).toMatch(/redirect to another place, which is not followed$/)
    expect(other.received).toEqual([])
    await other.close()
  })

  test.each(['', 'file:///etc/passwd', 'http://['])('to "%s" is refused', async (location) => {
    await failureOf(ask(replying(302, '', { location })))
  })

  test('a circle ends', async () => {
    const error = await failureOf(ask(redirecting(307, () => '/round')))
    expect(error.message).toMatch(/more than 3 redirects$/)
    expect(source?.received).toHaveLength(4)
  })
})

test('no secret is in a message, even if the source repeats it', async () => {
  const secret = { user: 'ann-the-user', password: 'hunter22!' }
  const form = Buffer.from('hunter22!').toString('base64')
  const echo = `no login ann-the-user hunter22! ${encodeURIComponent('hunter22!')} ${form} ${btoa('ann-the-user:hunter22!')}`
  const error = await failureOf(
    ask(replying(400, JSON.stringify({ status: 'error', error: echo })), {
      spec: { secretKeyRef: { name: 'credentials', key: 'x' } },
      secret,
    }),
  )
  expect(error.message).not.toMatch(/hunter22|aHVudGVyMjIh|ann-the-user/)
  expect(error.message).not.toContain(btoa('ann-the-user:hunter22!').slice(16))
  expect(error.cause).toBeUndefined()
})
