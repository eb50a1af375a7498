import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { trustOf, type User } from '../../../../metrics/custom-metrics/front-proxy.ts'
import { createAuthorities, measured, metric, now, startServer, type Pair } from './world.ts'

const day = 24 * 60 * 60 * 1000
const values = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/keptnmetrics.metrics.keptn.sh'
const authorities = createAuthorities()
let proxyAuthority: Pair
let pairs: Readonly<
  Record<
    'serving' | 'proxy' | 'otherName' | 'stranger' | 'forged' | 'outlived' | 'user' | 'server',
    Pair
  >
>
let data: Readonly<Record<string, string>>
let server: Awaited<ReturnType<typeof startServer>>

beforeAll(() => {
  proxyAuthority = authorities.authority('proxies')
  const users = authorities.authority('users')
  authorities.authority('strangers')
  authorities.authority('forgers', 90, '/CN=proxies')
  const brief = authorities.authority('brief', 10)
  pairs = {
    serving: authorities.authority('serving'),
    proxy: authorities.signed('proxies', 'proxy', '/CN=front-proxy-client'),
    otherName: authorities.signed('proxies', 'other', '/CN=somebody'),
    stranger: authorities.signed('strangers', 'stranger', '/CN=front-proxy-client'),
    forged: authorities.signed('forgers', 'forged', '/CN=front-proxy-client'),
    outlived: authorities.signed('brief', 'outlived', '/CN=front-proxy-client'),
    user: authorities.signed('users', 'user', '/O=team/O=shop/CN=jane'),
    server: authorities.signed('proxies', 'server', '/CN=front-proxy-client', 'serverAuth'),
  }
  data = {
    'client-ca-file': users.cert,
    'requestheader-client-ca-file': `${proxyAuthority.cert}${brief.cert}`,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  }
})
afterAll(() => authorities.remove())
afterEach(() => server.close())

