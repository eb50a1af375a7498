/**
 * Namespaces that leave and come back: what is held goes at once, what has begun is stopped, and what runs is neither held
 * nor checked, while the next version is.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  conditionTypes,
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkloadVersion,
  type State,
} from '../../api/index.ts'
import { Job, Namespace, ReplicaSet, type Pod } from '../../api/kubernetes.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { revisionOf } from '../../identity/revision.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { startCheckpoint, type Checkpoint } from './checkpoint.ts'
import { install, type Installation } from './installation.ts'
import {
  deployment,
  expectHeld,
  gatesOf,
  lookAt,
  managedNamespace,
  stays,
  yaml,
  type DeploymentOptions,
} from './world.ts'

const patient = { timeoutMs: 60_000, everyMs: 200 }

let installation: Installation
let checkpoint: Checkpoint

beforeAll(async () => {
  installation = await install('opting')
  checkpoint = await startCheckpoint(installation.cluster)
}, 300_000)

afterAll(async () => {
  checkpoint.close()
  await installation.down()
}, 60_000)

type WorkloadOptions = DeploymentOptions & { readonly name: string; readonly version: string }

/** A Deployment with the task `check`, whose pods of one version make room for those of the next. */
const workload = ({ version, annotations = {}, ...rest }: WorkloadOptions): object =>
  deployment({
    ...rest,
    annotations: {
      'keptn.sh/version': version,
      'keptn.sh/pre-deployment-tasks': 'check',
      ...annotations,
    },
  })

const optIn = (namespace: string, value: 'enabled' | 'disabled'): Promise<string> =>
  installation.cluster.kubectl([
    ...['annotate', 'namespace', namespace, `${keys.optIn}=${value}`, '--overwrite'],
  ])

const scale = (namespace: string, name: string, replicas: number): Promise<string> =>
  installation.cluster.kubectl([
    ...['scale', `deployment/${name}`, `--replicas=${replicas}`, '-n', namespace],
  ])

const podsIn = async (namespace: string, ...apps: readonly string[]): Promise<readonly Pod[]> => {
  const pods = await lookAt(installation.client, namespace).pods('')
  return pods.filter(
    ({ metadata }) =>
      apps.includes(metadata.labels?.['app'] ?? '') && metadata.deletionTimestamp === undefined,
  )
}

const isHeld = (pod: Pod): boolean => gatesOf(pod).includes(gateName)

const areRunning = (namespace: string, app: string, count: number): Promise<readonly Pod[]> =>
  eventually(async () => {
    const pods = await podsIn(namespace, app)
    expect(pods.map(({ status }) => status?.phase)).toEqual(Array(count).fill('Running'))
    return pods
  }, patient)

/** Whether pods of a workload were made with our gate, in the order in which they were made. */
const gatesAtCreation = (namespace: string, app: string): readonly boolean[] =>
  readAudit(
    installation.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  )
    .map(({ object }) => object as Pod)
    .filter(({ metadata }) => metadata.labels?.['app'] === app)
    .map(isHeld)

/** Waits until the namespace says that all these pods are of released revisions. */
const areReleased = (namespace: string, pods: readonly Pod[]): Promise<void> =>
  eventually(async () => {
    const found = await installation.client.get(Namespace, { name: namespace })
    const released = parseReleased(found?.metadata.annotations?.[keys.released])
    expect(pods.map((pod) => released?.has(revisionOf(pod)?.key ?? ''))).toEqual(
      pods.map(() => true),
    )
  }, patient)

const workloadVersion = (
  namespace: string,
  name: string,
): Promise<KeptnWorkloadVersion | undefined> =>
  installation.client.get(KeptnWorkloadVersion, { namespace, name })

const isState = (namespace: string, name: string, state: State): Promise<KeptnWorkloadVersion> =>
  eventually(async () => {
    const version = await workloadVersion(namespace, name)
    expect(version?.status?.status).toBe(state)
    return version as KeptnWorkloadVersion
  }, patient)

const readyReason = ({ status }: KeptnAppVersion | KeptnWorkloadVersion): string | undefined =>
  findCondition(status?.conditions, conditionTypes.ready)?.reason

/** The Jobs of a namespace that nobody has ended. */
const runningJobs = async (namespace: string): Promise<readonly Job[]> => {
  const { items } = await installation.client.list(Job, { namespace })
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
}

