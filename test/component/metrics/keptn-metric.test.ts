import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { KeptnMetric, KeptnMetricsProvider } from '../../../api/index.ts'
import { Secret } from '../../../api/kubernetes.ts'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
import type { Client } from '../../../kube/client.ts'
import { eventually } from '../../eventually.ts'
import { startPrometheus, type Prometheus } from './prometheus.ts'
import {
  createMetric,
  createProvider,
  sourcesOfTests,
  startMetrics,
  startWorld,
  statusOf,
  type Metrics,
  type World,
} from './world.ts'

let world: World
let prometheus: Prometheus
let client: Client
let metrics: Metrics
const sources = sourcesOfTests()
const others: Metrics[] = []

beforeAll(async () => {
  ;[world, prometheus] = await Promise.all([startWorld('metrics'), startPrometheus()])
  client = world.client
  metrics = startMetrics(client)
}, 300_000)

afterEach(async () => {
  await sources.close()
  await Promise.all(others.splice(0).map((other) => other.stop()))
})

afterAll(async () => {
  await metrics.stop()
  await Promise.all([world.close(), prometheus.close()])
})

const four = JSON.stringify({
  status: 'success',
  data: { resultType: 'vector', result: [{ metric: {}, value: [1, '4'] }] },
})

const becomes = (namespace: string, name: string, expected: object): Promise<void> =>
  eventually(async () => {
    expect(await statusOf(client, namespace, name)).toMatchObject(expected)
  })

test('the value of a real Prometheus, and its changes', async () => {
  const shop = await world.namespace('real')
  await prometheus.set(5)
  await createProvider(client, shop, { type: 'prometheus', targetServer: prometheus.url })
  await createMetric(client, shop, 'cpus')
  await becomes(shop, 'cpus', { value: '5', rawValue: btoa('"5"') })
  await prometheus.set(6.5)
  await becomes(shop, 'cpus', { value: '6.5' })
  const status = await statusOf(client, shop, 'cpus')
  expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'True', reason: 'Measured' }])
  expect(status.errMsg).toBeUndefined()
  expect(Math.abs(Date.now() - Date.parse(status.lastUpdated ?? ''))).toBeLessThan(5000)
})

test('ranges, aggregates and what is no value, of a real Prometheus', async () => {
  const shop = await world.namespace('queries')
  await prometheus.set(7)
  await createProvider(client, shop, { type: 'thanos', targetServer: `${prometheus.url}/` })
  const range = { interval: '1s', step: '500ms', aggregation: 'max', storedResults: 2 } as const
  await createMetric(client, shop, 'peak', { range })
  await createMetric(client, shop, 'parts', { query: 'parts' })
  await createMetric(client, shop, 'nothing', { query: 'no_such_series' })
  await createMetric(client, shop, 'undefined', { query: 'vector(0) / vector(0)' })
  await createMetric(client, shop, 'scalar', { query: '4' })
  await createMetric(client, shop, 'broken', { query: 'sum(' })
  await becomes(shop, 'peak', {
    value: '7',
    intervalResults: [{ value: '7' }, { value: '7', range }],
  })
  const failing = (reason: string, errMsg: string): object => ({
    conditions: [{ type: 'Ready', status: 'False', reason }],
    errMsg: expect.stringContaining(errMsg),
  })
  await becomes(shop, 'parts', failing('TooManySeries', '2 series where one is needed'))
  await becomes(shop, 'nothing', failing('NoData', 'no values in query result'))
  await becomes(shop, 'undefined', failing('NotANumber', 'NaN'))
  await becomes(shop, 'scalar', failing('QueryFailed', 'wrap it in vector()'))
  await becomes(shop, 'broken', failing('QueryFailed', 'bad_data: invalid parameter'))
  for (const name of ['parts', 'nothing', 'undefined', 'scalar', 'broken']) {
    expect(await statusOf(client, shop, name)).not.toHaveProperty('value')
  }
})

