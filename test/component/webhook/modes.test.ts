/** The webhook beside admission policies, which read the released list from a memory of their own. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { Namespace } from '../../../api/kubernetes.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { formatReleased } from '../../../identity/released.ts'
import type { Client } from '../../../kube/client.ts'
import { eventually } from '../../eventually.ts'
import { applyPolicies, tryPod, type Tried } from '../policies/world.ts'
import { startWorld, type World } from './world.ts'

const patient = { timeoutMs: 30_000, everyMs: 50 }

/** A pod of a ReplicaSet with this UID, which says itself who it is. */
const podOf = (uid: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web',
    annotations: { [keys.workload]: 'web', [keys.version]: '1' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid, controller: true },
    ],
  },
  spec: { containers: [{ name: 'main', image: 'web:1' }] },
})

const held: Tried = { gates: [gateName], labels: { [keys.gated]: 'true' } }
const spared: Tried = { gates: [], labels: {} }

const prepare = async ({ client, cluster }: World, name: string): Promise<void> => {
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { [keys.optIn]: 'enabled' } },
  })
  await eventually(() => cluster.kubectl(['get', 'serviceaccount', 'default', '-n', name]))
}

const release = (client: Client, name: string, revisions: readonly string[]) =>
  client.patch(Namespace, {
    name,
    patchType: 'merge',
    patch: { metadata: { annotations: { [keys.released]: formatReleased(revisions) } } },
  })

describe('where a policy gives pods their gate', () => {
  let world: World
  /** Whether the webhook hears nothing of namespaces. */
  let isDeaf = false

  const deaf = (client: Client): Client => ({
    ...client,
    watch: async function* (type, query, options) {
      for await (const event of client.watch(type, query, options)) {
        while (isDeaf && type.kind === 'Namespace') await pause(10)
        yield event
      }
    },
  })
  const create = (name: string, uid: string) => tryPod(world.client, name, podOf(uid))

  beforeAll(async () => {
    world = await startWorld('webhook-policy', { admission: 'policy', through: deaf })
    await applyPolicies(world.cluster, { admission: 'policy', guard: { enabled: 'never' } })
  }, 600_000)
  afterEach(() => {
    isDeaf = false
  })
  afterAll(() => world.close(), 60_000)

  test('a pod of a released revision gets none, though the webhook has not heard of it', async () => {
    await prepare(world, 'news')
    await eventually(async () => expect(await create('news', 'first')).toEqual(held), patient)
    isDeaf = true
    await release(world.client, 'news', ['first'])
    await eventually(async () => expect(await create('news', 'first')).toEqual(spared), patient)
    expect(await create('news', 'second')).toEqual(held)
  })
  test('no pod comes without one while the policy is taken away and put back', async () => {
    await prepare(world, 'toggled')
    let isOver = false
    const tried: Tried[] = []
    const trying = async (): Promise<void> => {
      while (!isOver) tried.push(await create('toggled', 'first'))
    }
    const trials = [trying(), trying(), trying(), trying()]
    const hold = ['mutatingadmissionpolicybindings/gatekept-hold']
    for (let round = 0; round < 3; round += 1) {
      await world.cluster.kubectl(['delete', ...hold])
      // As long as the API server takes to act on it.
      await pause(1_500)
      await applyPolicies(world.cluster, { admission: 'policy', guard: { enabled: 'never' } })
      await pause(1_500)
    }
    isOver = true
    await Promise.all(trials)
    expect(tried.length).toBeGreaterThan(100)
    expect(tried).toEqual(tried.map(() => held))
  })
})

describe('where the webhook gives pods their gate, and the guard looks at them', () => {
  let world: World
  const create = (name: string, uid: string) => tryPod(world.client, name, podOf(uid))

  beforeAll(async () => {
    world = await startWorld('webhook-guard')
    await applyPolicies(world.cluster, { admission: 'webhook' })
    // The lists are written here, in the place of the controller.
    await world.cluster.kubectl(['delete', 'validatingadmissionpolicybindings/gatekept-notes'])
  }, 600_000)
  afterAll(() => world.close(), 60_000)

  test('no pod of a revision that is just being released is refused', async () => {
    await prepare(world, 'rounds')
    await world.cluster.kubectl(['delete', 'mutatingwebhookconfigurations', '--all'])
    // The guard is there once it refuses what nobody holds.
    await eventually(async () => {
      expect(await create('rounds', 'none')).toHaveProperty('refused')
    }, patient)
    await world.installConfiguration()
    await world.deliverCertificate()
    await eventually(async () => {
      expect(await create('rounds', 'none')).toEqual(held)
    }, patient)

    await eventually(() => release(world.client, 'rounds', []), patient)

    const tried: Tried[] = []
    const untilSpared = async (revision: string): Promise<void> => {
      let came: Tried
      do {
        came = await create('rounds', revision)
        tried.push(came)
      } while (!isDeepStrictEqual(came, spared))
    }
    const revisions = Array.from({ length: 20 }, (_, index) => `revision-${index}`)
    for (const [index, revision] of revisions.entries()) {
      // Some of them are under way when the API server and the webhook hear of it.
      const trials = Array.from({ length: 12 }, () => untilSpared(revision))
      await release(world.client, 'rounds', revisions.slice(0, index + 1))
      await Promise.all(trials)
    }
    expect(tried.filter((came) => 'refused' in came)).toEqual([])
  })
})
