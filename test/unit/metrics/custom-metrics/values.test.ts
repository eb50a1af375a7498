import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { KeptnMetric } from '../../../../api/index.ts'
import { ago, createAuthorities, measured, metric, startServer, type Pair } from './world.ts'

const base = '/apis/custom.metrics.k8s.io'
const resource = 'keptnmetrics.metrics.keptn.sh'
const authorities = createAuthorities()
let user: Pair
let server: Awaited<ReturnType<typeof startServer>>

const failed: KeptnMetric['status'] = {
  ...measured('4'),
  errMsg: 'no values in query result',
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      reason: 'NoData',
      message: 'no values in query result',
      lastTransitionTime: ago(5),
    },
  ],
}
const metrics = [
  metric('shop', 'load', measured('0.05'), { tier: 'front' }),
  metric('shop', 'queue', measured('1000'), { tier: 'front' }),
  metric('shop', 'back', measured('3'), { tier: 'back' }),
  metric('shop', 'plain', measured('7')),
  metric('shop', 'new', undefined, { tier: 'front' }),
  metric('shop', 'failed', failed, { tier: 'front' }),
  metric('shop', 'keptn', { ...measured('4'), errMsg: 'timeout' }),
  metric('shop', 'odd', measured('NaN')),
  metric('shop', 'stale', { value: '4', lastUpdated: ago(82) }),
  metric('shop', 'old', { value: '4', lastUpdated: ago(78) }),
  metric('bank', 'load', measured('9'), { tier: 'front' }),
  metric('default', 'here', measured('1')),
]

beforeAll(async () => {
  const { cert } = authorities.authority('users')
  user = authorities.signed('users', 'user', '/CN=jane')
  const serving = authorities.authority('serving')
  server = await startServer({ metrics, serving, data: { 'client-ca-file': cert } })
})
afterAll(async () => {
  await server.close()
  authorities.remove()
})

const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  server.ask(`${base}${path}`, { pair: user, headers, method })
const named = (name: string, { namespace = 'shop', version = 'v1beta2' } = {}) =>
  ask(`/${version}/namespaces/${namespace}/${resource}/${name}/${name}`)
const described = (name: string, namespace = 'shop') => ({
  kind: 'KeptnMetric',
  namespace,
  name,
  apiVersion: 'metrics.keptn.sh/v1',
})

describe('a value', () => {
  test('in v1beta2', async () => {
    const { status, body } = await named('load')
    expect(status).toBe(200)
    expect(JSON.stringify(body)).toBe(
      JSON.stringify({
        kind: 'MetricValueList',
        apiVersion: 'custom.metrics.k8s.io/v1beta2',
        metadata: {},
        items: [
          {
            describedObject: described('load'),
            metric: { name: 'load', selector: { matchLabels: { tier: 'front' } } },
            timestamp: ago(5),
            value: '50m',
          },
        ],
      }),
    )
  })

  test('in v1beta1', async () => {
    const { body } = await named('plain', { version: 'v1beta1' })
    expect(JSON.stringify(body)).toBe(
      JSON.stringify({
        kind: 'MetricValueList',
        apiVersion: 'custom.metrics.k8s.io/v1beta1',
        metadata: {},
        items: [
          {
            describedObject: described('plain'),
            metricName: 'plain',
            timestamp: ago(5),
            value: '7',
            selector: {},
          },
        ],
      }),
    )
  })

  test('is found under any resource and metric, and without a namespace in "default"', async () => {
    const items = (name: string, namespace?: string) => ({
      body: { items: [{ describedObject: described(name, namespace) }] },
    })
    expect(await ask('/v1beta2/namespaces/shop/keptnmetrics.metrics.sh/load/x')).toMatchObject(
      items('load'),
    )
    expect(await ask(`/v1beta2/${resource}/here/here`)).toMatchObject(items('here', 'default'))
  })

  test('counts for two intervals and a minute', async () => {
    expect(await named('old')).toMatchObject({ status: 200 })
    expect(await named('stale')).toMatchObject({
      status: 503,
      body: { message: expect.stringContaining('more than two intervals ago') },
    })
  })
})

describe('a value that is not there is an error, never a number', () => {
  test('of a metric that does not exist', async () => {
    expect(await named('none')).toMatchObject({
      status: 404,
      body: {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: 'NotFound',
        code: 404,
        message: expect.stringContaining(
          `the server could not find the metric none for ${resource} none`,
        ),
      },
    })
    expect(await named('queue', { namespace: 'bank' })).toMatchObject({ status: 404 })
  })

  test.each([
    ['new', 'it has not been asked for yet'],
    ['failed', 'NoData: no values in query result'],
    ['keptn', 'timeout'],
    ['odd', '"NaN" is not a number'],
  ])('of the metric "%s"', async (name, why) => {
    expect(await named(name)).toMatchObject({
      status: 503,
      body: {
        reason: 'ServiceUnavailable',
        message: `KeptnMetric "${name}" in namespace "shop" has no value: ${why}`,
      },
    })
  })
})

