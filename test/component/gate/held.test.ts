import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import type { Condition } from '../../../api/condition.ts'
import { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import { Pod, type PodCondition } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { heldLabel, releasedCondition } from '../../../gate/held-pods.ts'
import { openGate } from '../../../gate/scheduling-gate.ts'
import { gateName } from '../../../identity/keys.ts'
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
  world = await startWorld('held')
}, 600_000)
afterAll(() => world.close())
afterEach(async () => {
  await stopAll()
})

const start = (quietMs: number): Replica => {
  const replica = world.replica(true, quietMs)
  replicas.push(replica)
  return replica
}
const stopAll = async (): Promise<void> => {
  await Promise.all(replicas.map((replica) => replica.stop()))
  replicas = []
}

const uidOfOwner = (pods: readonly Pod[]): string => (pods[0] && controllerOf(pods[0])?.uid) ?? ''
const thePod = async (namespace: string): Promise<Pod> => {
  const [pod] = await podsOf(world, namespace, 'web')
  if (pod === undefined) throw new Error('Cannot test: no pod')
  return pod
}
const saidBy = (pod: Pod): PodCondition | undefined =>
  pod.status?.conditions?.find(({ type }) => type === releasedCondition)
const says = (namespace: string, words: Partial<PodCondition>): Promise<Pod> =>
  eventually(async () => {
    const pod = await thePod(namespace)
    expect(saidBy(pod)).toMatchObject(words)
    return pod
  })
const toldOf = ({ told }: Replica, namespace: string): readonly string[] =>
  told
    .filter(({ subject }) => subject.kind === 'Pod' && subject.namespace === namespace)
    .map(({ severity, message }) => `${severity} ${message}`)

const at = '2026-03-01T12:00:07Z'
const condition = (type: string, more: Partial<Condition>): Condition => ({
  type,
  status: 'Unknown',
  reason: 'Test',
  message: '',
  lastTransitionTime: at,
  ...more,
})

/** Stores a version of the pods whose status says this, as the engine would. */
const storeSaying = async (
  namespace: string,
  pods: readonly Pod[],
  status: { readonly conditions: readonly Condition[]; readonly currentPhase?: string },
): Promise<void> => {
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(pods)] })
  await world.client.patch(KeptnWorkloadVersion, {
    namespace,
    name: 'web',
    patchType: 'merge',
    subresource: 'status',
    patch: { status },
  })
}
const currentPhase = 'WorkloadPreDeployTasks'
const verdict = (more: Partial<Condition>): Condition => condition('PreDeploymentPassed', more)

interface Case {
  readonly namespace: string
  readonly status?: Parameters<typeof storeSaying>[2]
  readonly reason: string
  readonly severity: 'Normal' | 'Warning'
  readonly message: string
}

const cases: readonly Case[] = [
  {
    namespace: 'app',
    status: { conditions: [verdict({ message: 'No version of app "shop" has it yet' })] },
    reason: 'WaitingForChecks',
    severity: 'Normal',
    message: `Since ${at}: KeptnWorkloadVersion "web" waits for application "shop": No version of app "shop" has it yet`,
  },
  {
    namespace: 'running',
    status: { currentPhase, conditions: [verdict({ message: 'task "smoke" is under way' })] },
    reason: 'WaitingForChecks',
    severity: 'Normal',
    message: `Since ${at}: KeptnWorkloadVersion "web" waits in phase "${currentPhase}": task "smoke" is under way`,
  },
  {
    namespace: 'failed',
    status: {
      currentPhase,
      conditions: [verdict({ status: 'False', message: 'task "smoke" has failed: exit code 3' })],
    },
    reason: 'ChecksFailed',
    severity: 'Warning',
    message: `Since ${at}: KeptnWorkloadVersion "web" (in phase "${currentPhase}") is not let go: task "smoke" has failed: exit code 3`,
  },
  {
    namespace: 'missing',
    status: {
      currentPhase,
      conditions: [
        verdict({}),
        condition('Stalled', { status: 'True', message: 'No definition "smoke" exists' }),
      ],
    },
    reason: 'Stalled',
    severity: 'Warning',
    message: `Since ${at}: KeptnWorkloadVersion "web" waits in phase "${currentPhase}": No definition "smoke" exists`,
  },
  {
    namespace: 'unrecorded',
    reason: 'UnknownRevision',
    severity: 'Normal',
    message: 'No KeptnWorkloadVersion lists',
  },
]

test('a pod that is held for long says why, once, and nothing else of it is touched', async () => {
  const gates = [foreignGate, gateName]
  for (const { namespace, status } of cases) {
    await makeNamespace(world, namespace)
    const held = await makePods(world, namespace, 'web', { template: { gates } })
    if (status !== undefined) await storeSaying(namespace, held, status)
  }
  const replica = start(1_000)
  for (const { namespace, reason, severity, message } of cases) {
    const pod = await says(namespace, { status: 'False', reason })
    const said = saidBy(pod)
    expect(said?.message).toContain(message)
    expect(said?.lastTransitionTime).toBe(pod.metadata.creationTimestamp)
    await eventually(() =>
      expect(toldOf(replica, namespace)).toEqual([`${severity} ${String(said?.message)}`]),
    )
    expect(pod.spec.schedulingGates?.map(({ name }) => name)).toEqual(gates)
    expect(pod.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'PodScheduled', reason: 'SchedulingGated' }),
    )
  }

  // Who leads next finds it said.
  await stopAll()
  const before = await Promise.all(cases.map(({ namespace }) => thePod(namespace)))
  const next = start(1_000)
  await somethingElseIsSaid('canary')
  await eventually(() =>
    expect(next.told.map(({ subject }) => subject.namespace)).toEqual(['canary']),
  )
  const later = await Promise.all(cases.map(({ namespace }) => thePod(namespace)))
  expect(later.map(({ metadata }) => metadata.resourceVersion)).toEqual(
    before.map(({ metadata }) => metadata.resourceVersion),
  )
})

