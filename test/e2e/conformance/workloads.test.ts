/**
 * Keptn's scenarios of a workload: how it opts in, what it is called, and that it goes through.
 *
 * Where design.md decides otherwise than Keptn: a namespace opts in by its label too.
 *
 * All of them run side by side, each in a namespace of its own: jest does that with concurrent tests of one level alone.
 */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  KeptnApp,
  KeptnAppVersion,
  KeptnTask,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { DaemonSet, Deployment, StatefulSet, type Pod } from '../../../api/kubernetes.ts'
import { programFolder } from '../../../deploy/options.ts'
import { run } from '../../cluster/run.ts'
import { gatesOf } from '../world.ts'
import { namespaceOf, passing, waiter, workload } from './objects.ts'
import { completedApp, completedWorkload } from './statuses.ts'
import { lookInto, startWorld, until, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('conformance-workloads')
}, 300_000)

afterAll(() => world.down(), 60_000)

const checks = {
  'keptn.sh/pre-deployment-tasks': 'before',
  'keptn.sh/post-deployment-tasks': 'after',
}

const tasks = (namespace: string): readonly object[] => [
  passing(namespace, 'before'),
  passing(namespace, 'after'),
]

const isReleased = (pod: Pod | undefined): boolean =>
  pod?.metadata.annotations?.['keptn.sh/scheduling-gate-removed'] === 'true' &&
  pod.status?.phase === 'Running'

/** Waits until a pod runs, and answers it. */
const awaitRunning = (namespace: string, app?: string): Promise<Pod> =>
  until(async () => {
    const [pod, ...others] = await lookInto(world, namespace).pods(app)
    expect(others).toEqual([])
    if (pod?.status?.phase !== 'Running') throw new Error('Its pod does not run yet')
    return pod
  })

/** Nothing of it was taken up: no gate was there, no key of ours is, no record was made. */
const expectUntouched = async (namespace: string, pod: Pod): Promise<void> => {
  const said = JSON.stringify(pod.metadata)
  expect(said).not.toContain('scheduling-gate-removed')
  expect(said).not.toContain('gatekept.dev')
  expect(gatesOf(pod)).toEqual([])
  for (const type of [KeptnWorkload, KeptnWorkloadVersion, KeptnApp, KeptnAppVersion, KeptnTask]) {
    expect(await lookInto(world, namespace).names(type)).toEqual([])
  }
}

test.concurrent('an annotated Deployment goes through its tasks', async () => {
  const namespace = 'simple'
  const here = lookInto(world, namespace)
  await world.write(
    namespaceOf(namespace),
    ...tasks(namespace),
    workload({ namespace, onTemplate: waiter('0.4', checks) }),
  )

  const appVersion = await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
  expect(appVersion.spec).toMatchObject({
    appName: 'waiter',
    version: '0.4',
    revision: 1,
    workloads: [{ name: 'waiter', version: '0.4' }],
  })
  const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.4')
  expect(version.status).toMatchObject(completedWorkload)
  expect(version.spec).toMatchObject({
    app: 'waiter',
    workloadName: 'waiter-waiter',
    version: '0.4',
    preDeploymentTasks: ['before'],
    postDeploymentTasks: ['after'],
  })
  expect((await here.get(KeptnWorkload, 'waiter-waiter')).status?.currentVersion).toBe('0.4')
  const app = await here.get(KeptnApp, 'waiter')
  expect(app.metadata.labels?.['app.kubernetes.io/managed-by']).toBe('keptn')
  expect(app.spec).toMatchObject({
    version: '0.4',
    workloads: [{ name: 'waiter', version: '0.4' }],
  })
  expect(app.status?.currentVersion).toBe('0.4')

  const deployment = await here.get(Deployment, 'waiter')
  expect(deployment).toMatchObject({ status: { readyReplicas: 1 } })
  const [pod] = await here.pods()
  expect(isReleased(pod)).toBe(true)
  expect(gatesOf(pod as Pod)).toEqual([])
  expect(pod?.spec).toMatchObject({ schedulerName: 'default-scheduler' })

  const made = (await here.list(KeptnTask)).map(({ spec, status }) => ({
    definition: spec.taskDefinition,
    checkType: spec.checkType,
    status: status?.status,
  }))
  expect(made.toSorted((a, b) => a.definition.localeCompare(b.definition))).toEqual([
    { definition: 'after', checkType: 'post', status: 'Succeeded' },
    { definition: 'before', checkType: 'pre', status: 'Succeeded' },
  ])
  const phases = ['PreDeployTasks', 'PreDeployEvaluations', 'Deploy']
  const later = ['PostDeployTasks', 'PostDeployEvaluations']
  const told = (level: string): readonly string[] => [
    ...[...phases, ...later].flatMap((phase) => [
      `${level}${phase}Started`,
      `${level}${phase}Finished`,
    ]),
    `${level}CompletedFinished`,
  ]
  expect(await here.reasons(appVersion, 'AppCompletedFinished')).toEqual(
    expect.arrayContaining([...told('App')]),
  )
  expect(await here.reasons(version, 'WorkloadCompletedFinished')).toEqual(
    expect.arrayContaining([...told('Workload')]),
  )
})

