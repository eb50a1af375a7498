/**
 * Where pods can't carry gates, the scheduler that they are given to asks before it gives them a node. It is a real
 * kube-scheduler beside the cluster's own.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import { Pod } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { keys, permitScheduler } from '../../../identity/keys.ts'
import { wholeSeconds } from '../../../kube/conditions.ts'
import { eventually } from '../../eventually.ts'
import { deployment, managedNamespace, stays, yaml } from '../../e2e/world.ts'
import { startWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('permit')
}, 600_000)
afterAll(() => world.close())

const patient = { timeoutMs: 60_000, everyMs: 50 }

const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
  (await world.client.list(Pod, { namespace })).items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined,
  )
const workloadPods = async (namespace: string, version: string): Promise<readonly Pod[]> =>
  (await podsOf(namespace)).filter(
    ({ metadata }) => metadata.annotations?.[keys.version] === version,
  )
const hasNode = ({ spec }: Pod): boolean => (spec.nodeName ?? '') !== ''

const apply = (...objects: readonly object[]): Promise<string> =>
  world.cluster.kubectl(['apply', '-f', '-'], yaml(...objects))

/** A workload whose check goes on until somebody says how it ended. */
const workload = (namespace: string, version: string, replicas = 1): object =>
  deployment({
    namespace,
    replicas,
    annotations: { [keys.version]: version, [keys.preDeploymentTasks]: 'check' },
  })

const prepare = (namespace: string): Promise<string> =>
  apply(managedNamespace(namespace), {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTaskDefinition',
    metadata: { name: 'check', namespace },
    spec: { retries: 0, container: { name: 'main', image: 'example.org/check' } },
  })

/** Waits for pods of a version that are told to wait, and that nobody has let go. */
const awaitHeld = (namespace: string, version: string, count = 1): Promise<readonly Pod[]> =>
  eventually(async () => {
    const pods = await workloadPods(namespace, version)
    expect(pods).toHaveLength(count)
    for (const { spec, metadata, status } of pods) {
      expect(spec.schedulingGates).toBeUndefined()
      expect(spec.schedulerName).toBe(permitScheduler)
      expect(metadata.labels?.[keys.gated]).toBe('true')
      expect(JSON.stringify(status?.conditions)).toContain('held by Gatekept')
    }
    return pods
  }, patient)

const awaitNodes = (namespace: string, version: string, count: number): Promise<readonly Pod[]> =>
  eventually(async () => {
    const pods = await workloadPods(namespace, version)
    expect(pods.map(hasNode)).toEqual(Array.from({ length: count }, () => true))
    return pods
  }, patient)

/** Says of the pod of the running check what a kubelet would say of one that ended well, or badly. */
const endCheck = async (namespace: string, phase: 'Succeeded' | 'Failed'): Promise<void> => {
  const pod = await eventually(async () => {
    const found = (await podsOf(namespace)).find(
      (each) => controllerOf(each)?.kind === 'Job' && each.status?.phase === 'Pending',
    )
    if (found === undefined) throw new Error('There is no pod of a check yet')
    return found
  }, patient)
  const finishedAt = wholeSeconds(new Date())
  const exitCode = phase === 'Succeeded' ? 0 : 1
  const state = { terminated: { exitCode, startedAt: finishedAt, finishedAt } }
  await world.client.patch(Pod, {
    namespace,
    name: pod.metadata.name,
    patchType: 'merge',
    subresource: 'status',
    patch: {
      status: {
        phase,
        containerStatuses: [
          { name: 'main', image: 'check', imageID: '', ready: false, restartCount: 0, state },
        ],
      },
    },
  })
}

/** The cluster's own scheduler gives a pod a node that is nobody's business of ours. */
const othersGetNodes = async (name: string): Promise<void> => {
  await apply(deployment({ namespace: 'default', name, annotations: { [keys.version]: name } }))
  const [pod] = await awaitNodes('default', name, 1)
  expect(pod?.spec.schedulerName).toBe('default-scheduler')
}

test('pods are held without gates, and get a node when their checks have passed; others get theirs meanwhile', async () => {
  await prepare('shop')
  await apply(workload('shop', '1', 3))
  const held = await awaitHeld('shop', '1', 3)
  await othersGetNodes('others')
  expect((await workloadPods('shop', '1')).filter(hasNode)).toEqual([])

  await endCheck('shop', 'Succeeded')
  const pods = await awaitNodes('shop', '1', 3)
  expect(pods.map(({ metadata }) => metadata.uid).sort()).toEqual(
    held.map(({ metadata }) => metadata.uid).sort(),
  )
  await eventually(async () => {
    for (const { metadata } of await workloadPods('shop', '1')) {
      expect(metadata.labels).not.toHaveProperty([keys.gated])
      expect(metadata.annotations?.[keys.gateRemoved]).toBe('true')
    }
  }, patient)
}, 120_000)

