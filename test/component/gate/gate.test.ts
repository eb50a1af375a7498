import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { Namespace, Pod } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { openGate } from '../../../gate/scheduling-gate.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { parseReleased } from '../../../identity/released.ts'
import { eventually } from '../../eventually.ts'
import {
  foreignGate,
  makeNamespace,
  makePods,
  podsOf,
  startWorld,
  storeVerdict,
  storeVersion,
  type Replica,
  type World,
} from './world.ts'

let world: World
let replicas: Replica[] = []

beforeAll(async () => {
  world = await startWorld('gate')
}, 600_000)
afterAll(() => world.close())
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()))
  replicas = []
})

const start = (leads: boolean): Replica => {
  const replica = world.replica(leads)
  replicas.push(replica)
  return replica
}

const gatesOf = (pod: Pod | undefined): readonly string[] =>
  pod?.spec.schedulingGates?.map(({ name }) => name) ?? []
const isHeld = (pod: Pod | undefined): boolean => gatesOf(pod).includes(gateName)
const uidOfOwner = (pods: readonly Pod[]): string => (pods[0] && controllerOf(pods[0])?.uid) ?? ''
const releasedIn = async (namespace: string): Promise<ReadonlySet<string> | undefined> => {
  const found = await world.client.get(Namespace, { name: namespace })
  return parseReleased(found?.metadata.annotations?.[keys.released])
}
const changeNamespace = (name: string, metadata: object): Promise<Namespace> =>
  world.client.patch(Namespace, { name, patchType: 'merge', patch: { metadata } })

/** Everything decided before this was decided by now: a pod of another workload is let go after all that came before. */
const somethingElseOpens = async (namespace: string): Promise<void> => {
  const pods = await makePods(world, namespace, 'canary')
  await storeVersion(world, namespace, 'canary', { revisions: [uidOfOwner(pods)], verdict: 'True' })
  await eventually(async () =>
    expect(isHeld((await podsOf(world, namespace, 'canary'))[0])).toBe(false),
  )
}

test('a stored verdict opens our gate, and a foreign gate stays', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'verdict')
  const held = await makePods(world, namespace, 'web', {
    template: { gates: [foreignGate, gateName] },
  })
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)] })
  expect(isHeld((await podsOf(world, namespace, 'web'))[0])).toBe(true)

  await storeVerdict(world.client, { namespace, name: 'web', verdict: 'True' })
  const opened = await eventually(async () => {
    const [pod] = await podsOf(world, namespace, 'web')
    expect(gatesOf(pod)).toEqual([foreignGate])
    return pod
  })
  expect(opened?.metadata.uid).toBe(held[0]?.metadata.uid)
  expect(opened?.metadata.labels).not.toHaveProperty([keys.gated])
  expect(opened?.metadata.annotations).toMatchObject({ [keys.gateRemoved]: 'true' })
  await eventually(async () =>
    expect(await releasedIn(namespace)).toEqual(new Set([uidOfOwner(held)])),
  )
})

test('a failed verdict and marks on the pod open nothing', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'failed')
  const held = await makePods(world, namespace, 'web', {
    template: {
      annotations: {
        [keys.workload]: 'web',
        [keys.version]: '2',
        [keys.gateRemoved]: 'true',
        [keys.released]: 'v1',
      },
    },
  })
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)], verdict: 'False' })
  await somethingElseOpens(namespace)
  expect(isHeld((await podsOf(world, namespace, 'web'))[0])).toBe(true)
})

test('a patch for a pod that is gone does not open its namesake', async () => {
  const namespace = await makeNamespace(world, 'namesake')
  const [first] = await makePods(world, namespace, 'db', { kind: 'StatefulSet' })
  if (first === undefined) throw new Error('Cannot test: no pod')
  await world.client.delete(Pod, { namespace, name: 'db-0' })
  const second = await eventually(async () => {
    const pod = await world.client.get(Pod, { namespace, name: 'db-0' })
    expect(pod?.metadata.uid ?? first.metadata.uid).not.toBe(first.metadata.uid)
    return pod
  })
  await expect(world.client.patch(Pod, openGate(first))).rejects.toThrow()
  const now = await world.client.get(Pod, { namespace, name: 'db-0' })
  expect(now?.metadata.uid).toBe(second?.metadata.uid)
  expect(isHeld(now)).toBe(true)
})

