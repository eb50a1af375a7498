import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import { nameRefusal, refusal } from '../../../metrics/addresses.ts'
import { createFetch } from '../../../metrics/fetch.ts'
import { goesDirect, isNoProxyEntry, usualNoProxy } from '../../../metrics/proxy.ts'
import { explain, type Outcome } from '../../../metrics/outcome.ts'
import { eventually } from '../../eventually.ts'
import { startProxy, type ProxyServer, type Treatment } from './proxy-server.ts'
import { aProvider, measureOnce, startSource, type SourceServer } from './source-server.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const one = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [1767225600, '42'] }] },
})
type Answer = Parameters<typeof startSource>[0]
const answerOne: Answer = (_received, response) => response.end(one)

const sourceOf = async (
  answer: Answer = answerOne,
  tls?: Parameters<typeof startSource>[1],
): Promise<SourceServer & { readonly port: number }> => {
  const source = await startSource(answer, tls)
  closing.push(source.close)
  return { ...source, port: Number(new URL(source.url).port) }
}

const proxyTo = async (treat: (place: string) => Treatment): Promise<ProxyServer> => {
  const proxy = await startProxy(treat)
  closing.push(proxy.close)
  return proxy
}

/** What is set for a query that goes through a proxy. */
interface Choice {
  readonly noProxy?: readonly string[]
  readonly credentials?: () => Promise<string>
  readonly only?: readonly string[]
  readonly insecure?: boolean
  readonly timeoutMs?: number
}

const nothingIsResolved = (): never => {
  throw new Error("A name was looked up that is the proxy's business")
}

const measureThrough = async (
  url: URL,
  targetServer: string,
  { noProxy = [], credentials, only = [], insecure = false, timeoutMs = 5000 }: Choice = {},
): Promise<Outcome> => {
  const login = credentials === undefined ? {} : { credentials }
  const through = { proxy: { url, noProxy, ...login }, refuseName: nameRefusal({ only }) }
  return measureOnce(
    aProvider({ targetServer, insecureSkipTlsVerify: insecure }),
    { query: 'up', at: new Date('2026-01-01T00:00:00Z') },
    {
      through,
      refuse: refusal({ only, apiServer: () => [{ address: '203.0.113.1' }] }),
      resolve: nothingIsResolved,
      allowsInsecureTls: insecure,
      timeoutMs,
    },
  )
}

const value = { kind: 'value', value: '42', raw: '"42"' }

