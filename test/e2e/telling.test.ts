/**
 * Others are told what happens by the installation as users have it: the built image, with the rights of the chart. Whoever
 * takes what is told, or does not, changes nothing for what is held and let go.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { HTTP, type CloudEventV1 } from 'cloudevents'
import { KeptnConfig } from '../../api/index.ts'
import { Job, Pod } from '../../api/kubernetes.ts'
import { appPhases, promotionPhase, workloadPhases } from '../../lifecycle/phases.ts'
import type { CloudEventData } from '../../telemetry/cloud-events/event.ts'
import { eventually } from '../eventually.ts'
import { readRequest, type ReceivedSpan } from '../unit/telemetry/traces/receiver.ts'
import { install, type Installation } from './installation.ts'
import { deployment, gatesOf, lookAt, managedNamespace, task, yaml } from './world.ts'

const system = 'keptn-system'
const patient = { timeoutMs: 90_000 }

let installation: Installation
let receiver: Server
let url: string
/** What the receiver answers with. */
let answer = 202
const requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
const spans: ReceivedSpan[] = []
const notified: { readonly namespace: string; readonly text: string }[] = []

/** What is kept of what is posted, by where it is posted. */
const takers: Readonly<Record<string, (headers: IncomingHttpHeaders, body: Buffer) => void>> = {
  '/events': (headers, body) => requests.push({ headers, body: body.toString('utf8') }),
  '/v1/traces': (_, body) => spans.push(...readRequest(body)),
  '/hook': (_, body) => notified.push(JSON.parse(body.toString('utf8')) as (typeof notified)[0]),
}

const toldOf = (namespace: string): readonly CloudEventV1<CloudEventData>[] =>
  requests
    .map((request) => HTTP.toEvent(request) as CloudEventV1<CloudEventData>)
    .filter(({ data }) => data?.resource.namespace === namespace)

const deploy = (namespace: string): Promise<void> =>
  installation.apply(
    yaml(
      task(namespace, 'check', 'console.log("ok")'),
      deployment({ namespace, annotations: { 'keptn.sh/pre-deployment-tasks': 'check' } }),
    ),
  )

/** How often containers of ours have ended since they were installed. */
const restarts = async (): Promise<number> => {
  const { items } = await installation.client.list(Pod, { namespace: system })
  return items
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)
}

beforeAll(async () => {
  installation = await install('telling')
  const { hostAddress } = installation.cluster
  receiver = createServer((message, response) => {
    void buffer(message).then((body) => {
      if (answer < 300) takers[message.url ?? '']?.(message.headers, body)
      response.writeHead(answer).end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, hostAddress, resolve))
  url = `http://${hostAddress}:${String((receiver.address() as AddressInfo).port)}`
  await installation.apply(
    yaml(
      {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'receiver', namespace: system } },
        stringData: { token: 'canary', hook: `${url}/hook` },
      },
      {
        apiVersion: 'options.keptn.sh/v1alpha1',
        kind: 'KeptnConfig',
        metadata: { name: 'telling', namespace: system },
        spec: {
          cloudEventsEndpoint: `${url}/events`,
          cloudEvents: { tokenSecretRef: { name: 'receiver', key: 'token' } },
          OTelCollectorUrl: url,
          openTelemetry: { protocol: 'http' },
          notifications: [
            {
              ...{ name: 'board', type: 'webhook' },
              urlSecretRef: { name: 'receiver', key: 'hook' },
              filter: { namespaces: ['taken', 'after'] },
              template: '{{outcome}} {{name}}',
            },
          ],
        },
      },
      managedNamespace('taken'),
      managedNamespace('refused'),
      managedNamespace('unheard'),
      managedNamespace('after'),
    ),
  )
  await eventually(async () => {
    const at = { name: 'telling', namespace: system }
    expect((await installation.client.get(KeptnConfig, at))?.status).toBe('Applied')
  }, patient)
}, 300_000)

afterAll(async () => {
  receiver.closeAllConnections()
  receiver.close()
  await installation.down()
}, 60_000)

const wanted = (phases: readonly { readonly name: string }[]): readonly string[] =>
  [...phases.flatMap(({ name }) => [`${name}Started`, `${name}Succeeded`]), 'Completed'].map(
    (reason) => `sh.keptn.${reason}`,
  )