test('a missing provider is said once, and its appearance is enough', async () => {
  const shop = await world.namespace('late')
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 3600 })
  await becomes(shop, 'cpus', {
    conditions: [
      { type: 'Ready', status: 'False' },
      { type: 'Stalled', status: 'True' },
    ],
    errMsg: expect.stringContaining('Create the KeptnMetricsProvider "prom" in namespace "late"'),
  })
  const { url } = await sources.start((_received, response) => response.end(four))
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await becomes(shop, 'cpus', { value: '4', conditions: [{ type: 'Ready', status: 'True' }] })
  await eventually(() => {
    const told = metrics.told.filter(({ subject }) => subject.namespace === shop)
    expect(told.map(({ reason }) => reason)).toEqual(['ProviderNotFound'])
  })
})

test('a changed query or provider is asked at once, and nothing else between two intervals', async () => {
  const shop = await world.namespace('changes')
  const first = await sources.start((_received, response) => response.end(four))
  const second = await sources.start((_received, response) =>
    response.end(four.replace('"4"', '"5"')),
  )
  await createProvider(client, shop, { type: 'prometheus', targetServer: first.url })
  await createMetric(client, shop, 'cpus', { fetchIntervalSeconds: 3600 })
  await becomes(shop, 'cpus', { value: '4' })
  const labels = { metadata: { labels: { touched: 'yes' } } }
  const at = { namespace: shop, patchType: 'merge' } as const
  await client.patch(KeptnMetric, { ...at, name: 'cpus', patch: labels })
  await client.patch(KeptnMetric, { ...at, name: 'cpus', patch: { spec: { query: 'other' } } })
  await eventually(() => {
    expect(first.received.map(({ parameters }) => parameters['query'])).toEqual([
      'available_cpus',
      'other',
    ])
  })
  const provider = { spec: { targetServer: second.url } }
  await client.patch(KeptnMetricsProvider, { ...at, name: 'prom', patch: provider })
  await becomes(shop, 'cpus', { value: '5' })
  expect(first.received).toHaveLength(2)
  expect(second.received).toHaveLength(1)
})

test('a value stays as it is while its source fails, with the reason beside it', async () => {
  const shop = await world.namespace('failing')
  let isBroken = false
  const { url } = await sources.start((_received, response) => {
    response.writeHead(isBroken ? 500 : 200).end(four)
  })
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await createMetric(client, shop, 'cpus')
  await becomes(shop, 'cpus', { value: '4' })
  isBroken = true
  await becomes(shop, 'cpus', { value: '4', errMsg: 'The source answered with status 500' })
  isBroken = false
  await eventually(async () => {
    expect(await statusOf(client, shop, 'cpus')).not.toHaveProperty('errMsg')
  })
})

test('sources that hang delay no other', async () => {
  const shop = await world.namespace('hanging')
  const hanging = await sources.start(() => undefined)
  const answering = await sources.start((_received, response) => response.end(four))
  await createProvider(client, shop, { type: 'prometheus', targetServer: hanging.url }, 'hangs')
  await createProvider(client, shop, { type: 'prometheus', targetServer: answering.url })
  const names = Array.from({ length: 100 }, (_, i) => `hangs-${i}`)
  await Promise.all(
    // Each with a query of its own: equal ones would be asked once.
    names.map((name) =>
      createMetric(client, shop, name, { query: name, provider: { name: 'hangs' } }),
    ),
  )
  await eventually(() => {
    expect(hanging.received).toHaveLength(4)
  })
  const startedAt = Date.now()
  await createMetric(client, shop, 'cpus')
  await becomes(shop, 'cpus', { value: '4' })
  expect(Date.now() - startedAt).toBeLessThan(3000)
  expect(hanging.received).toHaveLength(4)
  await Promise.all(names.map((name) => client.delete(KeptnMetric, { namespace: shop, name })))
})