describe('a source behind a proxy', () => {
  test('is asked in a tunnel, by its name, for plain HTTP as well', async () => {
    const source = await sourceOf()
    const proxy = await proxyTo(() => ({ port: source.port }))
    expect(await measureThrough(proxy.url, 'http://prom.example.com')).toEqual(value)
    expect(proxy.asked).toEqual([{ place: 'prom.example.com:80', login: undefined }])
    expect(source.received).toHaveLength(1)
  })

  test('proves who it is to us, not to the proxy, which reads nothing', async () => {
    const now = new Date()
    const pair = await issueServerCertificate(await createAuthority(now), 'shop', now)
    const source = await sourceOf(answerOne, pair)
    const proxy = await proxyTo(() => ({ port: source.port }))
    expect(await measureThrough(proxy.url, 'https://prom.example.com')).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('its certificate'),
    })
    expect(source.received).toEqual([])
    const insecure = await measureThrough(proxy.url, 'https://prom.example.com', { insecure: true })
    expect(insecure).toEqual(value)
    expect(proxy.asked[0]?.place).toBe('prom.example.com:443')
    expect(proxy.passed()).not.toContain('/api/v1/query')
  })

  test('is asked with the credentials of the proxy, as they are at that moment', async () => {
    const source = await sourceOf()
    const proxy = await proxyTo(() => ({ port: source.port }))
    let now = 'us:first\n'
    const credentials = () => Promise.resolve(now)
    await measureThrough(proxy.url, 'http://prom.example.com', { credentials })
    now = 'us:second'
    await measureThrough(proxy.url, 'http://prom.example.com', { credentials })
    const logins = ['us:first', 'us:second'].map(
      (login) => `Basic ${Buffer.from(login).toString('base64')}`,
    )
    expect(proxy.asked.map(({ login }) => login)).toEqual(logins)
    expect(JSON.stringify(source.received.map(({ headers }) => headers))).not.toContain('proxy-')
  })

  test('is followed no further than without one', async () => {
    const source = await sourceOf((_received, response) => {
      response.writeHead(302, { location: 'http://other.example.com/' }).end()
    })
    const proxy = await proxyTo(() => ({ port: source.port }))
    expect(await measureThrough(proxy.url, 'http://prom.example.com')).toMatchObject({
      message: expect.stringContaining('redirect to another place'),
    })
    expect(proxy.asked.map(({ place }) => place)).toEqual(['prom.example.com:80'])
  })

  test('has its reply cut at the same size', async () => {
    const source = await sourceOf((_received, response) => response.end('['.repeat(2_000_000)))
    const proxy = await proxyTo(() => ({ port: source.port }))
    expect(await measureThrough(proxy.url, 'http://prom.example.com')).toMatchObject({
      message: 'The reply is larger than 1048576 bytes',
    })
  })

  test('delays no other while its tunnel hangs', async () => {
    const source = await sourceOf()
    const proxy = await proxyTo((place) =>
      place.startsWith('slow') ? 'silent' : { port: source.port },
    )
    const { fetch, close } = createFetch({
      refuse: refusal({}),
      through: { proxy: { url: proxy.url, noProxy: [] }, refuseName: nameRefusal({}) },
    })
    closing.push(close)
    const ending = new AbortController()
    const ask = (host: string): Promise<number> =>
      fetch(
        {
          url: new URL(`http://${host}.example.com`),
          method: 'GET',
          headers: {},
          insecureSkipTlsVerify: false,
          leftMs: () => 20_000,
        },
        ending.signal,
      ).then(({ status }) => status)
    const slow = Promise.allSettled(Array.from({ length: 20 }, () => ask('slow')))
    await eventually(() => expect(proxy.asked).toHaveLength(20))
    expect(await ask('prom')).toBe(200)
    ending.abort()
    expect((await slow).map(({ status }) => status)).not.toContain('fulfilled')
  })
})

describe('what is refused, the proxy is never asked for', () => {
  let proxy: ProxyServer
  beforeEach(async () => {
    proxy = await proxyTo(() => ({ status: 500 }))
  })

  test.each([
    ['metadata', 'http://169.254.169.254'],
    ['metadata in another form', 'http://2852039166'],
    ['metadata in IPv6', 'http://[fd00:ec2::254]'],
    ['the API server', 'https://203.0.113.1'],
    ['this machine, with a name before', 'http://me.localhost'],
    ['metadata by their name', 'http://metadata.google.internal'],
    ['the API server by its name', 'https://kubernetes.default'],
    ['the same with a dot', 'https://kubernetes.default.svc.'],
  ])('%s: %s', async (_name, targetServer) => {
    const outcome = await measureThrough(proxy.url, targetServer)
    expect(outcome).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('Cannot connect to'),
    })
    expect(outcome).not.toHaveProperty('byProxy')
    expect(proxy.asked).toEqual([])
  })

  test('nor for a name that the administrator has not listed, whatever ranges are', async () => {
    const only = ['*.example.com', '::/0', '0.0.0.0/0']
    expect(await measureThrough(proxy.url, 'http://prom.example.org', { only })).toMatchObject({
      message: expect.stringContaining('not among the sources'),
    })
    expect(proxy.asked).toEqual([])
    await measureThrough(proxy.url, 'http://prom.example.com', { only })
    expect(proxy.asked).not.toEqual([])
  })

  test('and what is asked without it has its address checked', async () => {
    const noProxy = ['169.254.0.0/16']
    expect(await measureThrough(proxy.url, 'http://169.254.169.254', { noProxy })).toMatchObject({
      message: expect.stringContaining('metadata addresses are refused'),
    })
    expect(proxy.asked).toEqual([])
  })
})

