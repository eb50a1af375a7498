import { afterEach, expect, test } from '@jest/globals'
import { Gauge, Registry } from 'prom-client'
import type { KeptnMetric } from '../../../../api/index.ts'
import { buildMetricsServer, type Served } from '../../../../metrics/serving/server.ts'
import { aMetric } from '../../evaluation/objects.ts'

const now = new Date('2026-01-01T00:01:00Z')
const good = { value: '4.0', lastUpdated: '2026-01-01T00:00:55Z' }
const started: { readonly close: () => Promise<unknown> }[] = []

afterEach(() => Promise.all(started.splice(0).map((app) => app.close())))

const serve = (metrics: KeptnMetric[], over: Partial<Served> = {}) => {
  const app = buildMetricsServer({
    metrics: {
      all: () => metrics,
      get: (namespace, name) =>
        metrics.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    },
    figures: new Registry(),
    isReady: () => true,
    now: () => now,
    ...over,
  })
  started.push(app)
  return {
    get: async (url: string) => {
      const { statusCode, body, headers } = await app.inject({ method: 'GET', url })
      return { status: statusCode, body, type: headers['content-type'] }
    },
  }
}

test('a metric is a gauge without labels, with its name as help', async () => {
  const { get } = serve([aMetric(good)])
  const { status, body, type } = await get('/metrics')
  expect(status).toBe(200)
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(body.trim().split('\n')).toEqual([
    '# HELP available_cpus available-cpus',
    '# TYPE available_cpus gauge',
    'available_cpus 4',
  ])
})

test('gauges end with their objects', async () => {
  const metrics = [aMetric(good), aMetric(good, { name: 'other' })]
  const { get } = serve(metrics)
  expect((await get('/metrics')).body).toContain('\nother 4')
  metrics.pop()
  const { body } = await get('/metrics')
  expect(body).toContain('\navailable_cpus 4')
  expect(body).not.toContain('other')
})

test('metrics of one name in two namespaces have a line each', async () => {
  const { get } = serve([aMetric(good), aMetric({ ...good, value: '5' }, { namespace: 'bank' })])
  const { body } = await get('/metrics')
  expect(body).toContain('available_cpus{name="available-cpus",namespace="bank"} 5\n')
  expect(body).toContain('available_cpus{name="available-cpus",namespace="shop"} 4\n')
  expect(body.match(/# TYPE/g)).toHaveLength(1)
})

test('figures of the process stand beside them, and keep their names', async () => {
  const figures = new Registry()
  new Gauge({ name: 'nodejs_load', help: 'ours', registers: [figures] }).set(7)
  const { get } = serve([aMetric(good, { name: 'nodejs-load' })], { figures })
  const { body } = await get('/metrics')
  expect(body.match(/^nodejs_load .*$/gm)).toEqual(['nodejs_load 7'])
  expect(body).toContain('# HELP nodejs_load ours\n')
})

test('a value is JSON with its keys in order, as it is in the status', async () => {
  const { get } = serve([aMetric(good), aMetric(undefined, { name: 'new' })])
  expect(await get('/api/v1/metrics/shop/available-cpus')).toMatchObject({
    status: 200,
    body: '{"metric":"available-cpus","namespace":"shop","value":"4.0"}\n',
  })
  expect(await get('/api/v1/metrics/shop/new')).toMatchObject({
    status: 200,
    body: '{"metric":"new","namespace":"shop","value":""}\n',
  })
})

test.each(['/api/v1/metrics/shop/nothing', '/api/v1/metrics/bank/available-cpus'])(
  '%s is not found, without a word',
  async (url) => {
    expect(await serve([aMetric(good)]).get(url)).toMatchObject({ status: 404, body: '' })
  },
)

test.each(['/metrics', '/api/v1/metrics/shop/available-cpus'])(
  '%s is refused while the stores are filled: what they lack may be there',
  async (url) => {
    const { get } = serve([], { isReady: () => false })
    expect(await get(url)).toMatchObject({ status: 503, body: '' })
  },
)