/** Events about a namespace are kept in the namespace `default`. */
const toldOf = async (namespace: string, reason: string): Promise<number> => {
  const events = await lookAt(installation.client, 'default').events()
  return events.filter((event) => event.reason === reason && event.regarding['name'] === namespace)
    .length
}

test.concurrent(
  'who leaves while pods are held lets all go and stops what runs; who comes back finds the next version held',
  async () => {
    const namespace = 'leaves'
    const { apply, client } = installation
    const app = { 'keptn.sh/app': 'shop', 'keptn.sh/pre-deployment-tasks': 'never-reached' }
    const all = ['solo', 'idle', 'a', 'b'] as const
    await apply(
      yaml(
        managedNamespace(namespace),
        checkpoint.definition(namespace, 'check'),
        checkpoint.definition(namespace, 'app-check'),
        checkpoint.definition(namespace, 'never-reached'),
        {
          apiVersion: 'lifecycle.keptn.sh/v1',
          kind: 'KeptnAppContext',
          metadata: { name: 'shop', namespace },
          spec: { preDeploymentTasks: ['app-check'] },
        },
        workload({ namespace, name: 'solo', version: '1', replicas: 3 }),
        workload({ namespace, name: 'idle', version: '1' }),
        workload({ namespace, name: 'a', version: '1', annotations: app }),
        workload({ namespace, name: 'b', version: '1', annotations: app }),
      ),
    )
    await eventually(async () => {
      expect(checkpoint.ran(namespace).toSorted()).toEqual(['app-check', 'check', 'check'])
      expect(await podsIn(namespace, ...all)).toHaveLength(6)
    }, patient)
    await scale(namespace, 'idle', 0)
    await eventually(async () => {
      expect(await podsIn(namespace, 'idle')).toEqual([])
    }, patient)
    const held = await podsIn(namespace, ...all)
    expectHeld(held)
    expect(await runningJobs(namespace)).toHaveLength(3)

    await optIn(namespace, 'disabled')
    await eventually(
      async () => {
        expect((await podsIn(namespace, ...all)).filter(isHeld)).toEqual([])
      },
      // A second, and what a busy machine takes.
      { timeoutMs: 3_000, everyMs: 100 },
    )
    await eventually(async () => {
      expect(await runningJobs(namespace)).toEqual([])
      const { items: versions } = await client.list(KeptnWorkloadVersion, { namespace })
      const { items: appVersions } = await client.list(KeptnAppVersion, { namespace })
      const ended = [...versions, ...appVersions]
      expect(ended).toHaveLength(4 + 3)
      expect(ended.map(({ status }) => status?.status)).toEqual(ended.map(() => 'Deprecated'))
      expect(ended.map(readyReason)).toEqual(ended.map(() => 'OptedOut'))
      const { items: tasks } = await client.list(KeptnTask, { namespace })
      expect(tasks.map(({ status }) => status?.status)).toEqual(tasks.map(() => 'Deprecated'))
    }, patient)
    expect(await toldOf(namespace, 'OptedOut')).toBe(1)
    const before = await Promise.all([
      areRunning(namespace, 'solo', 3),
      areRunning(namespace, 'a', 1),
      areRunning(namespace, 'b', 1),
    ])

    await optIn(namespace, 'enabled')
    await areReleased(namespace, before.flat())
    await scale(namespace, 'solo', 5)
    await areRunning(namespace, 'solo', 5)
    expect(gatesAtCreation(namespace, 'solo')).toEqual([true, true, true, false, false])
    expect(checkpoint.ran(namespace)).toHaveLength(3)
    expect((await podsIn(namespace, 'a', 'b')).map(({ metadata }) => metadata.uid)).toEqual(
      before
        .slice(1)
        .flat()
        .map(({ metadata }) => metadata.uid),
    )

    // It never ran, so nothing speaks for it but its checks.
    await scale(namespace, 'idle', 1)
    await eventually(() => {
      expect(checkpoint.ran(namespace)).toHaveLength(4)
    }, patient)
    expectHeld(await podsIn(namespace, 'idle'))
    checkpoint.open(namespace, 'check')
    await areRunning(namespace, 'idle', 1)
    const again = await isState(namespace, 'idle-idle-1', 'Succeeded')
    expect(again.status?.attempt).toBe(2)
    await eventually(async () => {
      const { items } = await client.list(KeptnAppVersion, { namespace })
      const own = items.find(({ spec }) => spec.appName === 'idle')
      expect(own?.status?.status).toBe('Succeeded')
    }, patient)

    await apply(
      yaml(
        workload({
          namespace,
          name: 'a',
          version: '2',
          annotations: { ...app, 'keptn.sh/pre-deployment-tasks': 'check' },
        }),
      ),
    )
    await eventually(() => {
      expect(checkpoint.ran(namespace).at(-1)).toBe('app-check')
    }, patient)
    expect((await podsIn(namespace, 'a')).filter(isHeld)).toHaveLength(1)
    expect((await podsIn(namespace, 'b')).filter(isHeld)).toEqual([])
    checkpoint.open(namespace, 'app-check')
    await isState(namespace, 'shop-a-2', 'Succeeded')
    await eventually(async () => {
      const { items } = await client.list(KeptnAppVersion, { namespace })
      const own = items.filter(({ spec }) => spec.appName === 'shop')
      expect(own.map(({ status }) => status?.status).toSorted()).toEqual([
        'Deprecated',
        'Succeeded',
      ])
    }, patient)
    expect(checkpoint.ran(namespace)).not.toContain('never-reached')
  },
  150_000,
)

