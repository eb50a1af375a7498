/**
 * Others are told what happens by the installation as users have it: the built image, with the rights of the chart. Whoever
 * takes what is told, or does not, changes nothing for what is held and let go.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { HTTP, type CloudEventV1 } from 'cloudevents'
import { KeptnConfig } from '../../api/index.ts'
import { Job, Pod } from '../../api/kubernetes.ts'
import { appPhases, promotionPhase, workloadPhases } from '../../lifecycle/phases.ts'
import type { CloudEventData } from '../../telemetry/cloud-events/event.ts'
import { eventually } from '../eventually.ts'
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
    void text(message).then((body) => {
      if (answer < 300) requests.push({ headers: message.headers, body })
      response.writeHead(answer).end()
    })
  })
  await new Promise<void>((resolve) => receiver.listen(0, hostAddress, resolve))
  url = `http://${hostAddress}:${String((receiver.address() as AddressInfo).port)}`
  await installation.apply(
    yaml(
      {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'receiver', namespace: system } },
        stringData: { token: 'canary' },
      },
      {
        apiVersion: 'options.keptn.sh/v1alpha1',
        kind: 'KeptnConfig',
        metadata: { name: 'telling', namespace: system },
        spec: {
          cloudEventsEndpoint: `${url}/events`,
          cloudEvents: { tokenSecretRef: { name: 'receiver', key: 'token' } },
          OTelCollectorUrl: url,
        },
      },
      managedNamespace('taken'),
      managedNamespace('refused'),
      managedNamespace('unheard'),
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

test('what was not heard is told once the receiver is back, and nothing of ours has ended meanwhile', async () => {
  await eventually(() => {
    expect(toldOf('unheard').map(({ type }) => type)).toContain('sh.keptn.Completed')
  }, patient)
  const ids = toldOf('unheard').map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(await restarts()).toBe(0)
})
