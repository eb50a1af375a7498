import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { gateName } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import {
  deployment,
  expectHeld,
  gatesOf,
  lookAt,
  managedNamespace,
  stays,
  task,
  verdictOf,
  yaml,
} from './world.ts'

const failing = 'console.log("no database"); Deno.exit(1)'
/** How long what must not happen gets. Keptn opened the gates of failed versions within ten seconds. */
const whileMs = 12_000

let installation: Installation

beforeAll(async () => {
  installation = await install('holding')
  // As some clusters do it asks whoever names an owner for a right to it, and its log does not tell.
  const plugin = 'OwnerReferencesPermissionEnforcement'
  await installation.cluster.restart('apiserver', [`--enable-admission-plugins=${plugin}`])
}, 300_000)

afterAll(async () => {
  await installation.down()
}, 60_000)

test('a failed pre-task of a workload holds its pods', async () => {
  const namespace = 'workload-task'
  const { appVersionIs, event, pods, workloadVersion } = lookAt(installation.client, namespace)
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      task(namespace, 'check', failing),
      deployment({
        namespace,
        replicas: 2,
        annotations: { 'keptn.sh/pre-deployment-tasks': 'check' },
      }),
    ),
  )

  await appVersionIs('Failed')
  const version = await workloadVersion()
  expect(version.status).toMatchObject({
    status: 'Failed',
    currentPhase: 'WorkloadPreDeployTasks',
    preDeploymentStatus: 'Failed',
    preDeploymentEvaluationStatus: 'Deprecated',
    deploymentStatus: 'Deprecated',
  })
  expect(verdictOf(version)).toBe('False')
  expect((await event('WorkloadPreDeployTasksErrored')).note).toContain('no database')
  await stays(async () => {
    expectHeld(await pods())
  }, whileMs)
}, 120_000)

test('a failed pre-task of an app holds the pods of its workloads', async () => {
  const namespace = 'app-task'
  const { appVersionIs, event, pods, tasks } = lookAt(installation.client, namespace)
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      task(namespace, 'check', failing),
      {
        apiVersion: 'lifecycle.keptn.sh/v1alpha3',
        kind: 'KeptnApp',
        metadata: { name: 'shop', namespace },
        spec: {
          version: '2026.1',
          workloads: [{ name: 'web', version: '1.0.0' }],
          preDeploymentTasks: ['check'],
        },
      },
      deployment({ namespace, annotations: { 'keptn.sh/app': 'shop' } }),
    ),
  )

  const app = await appVersionIs('Failed')
  expect(app.status).toMatchObject({
    currentPhase: 'AppPreDeployTasks',
    preDeploymentStatus: 'Failed',
    preDeploymentEvaluationStatus: 'Deprecated',
    workloadOverallStatus: 'Deprecated',
    postDeploymentStatus: 'Deprecated',
    postDeploymentEvaluationStatus: 'Deprecated',
  })
  await event('AppPreDeployTasksErrored')
  expect(await tasks()).toHaveLength(1)
  await stays(async () => {
    expectHeld(await pods())
  }, whileMs)
}, 120_000)

test("another controller's gate is left on the pod", async () => {
  const namespace = 'foreign-gate'
  const { pods, workloadVersion } = lookAt(installation.client, namespace)
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      deployment({ namespace, podSpec: { schedulingGates: [{ name: 'example.com/other' }] } }),
    ),
  )

  await eventually(
    async () => {
      expect(verdictOf(await workloadVersion())).toBe('True')
      const [pod] = await pods()
      expect(pod && gatesOf(pod)).toEqual(['example.com/other'])
    },
    { timeoutMs: 30_000 },
  )
}, 60_000)

test('a pod that says its gate was removed already is held all the same', async () => {
  const namespace = 'marked'
  const { appVersionIs, pods } = lookAt(installation.client, namespace)
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      task(namespace, 'check', failing),
      deployment({
        namespace,
        annotations: {
          'keptn.sh/scheduling-gate-removed': 'true',
          'keptn.sh/pre-deployment-tasks': 'check',
        },
      }),
    ),
  )

  await appVersionIs('Failed')
  await stays(async () => {
    expectHeld(await pods())
  }, whileMs)
}, 120_000)

test('a server-side dry run shows the gate and creates nothing', async () => {
  const namespace = 'dry-run'
  const { cluster, apply, client } = installation
  const { pods, workloads, workloadVersions } = lookAt(client, namespace)
  await apply(yaml(managedNamespace(namespace), deployment({ namespace, name: 'web' })))
  const owner = await eventually(
    async () => {
      const [pod] = await pods()
      const [reference] = pod?.metadata.ownerReferences ?? []
      if (reference === undefined) throw new Error('There is no pod yet')
      return reference
    },
    { timeoutMs: 30_000 },
  )
  const pod = yaml({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'only-asked',
      namespace,
      ownerReferences: [owner],
      annotations: { 'keptn.sh/workload': 'asked', 'keptn.sh/version': '9' },
    },
    spec: { containers: [{ name: 'main', image: 'localhost/pause:1' }] },
  })

  const answer = JSON.parse(
    await cluster.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], pod),
  ) as { readonly metadata: { readonly namespace: string } }

  expect(answer.metadata.namespace).toBe(namespace)
  await stays(async () => {
    expect((await workloads()).map(({ metadata }) => metadata.name)).toEqual(['web-web'])
    expect(await workloadVersions()).toHaveLength(1)
    expect(await pods('only-asked')).toEqual([])
  }, 5_000)
}, 60_000)

test('pods of Jobs and bare pods run untouched', async () => {
  const namespace = 'untouched'
  const { apply, client } = installation
  const template = {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image: 'localhost/pause:1', imagePullPolicy: 'IfNotPresent' }],
  }
  const annotations = { 'keptn.sh/workload': 'batch', 'keptn.sh/version': '1' }
  await apply(
    yaml(
      managedNamespace(namespace),
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'web-job', namespace },
        spec: { template: { metadata: { annotations }, spec: template } },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'web-bare', namespace, annotations },
        spec: template,
      },
    ),
  )

  await eventually(
    async () => {
      const pods = await lookAt(client, namespace).pods()
      expect(pods.map(({ status }) => status?.phase)).toEqual(['Running', 'Running'])
      expect(pods.flatMap(gatesOf)).not.toContain(gateName)
    },
    { timeoutMs: 30_000 },
  )
}, 60_000)