describe('a selection', () => {
  const select = async (query: string, version = 'v1beta2') => {
    const { body } = await ask(`/${version}/namespaces/shop/${resource}/*/x${query}`)
    const { items } = body as { items: { describedObject: object; value: string }[] }
    return items.map(({ describedObject, value }) => [describedObject, value])
  }

  test('has the values of the namespace in the path alone', async () => {
    const front = [
      [described('load'), '50m'],
      [described('queue'), '1k'],
    ]
    expect(await select('?labelSelector=tier%3Dfront')).toEqual(front)
    expect(await select('?labelSelector=tier%20in%20(front)', 'v1beta1')).toEqual(front)
    expect(await select('?labelSelector=tier%3Dnone')).toEqual([])
  })

  test('without a selector has all that have a value', async () => {
    const names = ['back', 'load', 'old', 'plain', 'queue']
    expect((await select('')).map(([object]) => object)).toEqual(names.map((n) => described(n)))
  })

  test('with a selector that cannot be read is refused', async () => {
    const path = `/v1beta2/namespaces/shop/${resource}/*/x?labelSelector=a%3D%3D%3D(`
    const { status, body } = await ask(path.replace('a%3D%3D%3D(', '(('))
    expect({ status, body }).toMatchObject({ status: 400, body: { reason: 'BadRequest' } })
  })
})

describe('discovery', () => {
  const versions = ['v1beta2', 'v1beta1'].map((version) => ({
    groupVersion: `custom.metrics.k8s.io/${version}`,
    version,
  }))
  const group = { name: 'custom.metrics.k8s.io', versions, preferredVersion: versions[0] }
  const names = [...new Set(metrics.map(({ metadata }) => metadata.name))].sort()

  test('has the group and its versions', async () => {
    expect(await ask('')).toMatchObject({
      status: 200,
      body: { kind: 'APIGroup', apiVersion: 'v1', ...group },
    })
    const list = await server.ask('/apis', { pair: user })
    expect(list.body).toEqual({ kind: 'APIGroupList', apiVersion: 'v1', groups: [group] })
  })

  test.each(['v1beta1', 'v1beta2'])('of %s has each name of a metric once', async (version) => {
    const { body } = await ask(`/${version}`)
    expect(body).toEqual({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: `custom.metrics.k8s.io/${version}`,
      resources: names.map((name) => ({
        name: `${resource}/${name}`,
        singularName: '',
        namespaced: true,
        kind: 'MetricValueList',
        verbs: ['get'],
      })),
    })
    expect(await ask(`/${version}/`)).toMatchObject({ body: { kind: 'APIResourceList' } })
  })

  test('is told all at once to who asks for that, and once only', async () => {
    const type = (version: string) =>
      `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`
    const accept = `${type('v2')},${type('v2beta1')},application/json`
    const first = await server.ask('/apis', { pair: user, headers: { accept } })
    expect(first.headers['content-type']).toBe(type('v2'))
    expect(first.body).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      items: [
        {
          metadata: { name: 'custom.metrics.k8s.io' },
          versions: ['v1beta2', 'v1beta1'].map((version) => ({
            version,
            freshness: 'Current',
            resources: [
              {
                resource,
                scope: 'Namespaced',
                subresources: names.map((subresource) => ({ subresource, verbs: ['get'] })),
              },
            ],
          })),
        },
      ],
    })
    const headers = { accept, 'if-none-match': String(first.headers['etag']) }
    expect(await server.ask('/apis', { pair: user, headers })).toMatchObject({ status: 304 })
    const older = await server.ask('/apis', { pair: user, headers: { accept: type('v2beta1') } })
    expect(older.body).toMatchObject({ apiVersion: 'apidiscovery.k8s.io/v2beta1' })
  })

  test('of paths is valid and empty', async () => {
    const v2 = await server.ask('/openapi/v2', { pair: user })
    expect(v2).toMatchObject({ status: 200, body: { swagger: '2.0', paths: {} } })
    const v3 = await server.ask('/openapi/v3', { pair: user })
    expect(v3).toMatchObject({ status: 200, body: { paths: {} } })
  })
})

test('what is not served is not found, and nothing can be written', async () => {
  expect(await ask('/v1beta3')).toMatchObject({ status: 404, body: { reason: 'NotFound' } })
  expect(await ask('/v1beta2', {}, 'DELETE')).toMatchObject({
    status: 405,
    body: { reason: 'MethodNotAllowed' },
  })
})