test.concurrent.each([
  ['Deployment', Deployment, { readyReplicas: 1 }],
  ['StatefulSet', StatefulSet, { readyReplicas: 1 }],
  ['DaemonSet', DaemonSet, { numberReady: 1 }],
] as const)('annotations on the %s itself do the same', async (kind, type, ready) => {
  const namespace = `on-${kind.toLowerCase()}`
  const here = lookInto(world, namespace)
  await world.write(
    namespaceOf(namespace),
    ...tasks(namespace),
    workload({ kind, namespace, onObject: waiter('0.4', checks) }),
  )

  await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
  const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.4')
  expect(version.status).toMatchObject(completedWorkload)
  expect(version.spec.preDeploymentTasks).toEqual(['before'])
  expect(await here.names(KeptnWorkload)).toEqual(['waiter-waiter'])
  expect(await here.names(KeptnApp)).toEqual(['waiter'])
  expect(await here.get(type, 'waiter')).toMatchObject({ status: ready })
  const [pod] = await here.pods()
  expect(isReleased(pod)).toBe(true)
  expect(pod?.metadata.annotations).toMatchObject({
    'keptn.sh/workload': 'waiter',
    'keptn.sh/version': '0.4',
    'keptn.sh/app': 'waiter',
    ...checks,
  })
})

test.concurrent('a StatefulSet goes from one version to the next', async () => {
  const namespace = 'upgrade'
  const here = lookInto(world, namespace)
  const at = (version: string) =>
    workload({
      kind: 'StatefulSet',
      namespace,
      onObject: waiter(version, checks),
      onTemplate: { annotations: { changed: version } },
    })
  await world.write(namespaceOf(namespace), ...tasks(namespace), at('0.4'))
  await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)

  await world.write(at('0.5'))
  const second = await here.comesTo(KeptnAppVersion, 'waiter-0.5-d4735e3a', completedApp)
  expect(second.spec.previousVersion).toBe('0.4')
  expect((await here.get(KeptnApp, 'waiter')).spec.version).toBe('0.5')
  expect((await here.get(KeptnWorkload, 'waiter-waiter')).spec.version).toBe('0.5')
  for (const name of ['waiter-waiter-0.4', 'waiter-waiter-0.5']) {
    const version = await here.get(KeptnWorkloadVersion, name)
    expect(version.status).toMatchObject(completedWorkload)
  }
  const pod = await awaitRunning(namespace)
  expect(pod.metadata.annotations?.['keptn.sh/version']).toBe('0.5')
  expect(isReleased(pod)).toBe(true)
})

test.concurrent(
  "Kubernetes' recommended label names a workload, and its metadata are kept",
  async () => {
    const namespace = 'recommended'
    const here = lookInto(world, namespace)
    await world.write(
      namespaceOf(namespace),
      ...tasks(namespace),
      workload({
        namespace,
        onTemplate: {
          labels: { 'app.kubernetes.io/name': 'waiter' },
          annotations: {
            'keptn.sh/version': '0.4',
            'keptn.sh/metadata': 'commit-id=1234,stage=dev',
            ...checks,
          },
        },
      }),
    )

    await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
    const metadata = { 'commit-id': '1234', stage: 'dev' }
    expect((await here.get(KeptnWorkload, 'waiter-waiter')).spec.metadata).toEqual(metadata)
    const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.4')
    expect(version.spec.metadata).toEqual(metadata)
    expect(version.status).toMatchObject(completedWorkload)
  },
)