test('a version whose check failed stays held, and nothing that its pods say of themselves lets it go', async () => {
  await prepare('failing')
  await apply(workload('failing', '1'))
  const [pod] = await awaitHeld('failing', '1')
  await endCheck('failing', 'Failed')
  await eventually(async () => {
    const { items } = await world.client.list(KeptnWorkloadVersion, { namespace: 'failing' })
    expect(items.map(({ status }) => status?.status)).toEqual(['Failed'])
  }, patient)
  const mark = { labels: { [keys.gated]: null }, annotations: { [keys.gateRemoved]: 'true' } }
  await world.client.patch(Pod, {
    namespace: 'failing',
    name: pod?.metadata.name ?? '',
    patchType: 'merge',
    patch: { metadata: mark },
  })
  await eventually(async () => {
    const [marked] = await workloadPods('failing', '1')
    // The engine goes on watching it.
    expect(marked?.metadata.labels?.[keys.gated]).toBe('true')
  }, patient)
  await stays(async () => {
    expect((await workloadPods('failing', '1')).filter(hasNode)).toEqual([])
  }, 1_000)
}, 120_000)

test('while the permit is away nobody is let go but released versions, and when it is back whoever may go is', async () => {
  await prepare('outage')
  await apply(workload('outage', '1'))
  await awaitHeld('outage', '1')
  await endCheck('outage', 'Succeeded')
  const [first] = await awaitNodes('outage', '1', 1)
  await apply(workload('outage', '2'))
  const [second] = await awaitHeld('outage', '2')

  await world.stopPermit()
  await endCheck('outage', 'Succeeded')
  await eventually(async () => {
    const [pod] = await workloadPods('outage', '2')
    expect(pod?.metadata.annotations?.[keys.gateRemoved]).toBe('true')
  }, patient)
  await othersGetNodes('meanwhile')
  await stays(async () => {
    expect((await workloadPods('outage', '2')).filter(hasNode)).toEqual([])
  }, 2_000)
  // A restart of the released version: its pod is not held again, so that nobody need be asked.
  await world.client.delete(Pod, { namespace: 'outage', name: first?.metadata.name ?? '' })
  await world.cluster.kubectl([
    ...['delete', 'pod', first?.metadata.name ?? '', '--namespace=outage'],
    ...['--force', '--grace-period=0', '--ignore-not-found'],
  ])
  const [again] = await awaitNodes('outage', '1', 1)
  expect(again?.metadata.uid).not.toBe(first?.metadata.uid)
  expect(again?.spec.schedulerName).toBe('default-scheduler')

  await world.startPermit()
  const [bound] = await awaitNodes('outage', '2', 1)
  expect(bound?.metadata.uid).toBe(second?.metadata.uid)
}, 120_000)

test('a scheduler that was told to wait by a permit that was behind is made to ask again', async () => {
  await prepare('behind')
  await apply(workload('behind', '1', 2))
  await awaitHeld('behind', '1', 2)
  const asked = await world.holdEverything()
  await endCheck('behind', 'Succeeded')
  await eventually(async () => {
    for (const { metadata } of await workloadPods('behind', '1')) {
      expect(metadata.annotations?.[keys.gateRemoved]).toBe('true')
      // Since the permit was replaced, so that what it was told last is to wait.
      expect(asked().filter((uid) => uid === metadata.uid).length).toBeGreaterThan(0)
    }
  }, patient)
  expect((await workloadPods('behind', '1')).filter(hasNode)).toEqual([])

  await world.startPermit()
  await awaitNodes('behind', '1', 2)
}, 120_000)

test('a released version is not held again when it grows', async () => {
  await prepare('growing')
  await apply(workload('growing', '1'))
  await awaitHeld('growing', '1')
  await endCheck('growing', 'Succeeded')
  await awaitNodes('growing', '1', 1)
  await eventually(async () => {
    const text = await world.cluster.kubectl(['get', 'namespace', 'growing', '-o', 'yaml'])
    expect(text).toMatch(/gatekept\.dev\/released: v1 \S+/)
  }, patient)
  await world.cluster.kubectl([
    ...['scale', 'deployment/web', '--replicas=4', '--namespace=growing'],
  ])
  const pods = await awaitNodes('growing', '1', 4)
  const schedulers = pods.map(({ spec }) => spec.schedulerName).sort()
  expect(schedulers.filter((name) => name === 'default-scheduler')).toHaveLength(3)
}, 120_000)

test('a pod that names the scheduler where nobody opted in gets its node', async () => {
  const containers = [{ name: 'main', image: 'example.org/tool' }]
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name: 'stray' },
    spec: { schedulerName: permitScheduler, containers },
  })
  await eventually(async () => {
    const pod = await world.client.get(Pod, { namespace: 'default', name: 'stray' })
    expect(pod === undefined ? undefined : hasNode(pod)).toBe(true)
  }, patient)
}, 120_000)
