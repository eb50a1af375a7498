/**
 * What a collector has in the end that is away while an app goes through its phases, and whose teller ends meanwhile: a real API
 * server, the engine with the rights that the chart gives it, and another engine after it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { KeptnApp, KeptnAppVersion, KeptnConfig } from '../../../api/index.ts'
import { ConfigMap, Event, Namespace, Secret } from '../../../api/kubernetes.ts'
import { startLifecycle } from '../../../controller/lifecycle.ts'
import { readSettings } from '../../../controller/settings.ts'
import { systemNamespace } from '../../../deploy/chart.ts'
import { spanIdOf, traceIdOf } from '../../../identity/trace.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { applyCrds } from '../../kinds.ts'
import { startReceiver, type Receiver } from '../../unit/telemetry/traces/receiver.ts'
import { clientAs, installRights } from '../account.ts'

const log = pino({ level: 'silent' })
const patient = { timeoutMs: 60_000 }

let cluster: Cluster
let client: Client
let receiver: Receiver

beforeAll(async () => {
  cluster = await startCluster({ name: 'traces', node: false, network: 'own' })
  client = createClient(adminOf(cluster))
  await applyCrds(cluster)
  await installRights(cluster)
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  })
  receiver = await startReceiver('grpc')
}, 600_000)
afterAll(async () => {
  for (const stop of stops) await stop()
  await receiver.close()
  await client.close()
  await cluster.down()
})

const stops = new Set<() => Promise<void>>()

/** An engine, under a name of its own for the lease. */
const startEngine = async (name: string): Promise<() => Promise<void>> => {
  const own = await clientAs(cluster, 'lifecycle-operator')
  const ending = new AbortController()
  const settings = readSettings(['--parts', 'lifecycle,gate'], {
    ...{ POD_NAME: name, POD_NAMESPACE: systemNamespace },
    ...{ FUNCTION_RUNNER_IMAGE: 'example.org/deno', PYTHON_RUNNER_IMAGE: 'example.org/python' },
  })
  const { ended } = startLifecycle({ client: own, settings, log, signal: ending.signal })
  const stop = async (): Promise<void> => {
    stops.delete(stop)
    ending.abort()
    await ended
    await own.close()
  }
  stops.add(stop)
  return stop
}

const deployApp = async (name: string): Promise<KeptnAppVersion> => {
  await client.create(KeptnApp, {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnApp',
    metadata: { namespace: 'shop', name },
    spec: { version: '1.0', workloads: [{ name: 'web', version: '1' }] },
  } as never)
  return eventually(async () => {
    const { items } = await client.list(KeptnAppVersion, { namespace: 'shop' })
    const found = items.find(({ spec }) => spec.appName === name)
    expect(found?.status?.currentPhase).toBe('AppDeploy')
    if (found === undefined) throw new Error('There is no version')
    return found
  }, patient)
}

const before = ['AppPreDeployTasks', 'AppPreDeployEvaluations']

/** Name, trace, id and parent of each span that has come. */
const received = (): readonly string[] =>
  receiver.spans
    .map((span) => [span.name, span.traceId, span.spanId, span.parentSpanId].join(' '))
    .toSorted()

const wantedOf = (...versions: readonly KeptnAppVersion[]): readonly string[] =>
  versions
    .flatMap(({ metadata: { uid } }) =>
      before.map((phase) =>
        [phase, traceIdOf(uid), spanIdOf(uid, 1, phase), spanIdOf(uid, 1, 'version')].join(' '),
      ),
    )
    .toSorted()

test('it has each span that ended while it was away, once, from the engine that leads by then', async () => {
  const stopFirst = await startEngine('first')
  await client.create(Secret, {
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata: { namespace: systemNamespace, name: 'collector' },
    data: { 'x-token': Buffer.from('canary').toString('base64') },
  })
  await client.create(KeptnConfig, {
    apiVersion: 'options.keptn.sh/v1alpha1',
    kind: 'KeptnConfig',
    metadata: { namespace: systemNamespace, name: 'keptn-config' },
    spec: {
      OTelCollectorUrl: `127.0.0.1:${String(receiver.port)}`,
      openTelemetry: { headersSecretRef: { name: 'collector' } },
    },
  } as never)
  const record = { namespace: systemNamespace, name: 'gatekept-traces' }
  await eventually(async () => {
    expect((await client.get(ConfigMap, record))?.data?.['progress']).toContain('since')
  }, patient)
  const first = await deployApp('first')
  await eventually(() => {
    expect(received()).toEqual(wantedOf(first))
  }, patient)

  receiver.answer = { grpcStatus: 14 }
  const second = await deployApp('second')
  await eventually(async () => {
    const { items } = await client.list(Event, { namespace: systemNamespace })
    expect(items.map(({ reason }) => reason)).toContain('SpansUndelivered')
    expect(JSON.stringify(items)).not.toContain('canary')
  }, patient)
  await stopFirst()
  expect(received()).toEqual(wantedOf(first))

  receiver.answer = {}
  const stopSecond = await startEngine('second')
  const third = await deployApp('third')
  await eventually(() => {
    expect(received()).toEqual(wantedOf(first, second, third))
  }, patient)
  expect(receiver.requests.every(({ headers }) => headers['x-token'] === 'canary')).toBe(true)
  await stopSecond()
  const told = (await client.get(ConfigMap, record))?.data?.['progress'] ?? ''
  for (const { spanId } of receiver.spans) expect(told).toContain(spanId)
}, 180_000)