test('a second version of a StatefulSet is held though the first was released', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'second')
  const [pod] = await makePods(world, namespace, 'db', { kind: 'StatefulSet' })
  const uid = controllerOf(pod as Pod)?.uid ?? ''
  const hash = pod?.metadata.labels?.['controller-revision-hash'] ?? ''
  await storeVersion(world, namespace, 'db', { revisions: [`${uid}/${hash}`], verdict: 'True' })
  await eventually(async () =>
    expect(isHeld((await podsOf(world, namespace, 'db'))[0])).toBe(false),
  )
  const image = { op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'web:3' }
  await world.cluster.kubectl([
    ...['patch', 'statefulset/db', `--namespace=${namespace}`, '--type=json'],
    `--patch=${JSON.stringify([image])}`,
  ])
  // It has a node by now, and nobody there to end it.
  await world.cluster.kubectl([
    ...['delete', 'pod/db-0', `--namespace=${namespace}`, '--force', '--grace-period=0'],
  ])
  await eventually(async () => {
    const [next] = await podsOf(world, namespace, 'db')
    expect(next?.metadata.labels?.['controller-revision-hash'] ?? hash).not.toBe(hash)
  })
  await somethingElseOpens(namespace)
  expect(isHeld((await podsOf(world, namespace, 'db'))[0])).toBe(true)
})

test('opting out opens everything, and takes our annotations along', async () => {
  const replica = start(true)
  const namespace = await makeNamespace(world, 'leaving')
  await makePods(world, namespace, 'web', { replicas: 5 })
  await eventually(async () => expect(await releasedIn(namespace)).toBeDefined())

  await changeNamespace(namespace, { labels: { [keys.optIn]: null } })
  await eventually(async () =>
    expect((await podsOf(world, namespace, 'web')).filter(isHeld)).toEqual([]),
  )
  await eventually(async () => {
    const found = await world.client.get(Namespace, { name: namespace })
    expect(found?.metadata.annotations ?? {}).toEqual({})
  })
  await eventually(() => {
    expect(replica.told).toMatchObject([{ reason: 'OptedOut', subject: { name: namespace } }])
  })
})

test('opting in adopts what runs, holds what does not, and a lost list comes back', async () => {
  const replica = start(true)
  const namespace = await makeNamespace(world, 'adoption', {})
  const running = await makePods(world, namespace, 'old', { template: { gates: [], labels: {} } })
  await eventually(async () =>
    expect((await podsOf(world, namespace, 'old'))[0]?.spec.nodeName).toBe('node-1'),
  )
  const waiting = await makePods(world, namespace, 'new', { template: { gates: [foreignGate] } })
  // What was there before has to be of an earlier second than the opting in.
  await eventually(() =>
    expect(Date.now()).toBeGreaterThan(
      Date.parse(running[0]?.metadata.creationTimestamp ?? '') + 1_000,
    ),
  )
  await changeNamespace(namespace, { annotations: { [keys.optIn]: 'enabled' } })

  const adopted = new Set([uidOfOwner(running)])
  await eventually(async () => expect(await releasedIn(namespace)).toEqual(adopted))
  await eventually(() => {
    expect(replica.told).toMatchObject([{ reason: 'Adopted', subject: { name: namespace } }])
  })
  const found = await world.client.get(Namespace, { name: namespace })
  expect(found?.metadata.labels).toMatchObject({ [keys.optIn]: 'enabled' })

  await storeVersion(world, namespace, 'new', { revisions: [uidOfOwner(waiting)], verdict: 'True' })
  const both = new Set([...adopted, uidOfOwner(waiting)])
  await eventually(async () => expect(await releasedIn(namespace)).toEqual(both))
  await changeNamespace(namespace, { annotations: { [keys.released]: null } })
  await eventually(async () => expect(await releasedIn(namespace)).toEqual(both))
})

test('a held pod without our label gets it when its namespace becomes managed', async () => {
  const namespace = await makeNamespace(world, 'takeover')
  const held = await makePods(world, namespace, 'web', { template: { labels: {} } })
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)] })
  start(true)
  await eventually(async () =>
    expect((await podsOf(world, namespace, 'web'))[0]?.metadata.labels).toMatchObject({
      [keys.gated]: 'true',
    }),
  )
  expect(isHeld((await podsOf(world, namespace, 'web'))[0])).toBe(true)
})