describe('a proxy that makes no tunnel is told as what failed', () => {
  const failing = async (treat: Treatment, set: Choice = {}) => {
    const proxy = await proxyTo(() => treat)
    const outcome = await measureThrough(proxy.url, 'http://prom.example.com', set)
    if (outcome.kind === 'value') throw new Error('It has a value')
    const { reason, message } = explain(outcome)
    return { reason, message: message.replace(proxy.url.origin, 'P'), asked: proxy.asked.length }
  }
  const begin = 'Cannot connect to "prom.example.com" through the proxy P:'

  test.each<[number, string, number]>([
    [407, 'it answered with status 407: its credentials are missing or wrong', 1],
    [403, 'it answered with status 403', 1],
    [502, 'it answered with status 502', 3],
  ])('with status %d', async (status, why, asked) => {
    const credentials = () => Promise.resolve('us:password')
    expect(await failing({ status }, { credentials })).toEqual({
      reason: 'ProxyFailed',
      message: `${begin} ${why}`,
      asked,
    })
  })

  test('when it can not be reached', async () => {
    const gone = await startProxy(() => 'silent')
    await gone.close()
    expect(await measureThrough(gone.url, 'http://prom.example.com')).toEqual({
      kind: 'error',
      byProxy: true,
      message: `Cannot connect to "prom.example.com" through the proxy ${gone.url.origin}: the connection was refused`,
    })
  })

  test('when its credentials can not be read', async () => {
    const credentials = () => Promise.reject(new Error('/secret/place is missing'))
    expect(await failing({ status: 407 }, { credentials })).toEqual({
      reason: 'ProxyFailed',
      message: `${begin} its credentials could not be read`,
      asked: 0,
    })
  })
})

describe('which hosts are asked without the proxy', () => {
  test.each<[entry: string, host: string, port: number, isDirect: boolean]>([
    ['example.com', 'example.com', 80, true],
    ['example.com', 'EXAMPLE.com.', 80, true],
    ['example.com', 'prom.example.com', 80, true],
    ['example.com', 'badexample.com', 80, false],
    ['.example.com', 'prom.example.com', 80, true],
    ['.example.com', 'example.com', 80, false],
    ['*.example.com', 'prom.example.com', 80, true],
    ['*.example.com', 'example.com', 80, false],
    ['example.com:8080', 'example.com', 8080, true],
    ['example.com:8080', 'example.com', 80, false],
    ['10.0.0.0/8', '10.1.2.3', 80, true],
    ['10.0.0.0/8', '11.1.2.3', 80, false],
    ['10.0.0.0/8', 'ten.example.com', 80, false],
    ['10.1.2.3', '10.1.2.3', 80, true],
    ['10.1.2.3:8080', '10.1.2.3', 80, false],
    ['fd00::/8', 'fd00::1', 80, true],
    ['[fd00::1]:80', 'fd00::1', 80, true],
    ['[fd00::1]:80', 'fd00::1', 81, false],
    ['*', 'example.com', 443, true],
    ['.svc', 'localhost', 80, true],
    ['.svc', '127.3.4.5', 80, true],
    ['.svc', '::1', 80, true],
  ])('with "%s", %s:%d: %s', (entry, host, port, isDirect) => {
    expect(isNoProxyEntry(entry)).toBe(true)
    expect(goesDirect([entry])(host, port)).toBe(isDirect)
  })

  test.each(['prom.monitoring.svc', 'prom.monitoring.svc.cluster.local', '10.96.0.10', 'fd00::9'])(
    'usually %s is',
    (host) => {
      expect(goesDirect(usualNoProxy)(host, 9090)).toBe(true)
    },
  )

  test.each(['prom.example.com', '203.0.113.9', 'prom.monitoring'])('usually %s is not', (host) => {
    expect(goesDirect(usualNoProxy)(host, 9090)).toBe(false)
  })

  test.each(['http://example.com', 'example.com:port', '10.0.0.0/33', '', 'a b'])(
    '"%s" may not be in the list',
    (entry) => {
      expect(isNoProxyEntry(entry)).toBe(false)
    },
  )
})
