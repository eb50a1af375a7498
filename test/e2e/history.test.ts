/**
 * What stays of a workload that is deployed again and again, and which KeptnConfig says how much that is.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  KeptnApp,
  KeptnAppVersion,
  KeptnConfig,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { ControllerRevision, ReplicaSet, type Pod } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import { gateName } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { readAudit } from './audit.ts'
import { install, type Installation } from './installation.ts'
import { deployment, expectHeld, gatesOf, lookAt, managedNamespace, stays, yaml } from './world.ts'

const patient = { timeoutMs: 60_000, everyMs: 200 }
const versions = ['1', '2', '3', '4', '5'] as const

let installation: Installation
let denoImage: string

beforeAll(async () => {
  installation = await install('history')
  const variable = '{.env[?(@.name=="FUNCTION_RUNNER_IMAGE")].value}'
  denoImage = await installation.cluster.kubectl([
    ...['get', 'deployment/lifecycle-operator', '-n', 'keptn-system'],
    ...['-o', `jsonpath={.spec.template.spec.containers[0]${variable.slice(1)}`],
  ])
  await installation.apply(
    yaml(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } },
      settings('elsewhere', 'a-first', { blockDeployment: false, versionHistoryLimit: 5 }),
      settings('keptn-system', 'b-second', { blockDeployment: true, versionHistoryLimit: 2 }),
      settings('keptn-system', 'c-third', { blockDeployment: false, versionHistoryLimit: 5 }),
    ),
  )
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

const settings = (namespace: string, name: string, spec: object): object => ({
  apiVersion: 'options.keptn.sh/v1alpha1',
  kind: 'KeptnConfig',
  metadata: { name, namespace },
  spec,
})

/** A task that ends at once, well or not. */
const task = (namespace: string, name: string, exitCode: number): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: {
    retries: 0,
    container: {
      name: 'end',
      image: denoImage,
      imagePullPolicy: 'Never',
      command: ['/bin/sh', '-c', `exit ${exitCode}`],
    },
  },
})

interface Deployed {
  readonly kind: 'Deployment' | 'StatefulSet'
  readonly namespace: string
  readonly version: string
  readonly revisionHistoryLimit: number
}

/** A workload `web`, with a task before its rollout. */
const web = ({ kind, namespace, version, revisionHistoryLimit }: Deployed): object => {
  const { spec, ...rest } = deployment({
    namespace,
    replicas: 2,
    annotations: { 'keptn.sh/version': version, 'keptn.sh/pre-deployment-tasks': 'check' },
  }) as { readonly spec: object }
  return {
    ...rest,
    kind,
    spec: {
      ...spec,
      revisionHistoryLimit,
      ...(kind === 'StatefulSet' ? { serviceName: 'web', podManagementPolicy: 'Parallel' } : {}),
    },
  }
}

const podsIn = async (namespace: string): Promise<readonly Pod[]> =>
  (await lookAt(installation.client, namespace).pods()).filter(
    ({ metadata }) =>
      metadata.labels?.['app'] === 'web' && metadata.deletionTimestamp === undefined,
  )

const areRunning = (namespace: string, version: string, count: number): Promise<void> =>
  eventually(async () => {
    const pods = await podsIn(namespace)
    expect(pods.map(({ metadata }) => metadata.annotations?.['keptn.sh/version'])).toEqual(
      Array(count).fill(version),
    )
    expect(pods.map(({ status }) => status?.phase)).toEqual(Array(count).fill('Running'))
  }, patient)

const versionsIn = async (namespace: string): Promise<readonly string[]> => {
  const { items } = await installation.client.list(KeptnWorkloadVersion, { namespace })
  return items.map(({ spec }) => spec.version).toSorted()
}

const appVersionsIn = async (namespace: string): Promise<readonly string[]> => {
  const { items } = await installation.client.list(KeptnAppVersion, { namespace })
  return items.map(({ spec }) => spec.version).toSorted()
}

/** Deploys all versions, one after the other has gone through its phases. */
const deployAll = async (what: Omit<Deployed, 'version'>): Promise<void> => {
  const { namespace } = what
  const { apply, client } = installation
  await apply(yaml(managedNamespace(namespace), task(namespace, 'check', 0)))
  for (const version of versions) {
    await apply(yaml(web({ ...what, version })))
    await eventually(async () => {
      const { items } = await client.list(KeptnAppVersion, { namespace })
      const own = items.find(({ spec }) => spec.version === version)
      expect(own?.status?.status).toBe('Succeeded')
    }, patient)
    await areRunning(namespace, version, 2)
  }
}

/** Waits until what is kept is kept: versions of the workload and of the app, and the tasks of those alone. */
const areKept = (namespace: string, kept: readonly string[]): Promise<void> =>
  eventually(async () => {
    const { client } = installation
    expect(await versionsIn(namespace)).toEqual(kept)
    expect(await appVersionsIn(namespace)).toEqual(['4', '5'])
    const { items: left } = await client.list(KeptnWorkloadVersion, { namespace })
    const { items: tasks } = await client.list(KeptnTask, { namespace })
    expect(tasks.map((each) => controllerOf(each)?.uid).toSorted()).toEqual(
      left.map(({ metadata }) => metadata.uid).toSorted(),
    )
  }, patient)