test('a held pod that loses the label gets it back, and is let go when its checks have passed', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'stripped')
  const [held] = await makePods(world, namespace, 'web')
  if (held === undefined) throw new Error('Cannot test: no pod')
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner([held])] })
  await somethingElseOpens(namespace)
  const patch = { metadata: { labels: { [keys.gated]: null } } }
  const at = { namespace, name: held.metadata.name }
  const stripped = await world.client.patch(Pod, { ...at, patchType: 'merge', patch })
  expect(stripped.metadata.labels).not.toHaveProperty([keys.gated])

  await eventually(async () =>
    expect((await world.client.get(Pod, at))?.metadata.labels).toMatchObject({
      [keys.gated]: 'true',
    }),
  )
  expect(isHeld(await world.client.get(Pod, at))).toBe(true)
  await storeVerdict(world.client, { namespace, name: 'web', verdict: 'True' })
  await eventually(async () => expect(isHeld(await world.client.get(Pod, at))).toBe(false))
})

test('a pod whose owner names no workload opens, and its revision is listed', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'unmanaged')
  const anonymous = { template: { annotations: {} } }
  const named = { metadata: { annotations: { [keys.workload]: 'web' } }, ...anonymous }
  await makePods(world, namespace, 'managed', named)
  const free = await makePods(world, namespace, 'free', anonymous)
  await eventually(async () =>
    expect(isHeld((await podsOf(world, namespace, 'free'))[0])).toBe(false),
  )
  await eventually(async () =>
    expect(await releasedIn(namespace)).toEqual(new Set([uidOfOwner(free)])),
  )
  expect(isHeld((await podsOf(world, namespace, 'managed'))[0])).toBe(true)
})

test('an entry leaves the list with its owner', async () => {
  start(true)
  const namespace = await makeNamespace(world, 'gone')
  const pods = await makePods(world, namespace, 'free', { template: { annotations: {} } })
  await eventually(async () =>
    expect(await releasedIn(namespace)).toEqual(new Set([uidOfOwner(pods)])),
  )
  await world.cluster.kubectl(['delete', 'deployment/free', `--namespace=${namespace}`, '--wait'])
  await eventually(
    async () => {
      // Nothing is asked about before something else wakes the namespace.
      await changeNamespace(namespace, { annotations: { 'example.org/touched': `${Date.now()}` } })
      expect(await releasedIn(namespace)).toEqual(new Set())
    },
    { everyMs: 500, timeoutMs: 30_000 },
  )
})

test('without a leader a follower opens what stays closed', async () => {
  start(false)
  const namespace = await makeNamespace(world, 'follower')
  const held = await makePods(world, namespace, 'web')
  const storedAt = Date.now()
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)], verdict: 'True' })
  await eventually(async () =>
    expect(isHeld((await podsOf(world, namespace, 'web'))[0])).toBe(false),
  )
  expect(Date.now() - storedAt).toBeGreaterThan(900)
  expect(Date.now() - storedAt).toBeLessThan(4_000)
})

test('a version that passes opens all its pods with one write each, though two replicas open gates', async () => {
  start(true)
  start(false)
  const namespace = await makeNamespace(world, 'burst')
  const held = await makePods(world, namespace, 'web', { replicas: 30 })
  // Old enough that a follower would not wait for the sake of the pods.
  const madeAt = Date.now()
  await eventually(() => expect(Date.now() - madeAt).toBeGreaterThan(2_500))
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)], verdict: 'True' })
  await eventually(async () =>
    expect((await podsOf(world, namespace, 'web')).filter(isHeld)).toEqual([]),
  )
  // Long enough for the follower to have had its turn.
  const verdictAt = Date.now()
  await eventually(() => expect(Date.now() - verdictAt).toBeGreaterThan(3_000))
  const writes = requestsIn(namespace, 'patch')
  expect(writes.filter((name, at) => writes.indexOf(name) !== at)).toEqual([])
  expect(writes).toHaveLength(30)
  // Nobody reads the pods that were let go.
  expect(requestsIn(namespace, 'get')).toEqual([])
})

interface AuditLine {
  readonly userAgent?: string
  readonly verb: string
  readonly stage: string
  readonly objectRef?: {
    readonly resource: string
    readonly namespace?: string
    readonly name: string
  }
}

/** The pods that the replicas wrote to or read, a name for each time. */
const requestsIn = (namespace: string, asked: 'patch' | 'get'): readonly string[] =>
  readFileSync(world.cluster.auditLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"userAgent":"gate-replica-'))
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ verb, stage }) => verb === asked && stage === 'ResponseComplete')
    .flatMap(({ objectRef }) =>
      objectRef?.resource === 'pods' && objectRef.namespace === namespace ? [objectRef.name] : [],
    )
