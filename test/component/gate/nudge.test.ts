/** After an outage of the webhook owners get their pods at once. The webhook is a process, behind its Service. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { DaemonSet, Namespace, Pod, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import { webhookEndpoints, type KeptEndpoints } from '../../../gate/index.ts'
import { watchReach } from '../../../gate/nudge/endpoints.ts'
import { nudgeController } from '../../../gate/nudge/index.ts'
import { keys } from '../../../identity/keys.ts'
import type { Client } from '../../../kube/client.ts'
import { runController } from '../../../kube/controller.ts'
import { startReflector } from '../../../kube/reflector.ts'
import { eventually } from '../../eventually.ts'
import { clientAs, installRights } from '../account.ts'
import { startService, type Replica, type Service } from '../webhook/service.ts'

const system = 'keptn-system'
const namespace = 'shop'
// Owners try again after 20 seconds, then after 40.
const outageMs = 25_000

let service: Service
let replica: Replica
let client: Client
let ended: Promise<unknown>
const stopping = new AbortController()

beforeAll(async () => {
  service = await startService('nudge')
  const { cluster } = service
  replica = await service.addReplica()
  await cluster.addFakeNode('node-1')
  await create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { [keys.optIn]: 'enabled' } },
  })
  await installRights(cluster)
  client = await clientAs(cluster, 'lifecycle-operator')
  ended = startNudging(client)
}, 600_000)
afterAll(async () => {
  stopping.abort()
  await ended
  await client.close()
  await service.close()
}, 60_000)

const create = (object: unknown) =>
  service.cluster.kubectl(['create', '-f', '-'], JSON.stringify(object))

const startNudging = (by: Client): Promise<unknown> => {
  const { signal } = stopping
  const log = pino({ level: 'silent' })
  const given = { client: by, log, signal }
  const endpoints = startReflector<KeptEndpoints>({ ...given, ...webhookEndpoints(system) })
  const namespaces = startReflector<Namespace>({ ...given, type: Namespace })
  const owners = [ReplicaSet, StatefulSet, DaemonSet].map((type) =>
    startReflector({ ...given, type }),
  )
  const controller = nudgeController({
    namespaces: namespaces.store,
    owners: owners.map(({ store }) => store),
    endpoints: endpoints.store,
    backSince: watchReach(endpoints.store),
  })
  const stores = [endpoints, namespaces, ...owners]
  return runController(controller, { ...given, stores, announce: () => undefined })
}

const workload = (kind: string) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: kind.toLowerCase(), namespace },
  spec: {
    ...(kind === 'StatefulSet' && { serviceName: 'none' }),
    selector: { matchLabels: { app: kind } },
    template: {
      metadata: {
        labels: { app: kind },
        annotations: { [keys.workload]: kind.toLowerCase(), [keys.version]: '1' },
      },
      spec: { containers: [{ name: 'main', image: 'web:1' }] },
    },
  },
})

test('owners that were refused pods while the webhook was away have them soon after its return', async () => {
  const podsByApp = async () => {
    const { items } = await service.client.list(Pod, { namespace })
    return items.map(({ metadata }) => metadata.labels?.['app'] ?? '').sort()
  }
  const kinds = ['DaemonSet', 'Deployment', 'StatefulSet']
  await replica.endGracefully()
  for (const kind of kinds) await create(workload(kind))
  await pause(outageMs)
  expect(await podsByApp()).toEqual([])
  await service.addReplica()
  await eventually(async () => expect(await podsByApp()).toEqual(kinds), {
    timeoutMs: 8_000,
    everyMs: 100,
  })

  // Nobody is nudged who has all he wants.
  const nudges = async () => {
    const lists = await Promise.all(
      [ReplicaSet, StatefulSet, DaemonSet].map((type) => service.client.list(type, { namespace })),
    )
    return lists.flatMap(({ items }) =>
      items.map(({ metadata }) => metadata.annotations?.[keys.nudged]),
    )
  }
  const before = await nudges()
  expect(before).toEqual([expect.any(String), expect.any(String), expect.any(String)])
  await pause(4_000)
  expect(await nudges()).toEqual(before)
})
