import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  newObject,
  type NewOf,
} from '../../../api/index.ts'
import type { KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import { eventually } from '../../eventually.ts'
import { startEvaluations, type Evaluations } from '../evaluation/world.ts'
import { startPrometheus, type Prometheus } from './prometheus.ts'
import {
  createMetric,
  createProvider,
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
let evaluations: Evaluations

beforeAll(async () => {
  ;[world, prometheus] = await Promise.all([startWorld('series'), startPrometheus()])
  client = world.client
  metrics = startMetrics(client)
  evaluations = startEvaluations(client, 'keptn-system')
}, 300_000)

afterAll(async () => {
  await Promise.all([metrics.stop(), evaluations.stop()])
  await Promise.all([world.close(), prometheus.close()])
})

const shopWith = async (name: string, ...lines: readonly string[]): Promise<string> => {
  prometheus.expose(...lines)
  const shop = await world.namespace(name)
  await createProvider(client, shop, { type: 'prometheus', targetServer: prometheus.url })
  return shop
}

const becomes = (namespace: string, name: string, expected: object): Promise<void> =>
  eventually(
    async () => {
      expect(await statusOf(client, namespace, name)).toMatchObject(expected)
    },
    { timeoutMs: 20_000 },
  )

const failing = (reason: string, said: string) => ({
  conditions: [{ type: 'Ready', status: 'False', reason }],
  errMsg: expect.stringContaining(said) as unknown,
})
const measured = (value: string) => ({
  value,
  conditions: [{ type: 'Ready', status: 'True', reason: 'Measured' }],
})

type Objectives = NewOf<typeof KeptnEvaluationDefinition>['spec']['objectives']

const evaluate = async (
  namespace: string,
  name: string,
  objectives: Objectives,
  retries = 2,
): Promise<void> => {
  const definition = newObject(KeptnEvaluationDefinition, {
    metadata: { namespace, name },
    spec: { objectives },
  })
  await client.create<KubeObject>(KeptnEvaluationDefinition, definition)
  const spec = { evaluationDefinition: name, appName: 'shop', workloadVersion: '1' }
  const evaluation = newObject(KeptnEvaluation, {
    metadata: { namespace, name },
    spec: { ...spec, retries, retryInterval: '1s' },
  })
  await client.create<KubeObject>(KeptnEvaluation, evaluation)
}

const wants = (evaluationTarget: string, name = 'load') => ({
  keptnMetricRef: { name },
  evaluationTarget,
})

const ends = (namespace: string, name: string, overallStatus: string): Promise<KeptnEvaluation> =>
  eventually(
    async () => {
      const evaluation = await client.get(KeptnEvaluation, { namespace, name })
      expect(evaluation?.status?.overallStatus).toBe(overallStatus)
      return evaluation as KeptnEvaluation
    },
    { timeoutMs: 30_000 },
  )

test('one value: a series that vanishes, multiplies and is no number any more, and what evaluations make of it', async () => {
  const shop = await shopWith('single', 'load 5')
  await createMetric(client, shop, 'load', { query: 'load' })
  await becomes(shop, 'load', measured('5'))
  await evaluate(shop, 'good', [wants('>4'), wants('1..9'), wants('!=0'), wants('>=5 <6')], 1)
  const good = await ends(shop, 'good', 'Succeeded')
  expect(Object.keys(good.status?.evaluationStatus ?? {})).toEqual([
    'load !=0',
    'load 1..9',
    'load >4',
    'load >=5 <6',
  ])

  prometheus.expose()
  await becomes(shop, 'load', { ...failing('NoData', 'no series matches'), value: '5' })
  await evaluate(shop, 'gone', [wants('>4')])
  const gone = await ends(shop, 'gone', 'Failed')
  expect(gone.status?.retryCount).toBe(2)
  expect(gone.status?.evaluationStatus['load']).toMatchObject({ value: '', status: 'Failed' })
  expect(gone.status?.evaluationStatus['load']?.message).toContain('no series matches')

  prometheus.expose('load{of="a"} 5', 'load{of="b"} 5')
  await becomes(shop, 'load', { ...failing('TooManySeries', '2 series'), value: '5' })
  prometheus.expose('load NaN')
  await becomes(shop, 'load', { ...failing('NotANumber', 'NaN'), value: '5' })
  await evaluate(shop, 'nan', [wants('!=0'), wants('>4')])
  const nan = await ends(shop, 'nan', 'Failed')
  expect(nan.status?.objectives?.map(({ status }) => status)).toEqual(['Failed', 'Failed'])
  prometheus.expose('load +Inf')
  await becomes(shop, 'load', failing('NotANumber', '+Inf'))

  prometheus.expose('load 6')
  await becomes(shop, 'load', measured('6'))
  expect(await statusOf(client, shop, 'load')).not.toHaveProperty('errMsg')
}, 60_000)

test('a range and its steps: the same series, over a window', async () => {
  const shop = await shopWith('range', 'load 4')
  const steps = (aggregation: 'avg' | 'max' | 'p99') => ({
    query: 'load',
    range: { interval: '2s', step: '500ms', aggregation },
  })
  await createMetric(client, shop, 'oldest', { query: 'load', range: { interval: '1s' } })
  await createMetric(client, shop, 'mean', steps('avg'))
  await createMetric(client, shop, 'most', steps('max'))
  await createMetric(client, shop, 'p99', {
    ...steps('p99'),
    range: { ...steps('p99').range, storedResults: 3 },
  })
  for (const name of ['oldest', 'mean', 'most', 'p99']) await becomes(shop, name, measured('4'))
  const { rawValue = '', intervalResults = [] } = await statusOf(client, shop, 'p99')
  expect(new Set(JSON.parse(atob(rawValue)) as string[])).toEqual(new Set(['4']))
  expect(intervalResults.length).toBeGreaterThan(0)

  // While the window has both, its largest is the new value and its mean is between them.
  prometheus.expose('load 8')
  await becomes(shop, 'most', measured('8'))
  await becomes(shop, 'mean', measured('8'))
  await becomes(shop, 'oldest', measured('8'))

  prometheus.expose('load{of="a"} 8', 'load{of="b"} 8')
  for (const name of ['oldest', 'mean', 'most', 'p99']) {
    await becomes(shop, name, failing('TooManySeries', 'series where one is needed'))
  }
  prometheus.expose('load NaN')
  for (const name of ['oldest', 'mean', 'most', 'p99']) {
    await becomes(shop, name, { ...failing('NotANumber', 'NaN'), value: '8' })
  }
  prometheus.expose()
  for (const name of ['oldest', 'mean', 'most', 'p99']) {
    await becomes(shop, name, { ...failing('NoData', 'no series matches'), value: '8' })
  }
  await evaluate(shop, 'gone', [wants('>4', 'mean'), wants('>4', 'oldest')])
  await ends(shop, 'gone', 'Failed')

  const limit = { spec: { range: { storedResults: 1 } } }
  const at = { namespace: shop, name: 'p99', patchType: 'merge' } as const
  await client.patch(KeptnMetric, { ...at, patch: limit })
  await eventually(async () => {
    const { intervalResults: left } = await statusOf(client, shop, 'p99')
    expect(left).toMatchObject([{ value: '', range: { storedResults: 1 } }])
  })
}, 60_000)

test('a metric that is asked once an hour, and has failed, is asked for an evaluation', async () => {
  const shop = await shopWith('awaited')
  await createMetric(client, shop, 'load', { query: 'load', fetchIntervalSeconds: 3600 })
  await becomes(shop, 'load', failing('NoData', 'no series matches'))
  await prometheus.set(1)
  prometheus.expose('load 5')
  await eventually(async () => {
    const reply = await fetch(`${prometheus.url}/api/v1/query?query=load`)
    expect(await reply.text()).toContain('"5"')
  })
  // Longer than the second in which it was asked last.
  await eventually(async () => {
    const { lastUpdated = '' } = await statusOf(client, shop, 'load')
    expect(Date.now() - Date.parse(lastUpdated)).toBeGreaterThan(1500)
  })
  const startedAt = Date.now()
  await evaluate(shop, 'awaits', [wants('>4')], 1)
  const evaluation = await ends(shop, 'awaits', 'Succeeded')
  expect(Date.now() - startedAt).toBeLessThan(5000)
  expect(evaluation.status).toMatchObject({ retryCount: 1, objectives: [{ value: '5' }] })
  expect(evaluation.status).not.toHaveProperty('awaits')
}, 60_000)

test('what is served is what is stored, and ends with it', async () => {
  const shop = await shopWith('served', 'load 5')
  await createMetric(client, shop, 'served-load', { query: 'load' })
  await createMetric(client, shop, 'served-nothing', { query: 'no_such_series' })
  await becomes(shop, 'served-load', measured('5'))
  await becomes(shop, 'served-nothing', failing('NoData', 'no series'))
  const { url } = metrics
  const text = async (path: string): Promise<string> => (await fetch(`${await url}${path}`)).text()
  const json = '{"metric":"served-load","namespace":"served","value":"5"}\n'
  await eventually(async () => {
    expect(await text('/metrics')).toContain('# HELP served_load served-load\n')
    expect(await text('/metrics')).toContain('\nserved_load 5\n')
    expect(await text('/api/v1/metrics/served/served-load')).toBe(json)
  })
  expect(await text('/metrics')).not.toContain('served_nothing')
  await client.delete(KeptnMetric, { namespace: shop, name: 'served-load' })
  await eventually(async () => {
    expect(await text('/metrics')).not.toContain('served_load')
    expect((await fetch(`${await url}/api/v1/metrics/served/served-load`)).status).toBe(404)
  })
}, 60_000)