const jane: User = { username: 'jane', groups: ['team', 'shop'], extra: {} }
const asRoot = { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' }
const start = async (options: Partial<Parameters<typeof startServer>[0]> = {}) => {
  server = await startServer({
    metrics: [metric('shop', 'load', measured('7'))],
    serving: pairs.serving,
    data,
    // Certificates of these tests were made just now.
    now: () => new Date(),
    mayDo: () => true,
    ...options,
  })
  return server
}
const path = '/apis/custom.metrics.k8s.io'
const unauthorized = {
  status: 401,
  body: { kind: 'Status', status: 'Failure', reason: 'Unauthorized', code: 401 },
}

describe('who asks', () => {
  test('is who a front proxy names, with groups, uid and extras', async () => {
    const { ask, reviewed } = await start()
    const headers = {
      'X-Remote-User': 'joe',
      'X-Remote-Uid': '42',
      'X-Remote-Group': ['a, b', 'c'],
      'X-Remote-Extra-Scopes%2fall': ['one', 'two'],
    }
    expect(await ask(path, { pair: pairs.proxy, headers })).toMatchObject({ status: 200 })
    expect(reviewed).toEqual([
      {
        user: {
          username: 'joe',
          uid: '42',
          groups: ['a, b', 'c'],
          extra: { 'scopes/all': ['one', 'two'] },
        },
        attributes: { path, verb: 'get' },
      },
    ])
  })

  test('is believed from each of several authorities', async () => {
    const { ask } = await start()
    const by = { pair: pairs.outlived, headers: asRoot }
    expect(await ask(path, by)).toMatchObject({ status: 200 })
  })

  test('is whom their own certificate names, whatever the headers say', async () => {
    const { ask, reviewed } = await start()
    await ask(path, { pair: pairs.user, headers: asRoot })
    expect(reviewed.map(({ user }) => user)).toEqual([jane])
  })

  test('is whose token it is, whatever the headers say', async () => {
    const { ask, reviewed } = await start({ tokens: { secret: jane } })
    await ask(path, { headers: { ...asRoot, authorization: 'Bearer secret' } })
    expect(reviewed.map(({ user }) => user)).toEqual([jane])
  })

  test.each<[string, { readonly pair?: keyof typeof pairs; readonly inMs?: number }]>([
    ['no certificate', {}],
    ['a certificate of another authority', { pair: 'stranger' }],
    ['a certificate of an authority of the same name', { pair: 'forged' }],
    ['a certificate of an authority that has expired', { pair: 'outlived', inMs: 20 * day }],
    ['a certificate with a name that is not allowed', { pair: 'otherName' }],
    ['a certificate that is for servers', { pair: 'server' }],
    ['a certificate that has expired', { pair: 'proxy', inMs: 31 * day }],
    ['a certificate that is not valid yet', { pair: 'proxy', inMs: -day }],
  ])('is not believed from headers with %s', async (_, { pair, inMs = 0 }) => {
    const { ask, reviewed } = await start({ now: () => new Date(Date.now() + inMs) })
    const by = { ...(pair && { pair: pairs[pair] }), headers: asRoot }
    for (const each of [path, `${values}/load/load`, '/openapi/v2', '/nowhere']) {
      expect(await ask(each, by)).toMatchObject(unauthorized)
    }
    expect(reviewed).toEqual([])
  })

  test('is nobody without a user name, with a wrong token, or with an expired certificate', async () => {
    const { ask } = await start({ tokens: { secret: jane } })
    expect(await ask(path, { pair: pairs.proxy })).toMatchObject(unauthorized)
    const headers = { authorization: 'Bearer wrong' }
    expect(await ask(path, { headers })).toMatchObject(unauthorized)
    await server.close()
    const later = await start({ now: () => new Date(Date.now() + 31 * day) })
    expect(await later.ask(path, { pair: pairs.user })).toMatchObject(unauthorized)
  })

  test('follows a change of the authorities at once', async () => {
    const { ask, trust } = await start()
    const by = { pair: pairs.proxy, headers: asRoot }
    expect(await ask(path, by)).toMatchObject({ status: 200 })
    trust.now = trustOf({ data: { ...data, 'requestheader-client-ca-file': pairs.serving.cert } })
    expect(await ask(path, by)).toMatchObject(unauthorized)
    trust.now = trustOf({ data: { ...data, 'requestheader-allowed-names': '[]' } })
    const other = await ask(path, { ...by, pair: pairs.otherName })
    expect(other).toMatchObject({ status: 200 })
  })
})

describe('what they may do', () => {
  test('is asked in the words of rights', async () => {
    const { ask, reviewed } = await start()
    await ask(`${values}/load/load`, { pair: pairs.user })
    await ask('/apis/custom.metrics.k8s.io/v1beta1/keptnmetrics.metrics.keptn.sh/*/load', {
      pair: pairs.user,
    })
    const common = { verb: 'get', group: 'custom.metrics.k8s.io', subresource: 'load' }
    const resource = 'keptnmetrics.metrics.keptn.sh'
    expect(reviewed.map(({ attributes }) => attributes)).toEqual([
      { ...common, version: 'v1beta2', namespace: 'shop', resource, name: 'load' },
      { ...common, version: 'v1beta1', resource, name: '*' },
      { ...common, version: 'v1beta1', resource, subresource: '*' },
    ])
  })

  test.each([
    ['another metric in the path', `${values}/secret/load`],
    [
      'another resource in the path',
      `${values.replace('keptnmetrics.metrics.keptn.sh', 'pods')}/secret/load`,
    ],
    ['all of them', `${values}/*/load`],
  ])('is not more by asking for %s', async (_, to) => {
    const { ask } = await start({
      now: () => now,
      metrics: [
        metric('shop', 'load', measured('7')),
        metric('shop', 'secret', measured('8'), { team: 'a' }),
      ],
      mayDo: (_user, attributes) =>
        'subresource' in attributes && attributes.subresource === 'load',
    })
    expect(await ask(`${values}/load/load`, { pair: pairs.user })).toMatchObject({ status: 200 })
    expect(await ask(to, { pair: pairs.user })).toMatchObject({ status: 403 })
  })

  test('is all that the path says, and all that is answered', async () => {
    const { ask } = await start({
      mayDo: (_user, attributes) => !('resource' in attributes) || attributes.resource !== 'pods',
    })
    const pods = `${values.replace('keptnmetrics.metrics.keptn.sh', 'pods')}/load/load`
    expect(await ask(pods, { pair: pairs.user })).toMatchObject({ status: 403 })
  })

  test('is refused with a Status that says what', async () => {
    const { ask } = await start({ mayDo: () => false })
    const refused = await ask(`${values}/load/load`, { pair: pairs.user })
    expect(refused).toMatchObject({
      status: 403,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: 'Forbidden',
        code: 403,
        message:
          'keptnmetrics.metrics.keptn.sh/load.custom.metrics.k8s.io "load" in the namespace "shop" is forbidden: User "jane" cannot get it',
      },
    })
    for (const each of [path, '/openapi/v3', '/nowhere']) {
      expect(await ask(each, { pair: pairs.user })).toMatchObject({ status: 403 })
    }
  })

  test('is nothing while the API server cannot be asked', async () => {
    const { ask } = await start({ mayDo: () => Promise.reject(new Error('away')) })
    expect(await ask(`${values}/load/load`, { pair: pairs.user })).toMatchObject({
      status: 503,
      body: { reason: 'ServiceUnavailable' },
    })
  })

  test('is nothing before all metrics are known', async () => {
    const { ask } = await start({ isSynced: () => false })
    expect(await ask(`${values}/none/none`, { pair: pairs.user })).toMatchObject({
      status: 503,
      body: { message: 'the metrics are not known yet' },
    })
  })

  test('health is open to anybody', async () => {
    const { ask, reviewed } = await start({ mayDo: () => false })
    for (const each of ['/healthz', '/livez', '/readyz']) {
      expect(await ask(each)).toMatchObject({ status: 200, body: 'ok' })
    }
    expect(reviewed).toEqual([])
  })
})
