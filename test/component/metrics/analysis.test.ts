import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnMetricsProvider,
  newObject,
  type NewOf,
  type StatusOf,
} from '../../../api/index.ts'
import type { KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import { eventually } from '../../eventually.ts'
import type { Received } from '../../unit/metrics/source-server.ts'
import { startPrometheus, type Prometheus } from './prometheus.ts'
import {
  createProvider,
  sourcesOfTests,
  startMetrics,
  startWorld,
  type Metrics,
  type World,
} from './world.ts'

let world: World
let prometheus: Prometheus
let client: Client
let metrics: Metrics
const sources = sourcesOfTests()

beforeAll(async () => {
  ;[world, prometheus] = await Promise.all([startWorld('analyses'), startPrometheus()])
  client = world.client
  metrics = startMetrics(client)
}, 300_000)

afterEach(async () => {
  await sources.close()
})

afterAll(async () => {
  await metrics.stop()
  await Promise.all([world.close(), prometheus.close()])
})

/** What Prometheus answers about the range that it was asked about. */
const four = ({ parameters }: Received): string =>
  JSON.stringify({
    status: 'success',
    data: {
      resultType: 'matrix',
      result: [{ metric: {}, values: [[Number(parameters['start']), '4']] }],
    },
  })

const template = (
  namespace: string,
  name: string,
  query = name,
  provider: NewOf<typeof AnalysisValueTemplate>['spec']['provider'] = { name: 'prom' },
): Promise<KubeObject> =>
  client.create<KubeObject>(
    AnalysisValueTemplate,
    newObject(AnalysisValueTemplate, {
      metadata: { namespace, name },
      spec: { provider, query },
    }),
  )

type Objectives = NonNullable<NewOf<typeof AnalysisDefinition>['spec']['objectives']>

const define = (namespace: string, objectives: Objectives): Promise<KubeObject> =>
  client.create<KubeObject>(
    AnalysisDefinition,
    newObject(AnalysisDefinition, {
      metadata: { namespace, name: 'release' },
      spec: { objectives, totalScore: { passPercentage: 90, warningPercentage: 50 } },
    }),
  )

const below = (name: string, fixedValue: string | number) => ({
  analysisValueTemplateRef: { name },
  target: { failure: { greaterThanOrEqual: { fixedValue } } },
})

const timeframe = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' }

const analyse = (
  namespace: string,
  name: string,
  spec: Partial<NewOf<typeof Analysis>['spec']> = { timeframe },
): Promise<KubeObject> =>
  client.create<KubeObject>(
    Analysis,
    newObject(Analysis, {
      metadata: { namespace, name },
      spec: { analysisDefinition: { name: 'release' }, ...spec },
    }),
  )

const statusOf = async (namespace: string, name: string): Promise<Partial<StatusOf<Analysis>>> =>
  (await client.get(Analysis, { namespace, name }))?.status ?? {}

const becomes = (
  namespace: string,
  name: string,
  expected: object,
  timeoutMs = 10_000,
): Promise<void> =>
  eventually(
    async () => {
      expect(await statusOf(namespace, name)).toMatchObject(expected)
    },
    { timeoutMs },
  )

/** The second that begins next, and the one after: a window that Prometheus will have seen in whole. */
const nextSeconds = (): { readonly from: string; readonly to: string } => {
  const from = Math.ceil(Date.now() / 1000) * 1000
  const text = (ms: number): string => new Date(ms).toISOString().replace('.000', '')
  return { from: text(from), to: text(from + 1000) }
}

const over = (to: string): Promise<void> =>
  eventually(() => {
    expect(Date.now()).toBeGreaterThan(Date.parse(to) + 500)
  })

test('values of a real Prometheus are graded once their window is over', async () => {
  const shop = await world.namespace('real')
  await prometheus.set(5)
  await createProvider(client, shop, { type: 'prometheus', targetServer: prometheus.url })
  await template(shop, 'cpus', 'available_cpus')
  await template(shop, 'part', 'parts{of="{{.part}}"} > 0')
  await define(shop, [below('cpus', '5.5'), below('part', 9)])
  const frame = nextSeconds()
  await analyse(shop, 'check', { timeframe: frame, args: { part: 'b' } })
  await becomes(shop, 'check', { state: 'Completed', pass: true, timeframe: frame })
  const { raw, storedValues, warning } = await statusOf(shop, 'check')
  expect(raw).toBe(
    '{"objectiveResults":[{"result":{"failResult":{"operator":{"greaterThanOrEqual":{"fixedValue":"5500m"}},"fulfilled":false},"warnResult":{"operator":{},"fulfilled":false},"warning":false,"pass":true},"objective":{"analysisValueTemplateRef":{"name":"cpus"},"target":{"failure":{"greaterThanOrEqual":{"fixedValue":"5500m"}}},"weight":1},"value":5,"query":"available_cpus","score":1},{"result":{"failResult":{"operator":{"greaterThanOrEqual":{"fixedValue":"9"}},"fulfilled":false},"warnResult":{"operator":{},"fulfilled":false},"warning":false,"pass":true},"objective":{"analysisValueTemplateRef":{"name":"part"},"target":{"failure":{"greaterThanOrEqual":{"fixedValue":"9"}}},"weight":1},"value":2,"query":"parts{of=\\"b\\"} \\u003e 0","score":1}],"totalScore":2,"maximumScore":2,"pass":true,"warning":false}',
  )
  expect([storedValues, warning]).toEqual([undefined, undefined])
})

test('what is no value of a real Prometheus is no pass, and says why', async () => {
  const shop = await world.namespace('none')
  await createProvider(client, shop, { type: 'prometheus', targetServer: prometheus.url })
  await template(shop, 'nothing', 'no_such_series')
  await template(shop, 'several', 'parts')
  await template(shop, 'undefined', 'vector(0) / vector(0)')
  await template(shop, 'fine', 'vector(1)')
  await define(shop, [
    // Most of the weight is earned: a pass, if one could do without the others.
    { analysisValueTemplateRef: { name: 'fine' }, weight: 100 },
    below('nothing', 9),
    below('several', 9),
    below('undefined', 9),
  ])
  await analyse(shop, 'check', { timeframe: { recent: '1s' }, retries: 0 })
  await becomes(shop, 'check', {
    state: 'Failed',
    storedValues: {
      fine: { value: '1' },
      nothing: { value: '', errMsg: expect.stringContaining('no series matches the query') },
      several: { value: '', errMsg: expect.stringContaining('2 series where one is needed') },
      undefined: { value: '', errMsg: expect.stringContaining('NaN') },
    },
    conditions: [
      {
        type: 'Ready',
        status: 'False',
        reason: 'NoValue',
        message: expect.stringContaining('There is no value for 3 of 4 templates. "nothing"'),
      },
    ],
  })
  expect(await statusOf(shop, 'check')).not.toHaveProperty('pass')
})

test('a backtest on a real Prometheus has a row for each window', async () => {
  const shop = await world.namespace('backtest')
  await createProvider(client, shop, { type: 'prometheus', targetServer: prometheus.url })
  await template(shop, 'cpus', 'available_cpus + {{.more}}')
  await define(shop, [below('cpus', 8)])
  await prometheus.set(6)
  const good = nextSeconds()
  await over(good.to)
  await prometheus.set(9)
  const bad = nextSeconds()
  const longAgo = { from: '2020-01-01T00:00:00Z', to: '2020-01-01T01:00:00Z' }
  await analyse(shop, 'tried', {
    args: { more: '1' },
    windows: [
      { name: 'v1', ...good },
      { name: 'v2', ...bad },
      { name: 'v2 leniently', ...bad, args: { more: '-2' } },
      longAgo,
    ],
  })
  await becomes(shop, 'tried', {
    state: 'Completed',
    windowSummary: '2 pass, 1 fail, 1 unknown',
    windows: [
      { name: 'v1', verdict: 'pass', score: 100, objectives: [{ name: 'cpus', value: '7' }] },
      { name: 'v2', verdict: 'fail', score: 0, objectives: [{ value: '10', verdict: 'fail' }] },
      { name: 'v2 leniently', verdict: 'pass', objectives: [{ value: '7', score: 1 }] },
      {
        ...longAgo,
        verdict: 'unknown',
        objectives: [{ verdict: 'unknown', message: expect.stringContaining('no values') }],
      },
    ],
  })
  const status = await statusOf(shop, 'tried')
  expect([status.pass, status.raw, status.storedValues]).toEqual([undefined, undefined, undefined])
})

test('what is missing is said once each, and its appearance is enough', async () => {
  const shop = await world.namespace('late')
  await analyse(shop, 'check')
  const stalled = (reason: string, message: string): object => ({
    conditions: [
      { type: 'Ready', status: 'Unknown' },
      { type: 'Stalled', status: 'True', reason, message: expect.stringContaining(message) },
    ],
  })
  await becomes(shop, 'check', stalled('DefinitionNotFound', 'AnalysisDefinition "release"'))
  await define(shop, [below('cpus', 9)])
  await becomes(shop, 'check', stalled('TemplateNotFound', 'AnalysisValueTemplate "cpus"'))
  await template(shop, 'cpus')
  await becomes(shop, 'check', stalled('ProviderNotFound', 'KeptnMetricsProvider "prom"'))
  const { url } = await sources.start((asked, response) => response.end(four(asked)))
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await becomes(shop, 'check', { state: 'Completed', pass: true })
  await eventually(() => {
    const told = metrics.told.filter(({ subject }) => subject.namespace === shop)
    expect(told.map(({ reason }) => reason)).toEqual([
      'DefinitionNotFound',
      'TemplateNotFound',
      'ProviderNotFound',
      'AnalysisPassed',
    ])
  })
})

test('the provider of another namespace is asked for templates of ours, and of others once it is granted', async () => {
  const [ours, shop, owner] = await Promise.all(
    ['keptn-system', 'borrower', 'owner'].map((name) => world.namespace(name)),
  )
  if (ours === undefined || shop === undefined || owner === undefined) throw new Error('no place')
  const { url, received } = await sources.start((asked, response) => response.end(four(asked)))
  await createProvider(client, owner, { type: 'prometheus', targetServer: url })
  await template(ours, 'lent', 'lent{of="{{.of}}"}', { name: 'prom', namespace: owner })
  await template(shop, 'taken', 'taken', { name: 'prom', namespace: owner })
  await define(shop, [
    { ...below('lent', 9), analysisValueTemplateRef: { name: 'lent', namespace: ours } },
  ])
  await analyse(shop, 'lent', { timeframe, args: { of: 'shop' } })
  await becomes(shop, 'lent', { state: 'Completed', pass: true })
  const release = { namespace: shop, name: 'release' }
  const patch = { spec: { objectives: [below('taken', 9)] } }
  await client.patch(AnalysisDefinition, { ...release, patchType: 'merge', patch })
  await analyse(shop, 'taken')
  await becomes(shop, 'taken', {
    conditions: [{ type: 'Ready' }, { type: 'Stalled', reason: 'ProviderNotGranted' }],
  })
  expect(received.map(({ parameters }) => parameters['query'])).toEqual(['lent{of="shop"}'])
  await client.patch(KeptnMetricsProvider, {
    ...{ namespace: owner, name: 'prom' },
    ...{ patchType: 'merge', patch: { spec: { grantedNamespaces: [shop] } } },
  })
  await becomes(shop, 'taken', { state: 'Completed', pass: true })
})

test('a source that fails is asked again, and nothing else is', async () => {
  const shop = await world.namespace('failing')
  let isBroken = true
  const { url, received } = await sources.start((asked, response) => {
    const fails = isBroken && asked.parameters['query'] === 'bad'
    response.writeHead(fails ? 500 : 200).end(four(asked))
  })
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await template(shop, 'good')
  await template(shop, 'bad')
  await define(shop, [below('good', 9), below('bad', 9)])
  await analyse(shop, 'check')
  await becomes(shop, 'check', {
    state: 'Progressing',
    storedValues: {
      good: { objectiveReference: { name: 'good' }, query: 'good', value: '4' },
      bad: { value: '', errMsg: 'The source answered with status 500', attempts: 1 },
    },
  })
  isBroken = false
  await becomes(shop, 'check', { state: 'Completed', pass: true }, 20_000)
  expect(received.map(({ parameters }) => parameters['query']).toSorted()).toEqual([
    'bad',
    'bad',
    'good',
  ])
})

test('when its provider moves, all is asked at the new address, and at once', async () => {
  const shop = await world.namespace('moved')
  const old = await sources.start((asked, response) => {
    response.writeHead(asked.parameters['query'] === 'bad' ? 500 : 200).end(four(asked))
  })
  const moved = await sources.start((asked, response) =>
    response.end(four(asked).replace('"4"', '"7"')),
  )
  await createProvider(client, shop, { type: 'prometheus', targetServer: old.url })
  await template(shop, 'good')
  await template(shop, 'bad')
  await define(shop, [below('good', 5), below('bad', 9)])
  await analyse(shop, 'check')
  await becomes(shop, 'check', { storedValues: { good: { value: '4' }, bad: { attempts: 1 } } })
  await client.patch(KeptnMetricsProvider, {
    ...{ namespace: shop, name: 'prom' },
    ...{ patchType: 'merge', patch: { spec: { targetServer: moved.url } } },
  })
  // 7 is not below 5, though the 4 of before was; the next try at the old address would have been due later than this.
  await becomes(shop, 'check', { state: 'Completed', warning: true }, 8_000)
  expect((await statusOf(shop, 'check')).raw).toContain('"totalScore":1,"maximumScore":2')
  expect(moved.received.map(({ parameters }) => parameters['query']).toSorted()).toEqual([
    'bad',
    'good',
  ])
})

test('after a crash only what was not stored is asked again', async () => {
  const shop = await world.namespace('crash')
  let hangs = true
  const { url, received } = await sources.start((asked, response) => {
    if (hangs && asked.parameters['query'] === 'slow') return
    response.end(four(asked))
  })
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  const fast = ['a', 'b', 'c', 'd', 'e', 'f']
  await Promise.all([...fast, 'slow'].map((name) => template(shop, name)))
  await define(shop, [below('slow', 9), ...fast.map((name) => below(name, 9))])
  await analyse(shop, 'check', { timeframe: { recent: '5m' } })
  await becomes(shop, 'check', {
    storedValues: Object.fromEntries(fast.map((name) => [name, { value: '4' }])),
  })
  const { timeframe: before } = await statusOf(shop, 'check')
  await metrics.stop()
  hangs = false
  metrics = startMetrics(client)
  await becomes(shop, 'check', { state: 'Completed', pass: true, timeframe: before })
  expect(received.map(({ parameters }) => parameters['query']).toSorted()).toEqual([
    ...fast,
    'slow',
    'slow',
  ])
})

test('an ended analysis stays as it is, until its time to live is over', async () => {
  const shop = await world.namespace('ended')
  const { url, received } = await sources.start((asked, response) => response.end(four(asked)))
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  await template(shop, 'load')
  await define(shop, [below('load', 9)])
  await analyse(shop, 'kept')
  await becomes(shop, 'kept', { state: 'Completed', pass: true })
  const kept = await client.get(Analysis, { namespace: shop, name: 'kept' })
  const patch = { spec: { objectives: [below('load', 1)] } }
  await client.patch(AnalysisDefinition, {
    ...{ namespace: shop, name: 'release' },
    ...{ patchType: 'merge', patch },
  })
  const other = { from: timeframe.to, to: '2026-01-01T02:00:00Z' }
  await analyse(shop, 'brief', { timeframe: other, ttlSecondsAfterFinished: 1 })
  await eventually(() => {
    const told = metrics.told.filter(({ subject }) => subject.name === 'brief')
    expect(told.map(({ reason }) => reason)).toEqual(['AnalysisNotPassed'])
  })
  await eventually(async () => {
    expect(await client.get(Analysis, { namespace: shop, name: 'brief' })).toBeUndefined()
  })
  const after = await client.get(Analysis, { namespace: shop, name: 'kept' })
  expect(after?.metadata.resourceVersion).toBe(kept?.metadata.resourceVersion)
  expect(received).toHaveLength(2)
})

test('a deleted analysis asks nothing more', async () => {
  const shop = await world.namespace('deleted')
  const { url, received } = await sources.start(() => undefined)
  await createProvider(client, shop, { type: 'prometheus', targetServer: url })
  const names = Array.from({ length: 20 }, (_, at) => `t${at}`)
  await Promise.all(names.map((name) => template(shop, name)))
  await define(
    shop,
    names.map((name) => below(name, 9)),
  )
  await analyse(shop, 'check')
  await eventually(() => {
    expect(received).toHaveLength(4)
  })
  await client.delete(Analysis, { namespace: shop, name: 'check' })
  // Places are free again for the next one, whose four queries are the next that come.
  await analyse(shop, 'next')
  await eventually(() => {
    expect(received).toHaveLength(8)
  })
})
