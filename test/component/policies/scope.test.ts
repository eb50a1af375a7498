/** The policies and the code decide alike: ten thousand pods before the API server, and before the webhook's rules. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { gateName, keys } from '../../../identity/keys.ts'
import { parseReleased } from '../../../identity/released.ts'
import { admitPod } from '../../../webhook/pod.ts'
import { parseReview } from '../../../webhook/review.ts'
import { releasedList, somePods, type SomePod } from './pods.ts'
import { home, startWorld, tryPod, untilActive, type Tried, type World } from './world.ts'

const count = 10_000
const inFlight = 24

let world: World

beforeAll(async () => {
  world = await startWorld('policies')
  await world.policies({ admission: 'policy' })
  await world.managed('shop', releasedList)
  const [pod] = somePods(1, 1)
  await untilActive(async () => {
    const held = {
      ...pod,
      metadata: { name: 'probe', ownerReferences: [ownedByReplicaSet] },
      spec: { containers: pod?.spec.containers },
    }
    expect(await tryPod(world.client, 'shop', held)).toMatchObject({ gates: [gateName] })
    const placed = { ...held, spec: { ...held.spec, nodeName: 'node-1' } }
    expect(await tryPod(world.client, 'shop', placed)).toHaveProperty('refused')
  })
}, 300_000)
afterAll(() => world.close())

const ownedByReplicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web',
  uid: 'rs-1',
  controller: true,
}

/** What the code says of a pod whose owner nobody can ask. */
const decided = (pod: SomePod): 'refused' | 'held' | 'as it is' => {
  const question = parseReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      object: pod,
    },
  })
  const released = parseReleased(releasedList)
  const answer = admitPod({
    question,
    ownNamespace: home,
    released,
    recent: new Set(),
    mayBeOld: false,
    owner: 'unreadable',
    holding: 'gate',
  })
  if (typeof answer === 'string') throw new Error('Asks for what it knows nobody can read')
  if (!answer.allowed) return 'refused'
  const gates = pod.spec.schedulingGates ?? []
  const isLabelled = pod.metadata.labels[keys.gated] === 'true'
  const isMarked = gates.some(({ name }) => name === gateName) && isLabelled
  return answer.patch.length > 0 || isMarked ? 'held' : 'as it is'
}

const came = (pod: SomePod, tried: Tried): ReturnType<typeof decided> => {
  if ('refused' in tried) return 'refused'
  const before = (pod.spec.schedulingGates ?? []).map(({ name }) => name)
  const isAsBefore =
    tried.gates.join() === before.join() &&
    tried.labels[keys.gated] === pod.metadata.labels[keys.gated]
  const isHeld = tried.gates.includes(gateName) && tried.labels[keys.gated] === 'true'
  // Gates of others stay, in their order, and ours comes last or where it was.
  expect(tried.gates.filter((name) => name !== gateName)).toEqual(
    before.filter((name) => name !== gateName),
  )
  return isHeld ? 'held' : isAsBefore ? 'as it is' : 'refused'
}

test('ten thousand pods fare in the API server as the code decides', async () => {
  const pods = somePods(count, 42)
  const seen = { refused: 0, held: 0, 'as it is': 0 }
  const differing: unknown[] = []
  const left = [...pods]
  const work = async (): Promise<void> => {
    for (let pod = left.pop(); pod !== undefined; pod = left.pop()) {
      const wanted = decided(pod)
      const tried = await tryPod(world.client, 'shop', pod)
      const is = came(pod, tried)
      seen[is] += 1
      if (is !== wanted) differing.push({ pod, wanted, tried })
    }
  }
  await Promise.all(Array.from({ length: inFlight }, work))
  expect(differing.slice(0, 3)).toEqual([])
  // A test in which all fare alike would prove nothing.
  for (const number of Object.values(seen)) expect(number).toBeGreaterThan(count / 50)
}, 300_000)