test('a Secret is read by name for a query, and is in no status and no log', async () => {
  const shop = await world.namespace('secrets')
  const password = 'canary-7c1e5d'
  const { url, received } = await sources.start((_received, response) => {
    const reply = { status: 'error', errorType: 'auth', error: `wrong password ${password}` }
    response.writeHead(400).end(JSON.stringify(reply))
  })
  const secretKeyRef = { name: 'login', key: 'ignored' }
  await createProvider(client, shop, { type: 'prometheus', targetServer: url, secretKeyRef })
  await createMetric(client, shop, 'cpus')
  await becomes(shop, 'cpus', { errMsg: 'Cannot read Secret "secrets/login": it does not exist' })
  expect(received).toEqual([])
  const data = { user: btoa('ann'), password: btoa(password) }
  const metadata = { namespace: shop, name: 'login' }
  await client.create(Secret, { apiVersion: 'v1', kind: 'Secret', metadata, data })
  await becomes(shop, 'cpus', {
    errMsg: 'The source refused the query: auth: wrong password [redacted]',
  })
  expect(received[0]?.authorization).toBe(`Basic ${btoa(`ann:${password}`)}`)
  expect(metrics.logged()).not.toContain(password)
  expect(metrics.logged()).not.toContain(btoa(password))
})

test("neither loopback nor the API server's own address is a source", async () => {
  const shop = await world.namespace('refused')
  await metrics.stop()
  const strict = startMetrics(client, { allowsInsecureTls: true })
  others.push(strict)
  const { url, received } = await sources.start((_received, response) => response.end(four))
  const at = (targetServer: string) =>
    ({ type: 'prometheus', targetServer, insecureSkipTlsVerify: true }) as const
  await createProvider(client, shop, at(url), 'loopback')
  await createProvider(client, shop, at(world.cluster.server), 'api')
  await createMetric(client, shop, 'loopback', { provider: { name: 'loopback' } })
  await createMetric(client, shop, 'api', { provider: { name: 'api' } })
  const said = (errMsg: string): object => ({ errMsg: expect.stringContaining(errMsg) })
  await becomes(shop, 'loopback', said('loopback, link-local and metadata addresses are refused'))
  await becomes(shop, 'api', said('it is an address of the Kubernetes API server'))
  expect(received).toEqual([])
  metrics = startMetrics(client)
})

test('any certificate is taken where an administrator allows it, and else says whom to ask', async () => {
  const shop = await world.namespace('certificates')
  const now = new Date()
  const pair = await issueServerCertificate(await createAuthority(now), shop, now)
  const { url, received } = await sources.start((_received, response) => response.end(four), pair)
  const spec = { type: 'prometheus', targetServer: url, insecureSkipTlsVerify: true } as const
  await createProvider(client, shop, spec)
  await createMetric(client, shop, 'cpus')
  await becomes(shop, 'cpus', {
    conditions: [
      { type: 'Ready', status: 'False', reason: 'InsecureTlsNotAllowed' },
      {
        type: 'Stalled',
        status: 'True',
        message: expect.stringContaining('set ALLOW_INSECURE_TLS of metrics-operator to "true"'),
      },
    ],
  })
  expect(received).toEqual([])
  await metrics.stop()
  metrics = startMetrics(client, { allowedRanges: ['127.0.0.0/8'], allowsInsecureTls: true })
  await becomes(shop, 'cpus', { value: '4', conditions: [{ type: 'Ready', status: 'True' }] })
  await metrics.stop()
  metrics = startMetrics(client)
})

test('after a restart a metric is asked when it is due, not at once', async () => {
  const shop = await world.namespace('restart')
  const { url, received } = await sources.start((_received, response) => response.end(four))
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await createMetric(client, shop, 'rarely', { query: 'rare', fetchIntervalSeconds: 3600 })
  await becomes(shop, 'rarely', { value: '4' })
  await metrics.stop()
  metrics = startMetrics(client)
  // By the time that this one has its second value, the other one has long been looked at.
  await createMetric(client, shop, 'often', { query: 'often' })
  const queries = (query: string): number =>
    received.filter(({ parameters }) => parameters['query'] === query).length
  await eventually(() => {
    expect(queries('often')).toBeGreaterThan(1)
  })
  expect(queries('rare')).toBe(1)
})