/** Whether the pods that were made since were made with our gate. */
const gatesSince = (namespace: string, before: number): readonly boolean[] =>
  podsMade(namespace)
    .slice(before)
    .map((pod) => gatesOf(pod).includes(gateName))

const podsMade = (namespace: string): readonly Pod[] =>
  readAudit(
    installation.cluster.auditLog,
    (write) =>
      write.verb === 'create' && write.resource === 'pods' && write.namespace === namespace,
  )
    .map(({ object }) => object as Pod)
    .filter(({ metadata }) => metadata.labels?.['app'] === 'web')

test.concurrent(
  'of a Deployment the present version and the one before stay, with their tasks alone',
  async () => {
    const namespace = 'deployment'
    await deployAll({ kind: 'Deployment', namespace, revisionHistoryLimit: 1 })
    await areKept(namespace, ['4', '5'])

    const before = podsMade(namespace).length
    await installation.cluster.kubectl(['rollout', 'undo', 'deployment/web', '-n', namespace])
    await areRunning(namespace, '4', 2)
    await installation.cluster.kubectl(['scale', 'deployment/web', '--replicas=3', '-n', namespace])
    await areRunning(namespace, '4', 3)
    expect(gatesSince(namespace, before)).toEqual([false, false, false])
  },
  180_000,
)

test.concurrent(
  'of a StatefulSet too',
  async () => {
    const namespace = 'stateful'
    await deployAll({ kind: 'StatefulSet', namespace, revisionHistoryLimit: 1 })
    const { items } = await installation.client.list(ControllerRevision, { namespace })
    expect(items.length).toBeLessThanOrEqual(3)
    await areKept(namespace, ['4', '5'])

    const before = podsMade(namespace).length
    await installation.cluster.kubectl(['rollout', 'undo', 'statefulset/web', '-n', namespace])
    await areRunning(namespace, '4', 2)
    expect(gatesSince(namespace, before)).toEqual([false, false])
  },
  180_000,
)

test.concurrent(
  'a version stays while a ReplicaSet of it is there, and may go back to it',
  async () => {
    const namespace = 'revived'
    await deployAll({ kind: 'Deployment', namespace, revisionHistoryLimit: 10 })
    const { items } = await installation.client.list(ReplicaSet, { namespace })
    expect(items).toHaveLength(versions.length)
    await areKept(namespace, versions)

    const before = podsMade(namespace).length
    await installation.cluster.kubectl([
      ...['rollout', 'undo', 'deployment/web', '--to-revision=1', '-n', namespace],
    ])
    await areRunning(namespace, '1', 2)
    expect(gatesSince(namespace, before)).toEqual([false, false])
    await eventually(async () => {
      const app = await installation.client.get(KeptnApp, { namespace, name: 'web' })
      expect(app?.status?.currentVersion).toBe('1')
    }, patient)
    expect(await versionsIn(namespace)).toEqual(versions)
  },
  180_000,
)

test.concurrent(
  'the first KeptnConfig by name in our namespace counts, and each says whether it does',
  async () => {
    const { apply, client } = installation
    const namespace = 'configured'
    const statusOf = async (at: string, name: string): Promise<string | undefined> =>
      (await client.get(KeptnConfig, { namespace: at, name }))?.status
    await eventually(async () => {
      expect(await statusOf('keptn-system', 'b-second')).toBe('Applied')
      expect(await statusOf('keptn-system', 'c-third')).toBe('Ignored')
      expect(await statusOf('elsewhere', 'a-first')).toBe('Ignored')
    }, patient)

    // Only the two that do not count would let it go.
    await apply(
      yaml(
        managedNamespace(namespace),
        task(namespace, 'refuse', 1),
        deployment({ namespace, annotations: { 'keptn.sh/pre-deployment-tasks': 'refuse' } }),
      ),
    )
    await lookAt(client, namespace).appVersionIs('Failed')
    await stays(async () => {
      expectHeld(await podsIn(namespace))
    }, 1_000)
  },
  120_000,
)

test('when the KeptnConfig that counts is deleted, the next one does', async () => {
  const { apply, client, cluster } = installation
  const namespace = 'reconfigured'
  await cluster.kubectl(['delete', 'keptnconfig', 'b-second', '-n', 'keptn-system'])
  await eventually(async () => {
    const next = await client.get(KeptnConfig, { namespace: 'keptn-system', name: 'c-third' })
    expect(next?.status).toBe('Applied')
  }, patient)
  await apply(
    yaml(
      managedNamespace(namespace),
      task(namespace, 'refuse', 1),
      deployment({ namespace, annotations: { 'keptn.sh/pre-deployment-tasks': 'refuse' } }),
    ),
  )
  await lookAt(client, namespace).appVersionIs('Succeeded')
  const [version] = await lookAt(client, namespace).workloadVersions()
  expect(version?.status?.preDeploymentStatus).toBe('Warning')
}, 120_000)