test.concurrent(
  'who comes while things run has them adopted: nothing restarts, nothing is checked, the next version is held',
  async () => {
    const namespace = 'comes'
    const { apply, client } = installation
    await apply(
      yaml(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        checkpoint.definition(namespace, 'check'),
        workload({ namespace, name: 'web', version: '1', replicas: 2 }),
      ),
    )
    const before = await areRunning(namespace, 'web', 2)
    await optIn(namespace, 'enabled')
    await areReleased(namespace, before)
    expect(await toldOf(namespace, 'Adopted')).toBe(1)
    await scale(namespace, 'web', 3)
    const after = await areRunning(namespace, 'web', 3)
    const uids = after.map(({ metadata }) => metadata.uid)
    expect(uids).toEqual(expect.arrayContaining(before.map(({ metadata }) => metadata.uid)))
    expect(gatesAtCreation(namespace, 'web')).toEqual([false, false, false])
    const { items } = await client.list(KeptnWorkloadVersion, { namespace })
    expect(items).toEqual([])

    await apply(yaml(workload({ namespace, name: 'web', version: '2', replicas: 3 })))
    await eventually(() => {
      expect(checkpoint.ran(namespace)).toEqual(['check'])
    }, patient)
    const { items: sets } = await client.list(ReplicaSet, { namespace })
    const newer = sets.find(({ metadata }) => metadata.uid !== revisionOf(before[0] as Pod)?.key)
    await stays(async () => {
      const pods = await podsIn(namespace, 'web')
      const next = pods.filter((pod) => revisionOf(pod)?.key === newer?.metadata.uid)
      expectHeld(next)
      expect(pods.filter(isHeld)).toHaveLength(next.length)
    }, 1_000)
    checkpoint.open(namespace, 'check')
    await isState(namespace, 'web-web-2', 'Succeeded')
    await areRunning(namespace, 'web', 3)
  },
  150_000,
)

test.concurrent(
  'a label alone opts in, and an annotation that says otherwise wins over it',
  async () => {
    const namespace = 'labelled'
    const { apply, cluster } = installation
    await apply(
      yaml(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        checkpoint.definition(namespace, 'check'),
      ),
    )
    await cluster.kubectl(['label', 'namespace', namespace, `${keys.optIn}=enabled`])
    await apply(yaml(workload({ namespace, name: 'web', version: '1', replicas: 2 })))
    await eventually(() => {
      expect(checkpoint.ran(namespace)).toEqual(['check'])
    }, patient)
    expectHeld(await podsIn(namespace, 'web'))

    await optIn(namespace, 'disabled')
    await areRunning(namespace, 'web', 2)
    const version = await isState(namespace, 'web-web-1', 'Deprecated')
    expect(readyReason(version)).toBe('OptedOut')
    await eventually(async () => {
      expect(await runningJobs(namespace)).toEqual([])
    }, patient)
  },
  150_000,
)
