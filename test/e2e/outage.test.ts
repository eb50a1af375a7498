/**
 * All of ours is away: what becomes of pods in the meantime, when a policy holds them, and when the webhook does. Whether a pod
 * carried a gate is read from the API server's audit log.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { KeptnWorkloadVersion } from '../../api/index.ts'
import { Namespace, Pod, ReplicaSet } from '../../api/kubernetes.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { revisionOf } from '../../identity/revision.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { install, type Installation } from './installation.ts'
import { describeWithPolicies } from './with-policies.ts'
import { namespaceYaml, workloadYaml } from './workloads.ts'
import { managedNamespace, yaml } from './world.ts'

const system = 'keptn-system'
const namespace = 'outage'
const web = { namespace, name: 'web', replicas: 2 } as const
const patient = { timeoutMs: 60_000, everyMs: 200 }

let world: Installation

/** Installs, and lets a version of a workload be released, while others begin. */
const begin = async (
  admission: 'policy' | 'webhook',
  others: readonly string[] = [],
): Promise<void> => {
  world = await install(`outage-${admission}`, { admission })
  for (const other of others) await world.apply(other)
  await world.apply(namespaceYaml(namespace))
  await world.apply(workloadYaml({ ...web, version: '1' }))
  await eventually(async () => {
    const pods = await running(namespace)
    expect(pods).toHaveLength(2)
    const { metadata } = (await world.client.get(Namespace, { name: namespace })) ?? {}
    const released = parseReleased(metadata?.annotations?.[keys.released])
    expect(pods.every((pod) => released?.has(revisionOf(pod)?.key ?? ''))).toBe(true)
  }, patient)
}

const podsOf = async (of: string, name = 'web'): Promise<readonly Pod[]> =>
  (await world.client.list(Pod, { namespace: of, labelSelector: `app=${name}` })).items

const running = async (of: string, name = 'web'): Promise<readonly Pod[]> =>
  (await podsOf(of, name)).filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined && status?.phase === 'Running',
  )

const awaitRunning = (of: string, name: string, count: number): Promise<readonly Pod[]> =>
  eventually(async () => {
    const pods = await running(of, name)
    expect(pods).toHaveLength(count)
    return pods
  }, patient)

const isHeld = ({ spec }: Pod): boolean =>
  (spec.schedulingGates ?? []).some(({ name }) => name === gateName)

/** Whether the pods of the first revision were created with our gate, in the order in which they were. */
const gatesAtCreation = (): readonly boolean[] => {
  const pods = readAudit(
    world.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  ).map(({ object }) => object as Pod)
  const [first] = pods
  const revision = first === undefined ? undefined : revisionOf(first)?.key
  return pods
    .filter((pod) => revisionOf(pod)?.key === revision)
    .map((pod) => isHeld(pod) || pod.metadata.labels?.[keys.gated] !== undefined)
}

/** Of each kind that pods belong to, one whose own annotations name it: its pods don't say who they are. */
const namedByOwner = (of: string, version: string): string =>
  yaml(
    ...['Deployment', 'StatefulSet', 'DaemonSet'].map((kind) => ({
      apiVersion: 'apps/v1',
      kind,
      metadata: {
        ...{ name: kind.toLowerCase(), namespace: of },
        annotations: { [keys.workload]: kind.toLowerCase(), [keys.version]: version },
      },
      spec: {
        ...(kind === 'StatefulSet' ? { serviceName: 'none' } : {}),
        selector: { matchLabels: { app: 'named', kind } },
        template: {
          metadata: { labels: { app: 'named', kind, revision: version } },
          spec: {
            terminationGracePeriodSeconds: 0,
            containers: [{ name: 'main', image: 'localhost/pause:1', imagePullPolicy: 'Never' }],
          },
        },
      },
    })),
  )

/** Waits until of these pods each is of this version, and one of each kind runs. */
const areAtVersion = (of: string, version: string): Promise<void> =>
  eventually(async () => {
    const pods = await awaitRunning(of, 'named', 3)
    expect(pods.map(({ metadata }) => metadata.labels?.['revision'])).toEqual(
      Array.from(pods, () => version),
    )
    const { items } = await world.client.list(KeptnWorkloadVersion, { namespace: of })
    const there = items.filter(({ spec }) => spec.version === version)
    expect(there.map(({ spec }) => spec.workloadName).sort()).toEqual([
      'daemonset-daemonset',
      'deployment-deployment',
      'statefulset-statefulset',
    ])
  }, patient)