test('a receiver has each step of an app and its workload once, in order, with the token', async () => {
  await deploy('taken')
  const version = await lookAt(installation.client, 'taken').appVersionIs('Succeeded')
  const ofKind = (kind: string): readonly string[] =>
    toldOf('taken')
      .filter(({ data }) => data?.resource.kind === kind)
      .map(({ type }) => type)
      .filter((type) => /(Started|Succeeded|Completed)$/.test(type))
  const phases = appPhases.filter(({ name }) => name !== promotionPhase.name)
  await eventually(() => {
    expect(ofKind('KeptnAppVersion')).toEqual(wanted(phases))
    expect(ofKind('KeptnWorkloadVersion')).toEqual(wanted(workloadPhases))
  }, patient)
  const ids = toldOf('taken').map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(requests.every(({ headers }) => headers.authorization === 'Bearer canary')).toBe(true)
  expect(version.status?.phaseTraceIDs).toHaveProperty('AppPreDeployTasks.traceparent')
})

/** Spans by their names, each with that of its parent. */
const treeOf = (namespace: string): readonly (readonly [name: string, parent: string])[] => {
  const of = spans.filter(({ traceId }) =>
    spans.some(
      (root) =>
        root.traceId === traceId && root.attributes['keptn.deployment.app.namespace'] === namespace,
    ),
  )
  const names = new Map(of.map(({ spanId, name }) => [spanId, name]))
  return of.map(({ name, parentSpanId }) => [name, names.get(parentSpanId) ?? ''] as const)
}

test('a collector has the tree of its spans, and people one notification', async () => {
  const { client } = installation
  const at = lookAt(client, 'taken')
  const [app, workload] = [await at.appVersion(), await at.workloadVersion()]
  const [checked] = await at.tasks()
  const { workloadName } = workload.spec
  const appNames = appPhases.filter(({ name }) => name !== promotionPhase.name)
  const wantedTree = [
    [app.metadata.name, ''],
    ...appNames.map(({ name }) => [name, app.metadata.name]),
    [workload.metadata.name, 'AppDeploy'],
    ...workloadPhases.map(({ name }) => [`${workloadName}/${name}`, workload.metadata.name]),
    [checked?.metadata.name, `${workloadName}/WorkloadPreDeployTasks`],
  ]
  await eventually(() => {
    expect(treeOf('taken').toSorted()).toEqual(wantedTree.toSorted())
  }, patient)
  await eventually(() => {
    expect(notified.map(({ text }) => text)).toEqual([`Succeeded ${app.metadata.name}`])
  }, patient)
})

test('a task finds the span of its phase in its environment', async () => {
  const { client } = installation
  const version = await lookAt(client, 'taken').workloadVersion()
  const [job] = (await client.list(Job, { namespace: 'taken' })).items
  const environment = job?.spec.template.spec.containers[0]?.env ?? []
  const context = environment.find(({ name }) => name === 'KEPTN_CONTEXT')?.value ?? '{}'
  const { metadata } = JSON.parse(context) as { readonly metadata?: object }
  expect(metadata).toEqual(version.status?.phaseTraceIDs?.['WorkloadPreDeployTasks'])
})

test.each([
  ['refused', 400],
  ['unheard', 503],
])('where what is told is %s (%i), everything goes on as ever', async (namespace, status) => {
  answer = status
  try {
    await deploy(namespace)
    const at = lookAt(installation.client, namespace)
    await at.appVersionIs('Succeeded')
    expect((await at.pods()).flatMap(gatesOf)).toEqual([])
  } finally {
    answer = 202
  }
})

test('another leader goes on where the one before was, and doubles nothing', async () => {
  const { cluster, client } = installation
  // Whatever was told to whom: nothing of ours has ended until now.
  expect(await restarts()).toBe(0)
  const before = { spans: spans.length, notified: notified.length }
  const selector = ['--selector', 'app.kubernetes.io/name=lifecycle-operator']
  const ours = ['--namespace', system, ...selector]
  const { items: old } = await client.list(Pod, {
    namespace: system,
    labelSelector: 'app.kubernetes.io/name=lifecycle-operator',
  })
  await deploy('after')
  await lookAt(client, 'after').appVersionIs('Succeeded')
  await cluster.kubectl(['delete', 'pods', ...ours, '--grace-period=0', '--force', '--wait=false'])
  for (const { metadata } of old) {
    await cluster.kubectl(['wait', `pod/${metadata.name}`, '-n', system, '--for=delete'])
  }
  await eventually(() => {
    expect(treeOf('after')).toHaveLength(treeOf('taken').length)
    expect(notified).toHaveLength(2)
  }, patient)
  expect(spans.length).toBeGreaterThan(before.spans)
  const ids = treeOf('after').map(([name]) => name)
  expect(new Set(ids).size).toBe(ids.length)
  expect(notified[1]?.namespace).toBe('after')
})

test('what was not heard is told once the receiver is back', async () => {
  await eventually(() => {
    expect(toldOf('unheard').map(({ type }) => type)).toContain('sh.keptn.Completed')
    expect(treeOf('unheard')).toHaveLength(treeOf('taken').length)
  }, patient)
  const ids = toldOf('unheard').map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(await restarts()).toBe(0)
})
