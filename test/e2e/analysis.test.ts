import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Analysis } from '../../api/index.ts'
import { systemNamespace } from '../../deploy/chart.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { startPrometheus, startTarget, type Prometheus, type Target } from './stand-ins.ts'
import { deployment, expectHeld, gatesOf, lookAt, managedNamespace, stays, yaml } from './world.ts'

const namespace = 'shop'
let installation: Installation
let target: Target
let prometheus: Prometheus

const metrics = (kind: string, name: string, spec: object, at = namespace): object => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind,
  metadata: { name, namespace: at },
  spec,
})
const template = (name: string): object =>
  metrics('AnalysisValueTemplate', name, {
    provider: { name: 'prometheus' },
    query: `${name}{job="{{.job}}"}`,
  })

beforeAll(async () => {
  installation = await install('analysis')
  const { cluster, apply, folder } = installation
  target = await startTarget(cluster.hostAddress)
  target.set('latency', 5)
  target.set('errors', 0)
  prometheus = await startPrometheus(cluster.hostAddress, target, folder)
  await apply(
    yaml(
      managedNamespace(namespace),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'prometheus', namespace },
        stringData: { user: 'reader', password: 'of metrics' },
      },
      metrics('KeptnMetricsProvider', 'prometheus', {
        type: 'prometheus',
        targetServer: prometheus.url,
        secretKeyRef: { name: 'prometheus', key: 'password' },
      }),
      // What serves all namespaces stands in ours.
      metrics(
        'KeptnMetricsProvider',
        'prometheus',
        { type: 'prometheus', targetServer: prometheus.url },
        systemNamespace,
      ),
      metrics(
        'KeptnMetric',
        'load',
        { provider: { name: 'prometheus' }, query: 'load', fetchIntervalSeconds: 1 },
        systemNamespace,
      ),
      template('latency'),
      template('errors'),
      metrics('AnalysisDefinition', 'release', {
        objectives: [
          {
            analysisValueTemplateRef: { name: 'latency' },
            target: { failure: { greaterThan: { fixedValue: 10 } } },
            keyObjective: true,
          },
          { analysisValueTemplateRef: { name: 'errors' } },
        ],
        totalScore: { passPercentage: 90, warningPercentage: 40 },
      }),
      {
        apiVersion: 'lifecycle.keptn.sh/v1',
        kind: 'KeptnEvaluationDefinition',
        metadata: { name: 'calm', namespace: systemNamespace },
        spec: {
          retries: 100,
          retryInterval: '1s',
          objectives: [{ keptnMetricRef: { name: 'load' }, evaluationTarget: '<10' }],
        },
      },
    ),
  )
}, 600_000)

afterAll(async () => {
  await prometheus.close()
  target.close()
  await installation.down()
})

/** A second in which Prometheus has this latency from beginning to end. */
const secondOf = async (
  latency: number,
): Promise<{ readonly from: string; readonly to: string }> => {
  target.set('latency', latency)
  await eventually(
    async () => {
      expect(await prometheus.query('latency')).toBe(String(latency))
    },
    { timeoutMs: 20_000, everyMs: 100 },
  )
  const from = Math.ceil(Date.now() / 1000) * 1000
  return { from: new Date(from).toISOString(), to: new Date(from + 1000).toISOString() }
}

const analyse = async (name: string, spec: object): Promise<Analysis> => {
  const definition = { analysisDefinition: { name: 'release' } }
  const args = { args: { job: 'target' } }
  await installation.apply(yaml(metrics('Analysis', name, { ...definition, ...args, ...spec })))
  return eventually(
    async () => {
      const found = await installation.client.get(Analysis, { namespace, name })
      if (found?.status?.endTime === undefined) throw new Error(`"${name}" has not ended yet`)
      return found
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )
}

const gauges = (): Promise<string> =>
  installation.cluster.kubectl([
    'get',
    '--raw',
    '/api/v1/namespaces/keptn-system/services/metrics-operator-service:metrics/proxy/metrics',
  ])

test('an analysis passes, one fails and says why, and a backtest has a row of each', async () => {
  const calm = await secondOf(5)
  const passed = await analyse('calm', { timeframe: calm })
  expect(passed.status).toMatchObject({ state: 'Completed', pass: true })
  expect(passed.status?.raw).toContain('"value":5,"query":"latency{job=\\"target\\"}","score":1}')

  const busy = await secondOf(50)
  const failed = await analyse('busy', { timeframe: busy })
  expect(failed.status).toMatchObject({
    state: 'Completed',
    conditions: [
      {
        type: 'Ready',
        reason: 'NotPassed',
        message: expect.stringContaining('key objectives earned nothing: "latency"'),
      },
    ],
  })
  expect(failed.status?.pass).toBeUndefined()
  expect(failed.status?.warning).toBeUndefined()

  const missing = await analyse('missing', { timeframe: calm, args: { job: 'nobody' }, retries: 0 })
  expect(missing.status).toMatchObject({
    state: 'Failed',
    conditions: [{ reason: 'NoValue', message: expect.stringContaining('"latency": no values') }],
  })

  const windows = [
    { name: 'calm', ...calm },
    { name: 'busy', ...busy },
  ]
  const { status } = await analyse('past', { windows, ttlSecondsAfterFinished: 5 })
  expect(status?.windows).toMatchObject([
    { name: 'calm', verdict: 'pass', score: 100, objectives: [{ value: '5' }, { value: '0' }] },
    { name: 'busy', verdict: 'fail', score: 50, objectives: [{ value: '50' }, { value: '0' }] },
  ])
}, 120_000)

test('what has ended is told on port 9999', async () => {
  const text = await eventually(gauges, { timeoutMs: 20_000 })
  const result = (name: string): RegExp =>
    new RegExp(`^keptn_analysis_result\\{name="${name}",namespace="${namespace}",.*\\} (.*)$`, 'm')
  expect(result('calm').exec(text)?.[1]).toBe('100')
  expect(result('busy').exec(text)?.[1]).toBe('50')
  expect(text).not.toMatch(result('missing'))
  expect(text).toMatch(/^keptn_objective_result\{name="latency",.*analysis_name="busy",.*\} 50$/m)
}, 30_000)

test('an evaluation holds its pod while the metric has no value, and no longer', async () => {
  const annotations = { 'keptn.sh/pre-deployment-evaluations': 'calm' }
  await installation.apply(yaml(deployment({ namespace, annotations })))
  const { pods, event } = lookAt(installation.client, namespace)
  await event('WorkloadPreDeployEvaluationsStarted')
  await stays(async () => expectHeld(await pods()), 4000)
  expect(await gauges()).not.toMatch(/^load /m)
  target.set('load', 1)
  await eventually(
    async () => {
      const [pod] = await pods()
      expect(pod && gatesOf(pod)).toEqual([])
      expect(pod?.spec.nodeName).toBeDefined()
    },
    { timeoutMs: 30_000, everyMs: 100 },
  )
  expect(await gauges()).toMatch(/^load 1$/m)
}, 90_000)

test('an analysis whose time to live is over goes, and no other', async () => {
  await eventually(
    async () => {
      const { items } = await installation.client.list(Analysis, { namespace })
      expect(items.map(({ metadata }) => metadata.name)).toEqual(['busy', 'calm', 'missing'])
    },
    { timeoutMs: 30_000 },
  )
}, 60_000)
