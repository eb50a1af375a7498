/**
 * What a receiver of CloudEvents has in the end that is away while an app goes through its phases, and whose sender ends meanwhile:
 * a real API server, the engine with the rights that the chart gives it, and another engine after it.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { HTTP, type CloudEventV1 } from 'cloudevents'
import { pino } from 'pino'
import { KeptnApp, KeptnAppVersion, KeptnConfig } from '../../../api/index.ts'
import { Event, Namespace, Secret } from '../../../api/kubernetes.ts'
import { startLifecycle } from '../../../controller/lifecycle.ts'
import { readSettings } from '../../../controller/settings.ts'
import { systemNamespace } from '../../../deploy/chart.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import type { CloudEventData } from '../../../telemetry/cloud-events/event.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { applyCrds } from '../../kinds.ts'
import { clientAs, installRights } from '../account.ts'

const log = pino({ level: 'silent' })
const patient = { timeoutMs: 60_000 }

let cluster: Cluster
let client: Client
let receiver: Server
let isAway = true
const requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []

beforeAll(async () => {
  cluster = await startCluster({ name: 'cloud-events', node: false, network: 'own' })
  client = createClient(adminOf(cluster))
  await applyCrds(cluster)
  await installRights(cluster)
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop' },
  })
  receiver = createServer((message, response) => {
    void text(message).then((body) => {
      if (!isAway) requests.push({ headers: message.headers, body })
      response.writeHead(isAway ? 503 : 202).end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
}, 600_000)
afterAll(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await client.close()
  await cluster.down()
})

/** An engine, under a name of its own for the lease. */
const startEngine = async (name: string): Promise<() => Promise<void>> => {
  const own = await clientAs(cluster, 'lifecycle-operator')
  const ending = new AbortController()
  const settings = readSettings(['--parts', 'lifecycle,gate'], {
    ...{ POD_NAME: name, POD_NAMESPACE: systemNamespace },
    ...{ FUNCTION_RUNNER_IMAGE: 'example.org/deno', PYTHON_RUNNER_IMAGE: 'example.org/python' },
  })
  const { ended } = startLifecycle({ client: own, settings, log, signal: ending.signal })
  return async () => {
    ending.abort()
    await ended
    await own.close()
  }
}

const phases = ['AppPreDeployTasks', 'AppPreDeployEvaluations']
const wanted = [
  ...phases.flatMap((phase) => [`sh.keptn.${phase}Started`, `sh.keptn.${phase}Succeeded`]),
  'sh.keptn.AppDeployStarted',
]

test('it has what was stored while it was away, in order, from the engine that leads by then', async () => {
  const stopFirst = await startEngine('first')
  await client.create(Secret, {
    ...{ apiVersion: 'v1', kind: 'Secret' },
    metadata: { namespace: systemNamespace, name: 'events-receiver' },
    data: { token: Buffer.from('canary').toString('base64') },
  })
  await client.create(KeptnConfig, {
    apiVersion: 'options.keptn.sh/v1alpha1',
    kind: 'KeptnConfig',
    metadata: { namespace: systemNamespace, name: 'keptn-config' },
    spec: {
      cloudEventsEndpoint: `http://127.0.0.1:${String((receiver.address() as AddressInfo).port)}/hook`,
      cloudEvents: { mode: 'binary', tokenSecretRef: { name: 'events-receiver', key: 'token' } },
    },
  } as never)
  await eventually(async () => {
    const config = await client.get(KeptnConfig, {
      namespace: systemNamespace,
      name: 'keptn-config',
    })
    expect(config?.status).toBe('Applied')
  }, patient)
  await client.create(KeptnApp, {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnApp',
    metadata: { namespace: 'shop', name: 'shop' },
    spec: { version: '1.0', workloads: [{ name: 'web', version: '1' }] },
  } as never)
  const deploying = await eventually(async () => {
    const [found] = (await client.list(KeptnAppVersion, { namespace: 'shop' })).items
    expect(found?.status?.currentPhase).toBe('AppDeploy')
    return found
  }, patient)
  await eventually(async () => {
    const { items } = await client.list(Event, { namespace: systemNamespace })
    expect(items.map(({ reason }) => reason)).toContain('CloudEventsUndelivered')
    expect(JSON.stringify(items)).not.toContain('/hook')
  }, patient)
  await stopFirst()
  expect(requests).toEqual([])

  isAway = false
  const stopSecond = await startEngine('second')
  try {
    const received = (): readonly CloudEventV1<CloudEventData>[] =>
      requests
        .map((request) => HTTP.toEvent(request) as CloudEventV1<CloudEventData>)
        .filter(({ data }) => data?.resource.name === deploying?.metadata.name)
    await eventually(() => {
      expect(received().map(({ type }) => type)).toEqual(wanted)
    }, patient)
    expect(new Set(received().map(({ id }) => id)).size).toBe(wanted.length)
    expect(requests.every(({ headers }) => headers.authorization === 'Bearer canary')).toBe(true)
  } finally {
    await stopSecond()
  }
}, 180_000)
