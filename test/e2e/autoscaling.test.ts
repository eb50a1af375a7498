import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Deployment, Secret } from '../../api/kubernetes.ts'
import { systemNamespace } from '../../deploy/chart.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { startPrometheus, startTarget, type Prometheus, type Target } from './stand-ins.ts'
import { deployment, yaml } from './world.ts'

const namespace = 'shop'
const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/keptnmetrics.metrics.keptn.sh/load/load`
let installation: Installation
let target: Target
let prometheus: Prometheus

beforeAll(async () => {
  installation = await install('autoscaling')
  const { cluster, apply, folder } = installation
  target = await startTarget(cluster.hostAddress)
  prometheus = await startPrometheus(cluster.hostAddress, target, folder)
  await apply(
    yaml(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      deployment({ namespace }),
      {
        apiVersion: 'metrics.keptn.sh/v1',
        kind: 'KeptnMetricsProvider',
        metadata: { name: 'prometheus', namespace },
        spec: { type: 'prometheus', targetServer: prometheus.url },
      },
      {
        apiVersion: 'metrics.keptn.sh/v1',
        kind: 'KeptnMetric',
        metadata: { name: 'load', namespace },
        spec: { provider: { name: 'prometheus' }, query: 'load', fetchIntervalSeconds: 1 },
      },
      autoscaler,
    ),
  )
}, 600_000)

afterAll(async () => {
  await prometheus.close()
  target.close()
  await installation.down()
})

const quick = { stabilizationWindowSeconds: 0 }
const autoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    // Twice as many for twice the target: without this end there would be more with each look.
    maxReplicas: 2,
    metrics: [
      {
        type: 'Object',
        object: {
          metric: { name: 'load' },
          describedObject: { apiVersion: 'metrics.keptn.sh/v1', kind: 'KeptnMetric', name: 'load' },
          target: { type: 'Value', value: '10' },
        },
      },
    ],
    behavior: { scaleUp: quick, scaleDown: quick },
  },
}

const raw = (...more: readonly string[]): Promise<string> =>
  installation.cluster.kubectl(['get', '--raw', path, ...more])

const replicasBecome = (replicas: number): Promise<void> =>
  eventually(
    async () => {
      const found = await installation.client.get(Deployment, { namespace, name: 'web' })
      expect(found?.spec.replicas).toBe(replicas)
      expect(found?.status?.availableReplicas).toBe(replicas)
    },
    { timeoutMs: 90_000, everyMs: 250 },
  )

interface Condition {
  readonly type: string
  readonly status: string
  readonly message: string
}
const scalingActive = async (): Promise<Condition | undefined> => {
  const text = await installation.cluster.kubectl(['get', 'hpa', 'web', '-n', namespace, '-ojson'])
  const { status } = JSON.parse(text) as { status?: { conditions?: readonly Condition[] } }
  return status?.conditions?.find(({ type }) => type === 'ScalingActive')
}

test('without a value nothing is scaled, and the autoscaler says why', async () => {
  await eventually(
    async () => {
      expect(await scalingActive()).toMatchObject({
        status: 'False',
        message: expect.stringContaining('has no value'),
      })
    },
    { timeoutMs: 90_000, everyMs: 250 },
  )
  await replicasBecome(1)
}, 120_000)

test('a Deployment follows the value up and down', async () => {
  target.set('load', 20)
  await replicasBecome(2)
  expect(JSON.parse(await raw())).toMatchObject({
    kind: 'MetricValueList',
    apiVersion: 'custom.metrics.k8s.io/v1beta2',
    items: [{ describedObject: { kind: 'KeptnMetric', name: 'load' }, value: '20' }],
  })
  target.set('load', 5)
  await replicasBecome(1)
}, 240_000)

test('who has no rights to values is refused', async () => {
  await expect(raw(`--as=system:serviceaccount:${namespace}:default`)).rejects.toThrow('Forbidden')
  await installation.cluster.kubectl([
    ...['create', 'rolebinding', 'values', '-n', namespace],
    ...['--clusterrole=metrics-operator-server-resources', `--serviceaccount=${namespace}:default`],
  ])
  await eventually(() => raw(`--as=system:serviceaccount:${namespace}:default`), {
    timeoutMs: 20_000,
  })
}, 60_000)

/** Asks our server itself, past the API server, as whoever can reach its Service may. */
const askDirectly = async (token: string): Promise<number | undefined> => {
  const { client, cluster } = installation
  const name = 'metrics-operator-service'
  const address = await cluster.kubectl([
    ...['get', 'service', name, '-n', systemNamespace, '-o', 'jsonpath={.spec.clusterIP}'],
  ])
  const secret = await client.get(Secret, { namespace: systemNamespace, name: 'keptn-certs' })
  const ca = Buffer.from(secret?.data?.['ca.crt'] ?? '', 'base64')
  const asking = request({
    ...{ host: address, path, ca, agent: false },
    servername: `${name}.${systemNamespace}.svc`,
    headers: { authorization: `Bearer ${token}` },
  }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

test('a token that is shown to our server itself counts for what its account may do', async () => {
  const { kubectl } = installation.cluster
  await kubectl(['create', 'serviceaccount', 'stranger', '-n', namespace])
  const tokenOf = async (account: string): Promise<string> =>
    (await kubectl(['create', 'token', account, '-n', namespace])).trim()
  expect(await askDirectly(await tokenOf('default'))).toBe(200)
  expect(await askDirectly(await tokenOf('stranger'))).toBe(403)
  expect(await askDirectly('made.up.token')).toBe(401)
}, 60_000)

test('values come back with their server', async () => {
  const { cluster } = installation
  const scale = (replicas: number) =>
    cluster.kubectl([
      'scale',
      'deployment/metrics-operator',
      '-nkeptn-system',
      `--replicas=${replicas}`,
    ])
  await scale(0)
  await eventually(() => expect(raw()).rejects.toThrow(), { timeoutMs: 60_000 })
  await scale(1)
  await eventually(() => raw(), { timeoutMs: 60_000 })
}, 150_000)