const scale = (what: string, of: string, replicas: number): Promise<string> =>
  world.cluster.kubectl(['scale', what, `--replicas=${replicas}`, `--namespace=${of}`])

const kill = (pod: Pod | undefined): Promise<string> =>
  world.cluster.kubectl([
    ...['delete', 'pod', pod?.metadata.name ?? '', `--namespace=${namespace}`],
    ...['--force', '--grace-period=0', '--wait=false'],
  ])

const stopAll = async (): Promise<void> => {
  await scale('deployment/lifecycle-operator', system, 0)
  await scale('deployment/lifecycle-webhook', system, 0)
  // Not by force: of a container that is told to be gone, but isn't yet, the API server keeps its connection.
  await world.cluster.kubectl([
    ...['wait', 'pods', '--for=delete', '--timeout=60s', `--namespace=${system}`],
    '--selector=app.kubernetes.io/name in (lifecycle-webhook, lifecycle-operator)',
  ])
}

const othersAreFree = async (): Promise<void> => {
  await world.apply(workloadYaml({ namespace: 'default', name: 'free', version: '1' }))
  await awaitRunning('default', 'free', 1)
}

describeWithPolicies('where a policy holds', () => {
  const named = 'named'
  const others = [yaml(managedNamespace(named)), namedByOwner(named, '1')]
  beforeAll(() => begin('policy', others), 300_000)
  afterAll(() => world.down(), 60_000)

  test('released revisions restart and scale as ever, a new version waits, and nobody else is touched', async () => {
    await areAtVersion(named, '1')
    await stopAll()
    const [lost] = await awaitRunning(namespace, 'web', 2)
    await kill(lost)
    await eventually(async () => {
      const pods = await awaitRunning(namespace, 'web', 2)
      expect(pods.map(({ metadata }) => metadata.uid)).not.toContain(lost?.metadata.uid)
    }, patient)
    await scale('deployment/web', namespace, 4)
    await awaitRunning(namespace, 'web', 4)
    expect(gatesAtCreation()).toEqual([true, true, false, false, false])
    await othersAreFree()

    const rollout = { maxUnavailable: 0 }
    await world.apply(workloadYaml({ ...web, replicas: 4, rollout, version: '2' }))
    await world.apply(namedByOwner(named, '2'))
    await eventually(async () => {
      expect((await podsOf(namespace)).filter(isHeld).length).toBeGreaterThan(0)
      const held = (await podsOf(named, 'named')).filter(isHeld)
      expect(held.map(({ metadata }) => metadata.labels?.['kind']).sort()).toEqual([
        ...['DaemonSet', 'Deployment', 'StatefulSet'],
      ])
      expect(held.flatMap(({ metadata }) => Object.keys(metadata.annotations ?? {}))).not.toContain(
        keys.workload,
      )
    }, patient)
    expect(await running(namespace)).toHaveLength(4)

    await scale('deployment/lifecycle-operator', system, 2)
    await scale('deployment/lifecycle-webhook', system, 2)
    await eventually(async () => {
      const pods = await running(namespace)
      expect(pods.map(({ metadata }) => metadata.annotations?.[keys.version])).toEqual(
        Array.from({ length: 4 }, () => '2'),
      )
    }, patient)
    // Whose pods did not say who they are was asked of their owners.
    await areAtVersion(named, '2')
  }, 180_000)
})

describe('where the webhook holds', () => {
  beforeAll(() => begin('webhook'), 300_000)
  afterAll(() => world.down(), 60_000)

  test('managed pods are refused, others are not, and the webhook alone brings them back', async () => {
    await stopAll()
    const [lost, kept] = await awaitRunning(namespace, 'web', 2)
    await kill(lost)
    await eventually(async () => {
      const { items } = await world.client.list(ReplicaSet, { namespace })
      expect(JSON.stringify(items[0])).toContain('failed calling webhook')
    }, patient)
    const [left] = await awaitRunning(namespace, 'web', 1)
    expect(left?.metadata.uid).toBe(kept?.metadata.uid)
    await othersAreFree()

    // It reads from the Namespace what is released; nobody who could open a gate is there.
    await scale('deployment/lifecycle-webhook', system, 2)
    await awaitRunning(namespace, 'web', 2)
    expect(gatesAtCreation()).toEqual([true, true, false])
  }, 180_000)
})
