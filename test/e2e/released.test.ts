/**
 * Released stays released: pods that come later, by scaling or deletion, never carry a gate; and the next version is held all the
 * same. Whether a pod carried a gate is read from the API server's audit log.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { Namespace, Pod, ReplicaSet } from '../../api/kubernetes.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { revisionOf } from '../../identity/revision.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { install, type Installation } from './installation.ts'
import { namespaceYaml, workloadYaml, type Workload } from './workloads.ts'

let world: Installation

const first: readonly Workload[] = [
  { namespace: 'scaled', name: 'web', version: '1' },
  { namespace: 'held', name: 'web', version: '1', replicas: 2 },
  { namespace: 'stateful', name: 'db', version: '1', replicas: 2, kind: 'StatefulSet' },
]

beforeAll(async () => {
  world = await install('released')
  await world.apply(first.map(({ namespace }) => namespaceYaml(namespace)).join('---\n'))
  await world.apply(first.map(workloadYaml).join('---\n'))
  for (const workload of first) await awaitReleased(workload)
}, 300_000)

afterAll(() => world.down(), 60_000)

const patient = { timeoutMs: 60_000, everyMs: 200 }

const podsOf = async (namespace: string, name = 'web'): Promise<readonly Pod[]> =>
  (await world.client.list(Pod, { namespace, labelSelector: `app=${name}` })).items

const isRunning = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase === 'Running'

const isHeld = ({ spec }: Pod): boolean =>
  (spec.schedulingGates ?? []).some(({ name }) => name === gateName)

/** Waits until its version is completed and its namespace says so. */
const awaitReleased = async ({ namespace, name, replicas = 1 }: Workload): Promise<void> => {
  await eventually(async () => {
    const { items } = await world.client.list(KeptnAppVersion, { namespace })
    expect(items.map(({ status }) => status?.status)).toEqual(['Succeeded'])
    const pods = await podsOf(namespace, name)
    expect(pods.filter(isRunning)).toHaveLength(replicas)
    const { metadata } = (await world.client.get(Namespace, { name: namespace })) ?? {}
    const released = parseReleased(metadata?.annotations?.[keys.released])
    expect(pods.every((pod) => released?.has(revisionOf(pod)?.key ?? ''))).toBe(true)
  }, patient)
}

const awaitRunning = (namespace: string, name: string, count: number): Promise<readonly Pod[]> =>
  eventually(async () => {
    const pods = (await podsOf(namespace, name)).filter(isRunning)
    expect(pods).toHaveLength(count)
    return pods
  }, patient)

/** Whether pods were created with our gate, in the order in which they were, by what they are a copy of. */
const gatesAtCreation = (namespace: string): ReadonlyMap<string, readonly boolean[]> => {
  const pods = readAudit(
    world.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  ).map(({ object }) => object as Pod)
  const ours = pods.filter((pod) => pod.metadata.annotations?.[keys.workload] !== undefined)
  const byRevision = Map.groupBy(ours, (pod) => revisionOf(pod)?.key ?? '')
  return new Map(
    [...byRevision].map(([revision, group]) => [
      revision,
      group.map((pod) => isHeld(pod) || pod.metadata.labels?.[keys.gated] !== undefined),
    ]),
  )
}

const scale = (what: string, namespace: string, replicas: number): Promise<string> =>
  world.cluster.kubectl(['scale', what, `--replicas=${replicas}`, `--namespace=${namespace}`])

const kill = (namespace: string, ...pods: readonly string[]): Promise<string> =>
  world.cluster.kubectl([
    ...['delete', 'pods', ...pods, `--namespace=${namespace}`],
    ...['--force', '--grace-period=0', '--wait=false'],
  ])

const killControllers = (): Promise<string> =>
  kill('keptn-system', '--selector=control-plane=lifecycle-operator')