test.concurrent('an underscore in a version becomes a dash in names alone', async () => {
  const namespace = 'underscore'
  const here = lookInto(world, namespace)
  await world.write(namespaceOf(namespace), workload({ namespace, onTemplate: waiter('0.4.0_1') }))

  const app = await here.comesTo(KeptnAppVersion, 'waiter-0.4.0-1-6b86b273', completedApp)
  expect(app.spec.version).toBe('0.4.0_1')
  const version = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.4.0-1')
  expect(version.spec.version).toBe('0.4.0_1')
  expect(version.status).toMatchObject(completedWorkload)
})

test.concurrent('a container that is pointed at gives the version by its tag', async () => {
  const namespace = 'container'
  const here = lookInto(world, namespace)
  const at = async (tag: string): Promise<object> => {
    const image = `localhost/busybox:${tag}`
    await run([
      join(programFolder(), 'ctr'),
      ...['--address', world.cluster.containerdSocket ?? ''],
      ...['--namespace', 'k8s.io', 'images', 'tag', 'localhost/pause:1', image],
    ])
    return workload({
      namespace,
      image,
      otherContainers: [{ name: 'beside', image: 'localhost/pause:1' }],
      onTemplate: {
        annotations: { 'keptn.sh/workload': 'waiter', 'keptn.sh/container': 'busybox' },
      },
    })
  }
  await world.write(namespaceOf(namespace), await at('1.36'))
  await here.comesTo(KeptnAppVersion, 'waiter-1.36-6b86b273', completedApp)

  await world.write(await at('1.37'))
  await here.comesTo(KeptnAppVersion, 'waiter-1.37-d4735e3a', completedApp)
  for (const name of ['waiter-waiter-1.36', 'waiter-waiter-1.37']) {
    const version = await here.get(KeptnWorkloadVersion, name)
    expect(version.status).toMatchObject(completedWorkload)
  }
})

test.concurrent('a Deployment that keeps no old ReplicaSets keeps its old version', async () => {
  const namespace = 'no-history'
  const here = lookInto(world, namespace)
  const at = (version: string) =>
    workload({ namespace, spec: { revisionHistoryLimit: 0 }, onTemplate: waiter(version) })
  await world.write(namespaceOf(namespace), at('0.1'))
  await here.comesTo(KeptnAppVersion, 'waiter-0.1-6b86b273', completedApp)

  await world.write(at('0.2'))
  await here.comesTo(KeptnAppVersion, 'waiter-0.2-d4735e3a', completedApp)
  expect(await here.names(KeptnWorkloadVersion)).toEqual(['waiter-waiter-0.1', 'waiter-waiter-0.2'])
  const second = await here.get(KeptnWorkloadVersion, 'waiter-waiter-0.2')
  expect(second.status).toMatchObject(completedWorkload)
  expect(second.spec.previousVersion).toBe('0.1')
})

test.concurrent('pods of a namespace that did not opt in are left alone', async () => {
  const namespace = 'not-enabled'
  await world.write(
    namespaceOf(namespace, 'no'),
    ...tasks(namespace),
    workload({ namespace, onTemplate: waiter('0.4', checks) }),
  )
  await expectUntouched(namespace, await awaitRunning(namespace))
})

test.concurrent('pods of Jobs, and of nobody, are left alone', async () => {
  const namespace = 'jobs'
  const pod = {
    metadata: { ...waiter('0.4', checks), labels: { app: 'job' } },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'localhost/pause:1' }],
    },
  }
  await world.write(
    namespaceOf(namespace),
    ...tasks(namespace),
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'job', namespace },
      spec: { template: pod },
    },
    {
      ...pod,
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...pod.metadata, labels: { app: 'bare' }, name: 'bare', namespace },
    },
  )
  for (const app of ['job', 'bare']) {
    await expectUntouched(namespace, await awaitRunning(namespace, app))
  }
})

test.concurrent('a label alone opts in as well, unlike with Keptn', async () => {
  const namespace = 'labelled'
  const here = lookInto(world, namespace)
  await world.write(namespaceOf(namespace, 'label'), workload({ namespace, onTemplate: waiter() }))
  await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
  expect(isReleased((await here.pods())[0])).toBe(true)
})