/** Everything that was due before this has been looked at by now. */
const somethingElseIsSaid = async (namespace: string): Promise<void> => {
  await makeNamespace(world, namespace)
  await makePods(world, namespace, 'web')
  await says(namespace, { status: 'False' })
}

test('the words follow what holds the pod, another event comes with another reason, and the end is told', async () => {
  const namespace = await makeNamespace(world, 'course')
  const held = await makePods(world, namespace, 'web')
  await storeSaying(namespace, held, {
    currentPhase,
    conditions: [verdict({ message: 'task "a" is under way' })],
  })
  const replica = start(500)
  const first = await says(namespace, { reason: 'WaitingForChecks' })
  expect(first.metadata.labels).toMatchObject({ [heldLabel]: 'true' })
  const change = (more: Partial<Condition>): Promise<unknown> =>
    world.client.patch(KeptnWorkloadVersion, {
      namespace,
      name: 'web',
      patchType: 'merge',
      subresource: 'status',
      patch: { status: { conditions: [verdict(more)] } },
    })
  await change({ message: 'task "b" is under way' })
  const second = await eventually(async () => {
    const pod = await thePod(namespace)
    expect(saidBy(pod)?.message).toContain('task "b"')
    return pod
  })
  expect(toldOf(replica, namespace)).toHaveLength(1)
  const between = (one: Pod, other: Pod): number =>
    Date.parse(saidBy(other)?.lastProbeTime ?? '') - Date.parse(saidBy(one)?.lastProbeTime ?? '')
  expect(between(first, second)).toBeGreaterThanOrEqual(5_000)
  expect(saidBy(second)?.lastTransitionTime).toBe(second.metadata.creationTimestamp)
  await change({ status: 'False', message: 'task "b" has failed' })
  await says(namespace, { reason: 'ChecksFailed' })
  await eventually(() => expect(toldOf(replica, namespace)).toHaveLength(2))
  expect(toldOf(replica, namespace)[1]).toMatch(/^Warning /)

  await storeVerdict(world.client, { namespace, name: 'web', verdict: 'True' })
  const released = await says(namespace, { status: 'True', reason: 'PreDeploymentPassed' })
  expect(released.spec.schedulingGates ?? []).toEqual([])
  expect(released.metadata.labels).not.toHaveProperty([heldLabel])
  expect(toldOf(replica, namespace)).toHaveLength(2)
}, 60_000)

test('a pod that is let go while nobody looks is put right by who looks next', async () => {
  const namespace = await makeNamespace(world, 'unseen')
  const held = await makePods(world, namespace, 'web')
  start(500)
  await says(namespace, { status: 'False' })
  await stopAll()
  await world.client.patch(Pod, openGate(await thePod(namespace)))
  const [foreign] = held
  const other = { type: 'example.org/other', status: 'True' }
  await world.client.patch(Pod, {
    namespace,
    name: foreign?.metadata.name ?? '',
    patchType: 'strategic',
    subresource: 'status',
    patch: { status: { conditions: [other] } },
  })
  await eventually(async () => expect((await thePod(namespace)).spec.nodeName).toBe('node-1'))
  expect(saidBy(await thePod(namespace))?.status).toBe('False')

  start(500)
  const pod = await says(namespace, { status: 'True', reason: 'GateGone' })
  expect(pod.status?.conditions).toContainEqual(expect.objectContaining(other))
  expect(pod.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'PodScheduled', status: 'True' }),
  )
})

test('pods that are let go in time, or live in a namespace that left, cost no write', async () => {
  const namespace = await makeNamespace(world, 'quick')
  const left = await makeNamespace(world, 'left', {})
  start(2_000)
  await makePods(world, left, 'web')
  const held = await makePods(world, namespace, 'web', { replicas: 3 })
  await storeVersion(world, namespace, 'web', { revisions: [uidOfOwner(held)], verdict: 'True' })
  await somethingElseIsSaid('slow')
  for (const name of [namespace, left]) {
    const pods = await podsOf(world, name, 'web')
    expect(pods.map(saidBy)).toEqual(pods.map(() => undefined))
    expect(pods.flatMap(({ spec }) => spec.schedulingGates ?? [])).toEqual([])
    expect(statusWritesIn(name)).toEqual([])
  }
  expect(statusWritesIn('slow')).toHaveLength(1)
})

interface AuditLine {
  readonly stage: string
  readonly verb: string
  readonly objectRef?: {
    readonly resource: string
    readonly subresource?: string
    readonly namespace?: string
    readonly name: string
  }
}

/** The pods whose status a replica wrote, a name for each time. */
const statusWritesIn = (namespace: string): readonly string[] =>
  readFileSync(world.cluster.auditLog, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"userAgent":"gate-replica-'))
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ verb, stage }) => verb === 'patch' && stage === 'ResponseComplete')
    .flatMap(({ objectRef }) =>
      objectRef?.resource === 'pods' &&
      objectRef.subresource === 'status' &&
      objectRef.namespace === namespace
        ? [objectRef.name]
        : [],
    )