/** Waits until the second version of a workload has failed its check. */
const awaitFailed = (namespace: string): Promise<void> =>
  eventually(async () => {
    const { items } = await world.client.list(KeptnWorkloadVersion, { namespace })
    const second = items.find(({ spec }) => spec.version === '2')
    expect(second?.status?.status).toBe('Failed')
  }, patient)

test('pods that a released version gets later never carry a gate', async () => {
  await scale('deployment/web', 'scaled', 3)
  const [some] = await awaitRunning('scaled', 'web', 3)
  await kill('scaled', some?.metadata.name ?? '')
  await eventually(async () => {
    const pods = await awaitRunning('scaled', 'web', 3)
    expect(pods.map(({ metadata }) => metadata.uid)).not.toContain(some?.metadata.uid)
  }, patient)
  // Nobody leads now, and whoever leads next has yet to read everything.
  await killControllers()
  await scale('deployment/web', 'scaled', 5)
  await awaitRunning('scaled', 'web', 5)

  const [gates] = [...gatesAtCreation('scaled').values()]
  expect(gates).toEqual([true, false, false, false, false, false])
}, 120_000)

test('a second rollout that fails its check is held, and the first one runs and scales', async () => {
  const [before] = await podsOf('held')
  const revision = before === undefined ? '' : (revisionOf(before)?.key ?? '')
  const at = { namespace: 'held', name: 'web', replicas: 2, rollout: { maxUnavailable: 0 } }
  await world.apply(workloadYaml({ ...at, version: '2', check: 'refuse' }))
  await awaitFailed('held')
  await awaitRunning('held', 'web', 2)

  await killControllers()
  await scale('deployment/web', 'held', 8)
  const pods = await eventually(async () => {
    const { items } = await world.client.list(ReplicaSet, { namespace: 'held' })
    const old = items.find(({ metadata }) => metadata.uid === revision)
    const all = await podsOf('held')
    // A quarter more than there are to be, shared out between both versions.
    expect(all).toHaveLength(10)
    expect(all.filter(isRunning)).toHaveLength(old?.spec.replicas ?? 0)
    return all
  }, patient)

  expect(pods.filter(isRunning).every((pod) => revisionOf(pod)?.key === revision)).toBe(true)
  expect(pods.filter(isRunning).length).toBeGreaterThan(2)
  const held = pods.filter((pod) => revisionOf(pod)?.key !== revision)
  expect(held.length).toBeGreaterThan(0)
  expect(held.every((pod) => isHeld(pod) && pod.spec.nodeName === undefined)).toBe(true)
  const { [revision]: old, ...others } = Object.fromEntries(gatesAtCreation('held'))
  expect(old?.slice(0, 2)).toEqual([true, true])
  expect(old?.slice(2)).toEqual(old?.slice(2).map(() => false))
  expect(Object.values(others).flat()).toEqual(held.map(() => true))
}, 120_000)

test('a StatefulSet is released version by version, though its UID stays', async () => {
  const at = { namespace: 'stateful', name: 'db', replicas: 2, kind: 'StatefulSet' } as const
  // Pods below the partition stay with the first version, and come back with it.
  const rollout = { partition: 1 }
  await world.apply(workloadYaml({ ...at, rollout, version: '2', check: 'refuse' }))
  await awaitFailed('stateful')
  const [old] = await awaitRunning('stateful', 'db', 1)
  expect(old?.metadata.name).toBe('db-0')

  await kill('stateful', 'db-0')
  await eventually(async () => {
    const [again] = await awaitRunning('stateful', 'db', 1)
    expect(again?.metadata.name).toBe('db-0')
    expect(again?.metadata.uid).not.toBe(old?.metadata.uid)
  }, patient)
  const next = (await podsOf('stateful', 'db')).find(({ metadata }) => metadata.name === 'db-1')
  expect(next !== undefined && isHeld(next)).toBe(true)
  // The second pod was made when the first one ran, so it was released at its creation.
  expect([...gatesAtCreation('stateful').values()]).toEqual([[true, false, false], [true]])
}, 120_000)
