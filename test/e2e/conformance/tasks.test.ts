/**
 * Keptn's scenarios of what a task is told and what runs it.
 *
 * `functionRef` is asked about in `test/e2e/task-pods.test.ts`. Where design.md decides otherwise than Keptn: a Job gets its
 * TTL when its outcome is stored, pods of tasks have the restart policy `Never`, and the kubelet is told where a task may
 * leave its result.
 *
 * All of them run side by side, each in a namespace of its own: jest does that with concurrent tests of one level alone.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnAppVersion, KeptnTask, KeptnTaskDefinition } from '../../../api/index.ts'
import { Job, Pod } from '../../../api/kubernetes.ts'
import { appContext, namespaceOf, passing, taskDefinition, waiter, workload } from './objects.ts'
import { completedApp } from './statuses.ts'
import { lookInto, startWorld, until, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('conformance-tasks')
}, 300_000)

afterAll(() => world.down(), 60_000)

const program = { image: 'localhost/coredns:1', args: ['-version'] }

/** What a Job's only container finds in a variable. */
const variable = (job: Job | undefined, name: string): string | undefined =>
  job?.spec.template.spec.containers[0]?.env?.find((each) => each.name === name)?.value

/** The Job of a task, once it has one. */
const jobOf = async (namespace: string, task: KeptnTask): Promise<Job> =>
  lookInto(world, namespace).get(Job, task.status?.jobName ?? '')

test.concurrent(
  'a task is told the metadata of its app and of its workload, which win',
  async () => {
    const namespace = 'context'
    const here = lookInto(world, namespace)
    await world.write(
      namespaceOf(namespace),
      passing(namespace, 'check'),
      appContext(namespace, 'waiter', {
        preDeploymentTasks: ['check'],
        metadata: { 'test-metadata': 'test-metadata', stage: 'production' },
      }),
      workload({
        namespace,
        onTemplate: waiter('0.4', {
          'keptn.sh/metadata': 'commit-id=1234,stage=dev',
          'keptn.sh/pre-deployment-tasks': 'check',
        }),
      }),
    )

    const app = await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
    expect(app.spec.metadata).toEqual({ 'test-metadata': 'test-metadata', stage: 'production' })
    const tasks = await here.list(KeptnTask)
    const contexts = await Promise.all(
      tasks.map(async (task) => variable(await jobOf(namespace, task), 'KEPTN_CONTEXT')),
    )
    expect(contexts.toSorted()).toEqual([
      '{"workloadName":"","appName":"waiter","appVersion":"0.4","workloadVersion":"","taskType":"pre","objectType":"App","metadata":{"stage":"production","test-metadata":"test-metadata"}}',
      '{"workloadName":"waiter-waiter","appName":"waiter","appVersion":"","workloadVersion":"0.4","taskType":"pre","objectType":"Workload","metadata":{"commit-id":"1234","stage":"dev","test-metadata":"test-metadata"}}',
    ])
  },
)

test.concurrent('a container is run as the definition has it', async () => {
  const namespace = 'verbatim'
  const here = lookInto(world, namespace)
  const labels = { team: 'checkers' }
  const annotations = { 'example.org/why': 'because' }
  const own = {
    ...program,
    name: 'checker',
    env: [{ name: 'GREETING', value: 'hello' }],
    resources: { limits: { memory: '64Mi' }, requests: { memory: '32Mi' } },
    volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
  }
  await world.write(
    namespaceOf(namespace),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'checker', namespace },
    },
    taskDefinition(
      namespace,
      'check',
      {
        container: own,
        retries: 3,
        timeout: '1m30s',
        ttlSecondsAfterFinished: 100,
        serviceAccount: { name: 'checker' },
        automountServiceAccountToken: { type: false },
        imagePullSecrets: [{ name: 'registry' }],
      },
      { labels, annotations },
    ),
    workload({
      namespace,
      onTemplate: waiter('0.4', { 'keptn.sh/pre-deployment-tasks': 'check' }),
    }),
  )

  await here.comesTo(KeptnAppVersion, 'waiter-0.4-6b86b273', completedApp)
  const [task, ...others] = await here.list(KeptnTask)
  expect(others).toEqual([])
  expect(task?.metadata).toMatchObject({ labels, annotations })
  expect(task?.spec).toMatchObject({ taskDefinition: 'check', retries: 3, timeout: '1m30s' })

  const job = await until(async () => {
    const found = await jobOf(namespace, task as KeptnTask)
    expect(found.spec.ttlSecondsAfterFinished).toBe(100)
    return found
  })
  expect(job.spec).toMatchObject({ backoffLimit: 3, activeDeadlineSeconds: 90 })
  expect(job.metadata.ownerReferences).toMatchObject([
    { kind: 'KeptnTask', uid: task?.metadata.uid, controller: true, blockOwnerDeletion: true },
  ])
  expect(job.metadata).toMatchObject({
    labels,
    annotations: {
      ...annotations,
      'keptn.sh/app': 'waiter',
      'keptn.sh/workload': 'waiter-waiter',
      'keptn.sh/version': '0.4',
      'keptn.sh/task-name': task?.metadata.name,
    },
  })
  const { metadata, spec } = job.spec.template
  expect(metadata).toMatchObject({ labels, annotations })
  expect(spec.containers).toMatchObject([
    {
      ...own,
      env: [
        ...own.env,
        {
          name: 'KEPTN_CONTEXT',
          value:
            '{"workloadName":"waiter-waiter","appName":"waiter","appVersion":"","workloadVersion":"0.4","taskType":"pre","objectType":"Workload"}',
        },
      ],
    },
  ])
  expect(spec.volumes).toEqual([
    { name: 'scratch', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
  ])
  const asked = {
    serviceAccountName: 'checker',
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: 'registry' }],
  }
  expect(spec).toMatchObject(asked)
  const [pod] = (await here.list(Pod)).filter(
    (each) => each.metadata.labels?.['job-name'] === job.metadata.name,
  )
  expect(pod?.metadata).toMatchObject({ labels, annotations })
  expect(pod?.spec).toMatchObject(asked)
  // A token would be mounted.
  expect(pod?.spec.containers[0]?.volumeMounts).toEqual(own.volumeMounts)
})

test.concurrent('a container is run for a task that somebody made by hand', async () => {
  const namespace = 'by-hand'
  const here = lookInto(world, namespace)
  await world.write(namespaceOf(namespace, 'no'), passing(namespace, 'check'), {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTask',
    metadata: { name: 'once', namespace },
    spec: {
      taskDefinition: 'check',
      context: {
        appName: 'my-app',
        appVersion: '1.0.0',
        workloadName: 'my-workload',
        workloadVersion: '2.0.0',
        taskType: '',
        objectType: '',
      },
    },
  })

  const task = await here.comesTo(KeptnTask, 'once', { status: 'Succeeded' })
  const job = await jobOf(namespace, task)
  expect(job.metadata.annotations).toMatchObject({
    'keptn.sh/app': 'my-app',
    'keptn.sh/workload': 'my-workload',
    'keptn.sh/version': '2.0.0',
    'keptn.sh/task-name': 'once',
  })
  expect(variable(job, 'KEPTN_CONTEXT')).toBe(
    '{"workloadName":"my-workload","appName":"my-app","appVersion":"1.0.0","workloadVersion":"2.0.0","taskType":"","objectType":""}',
  )
})

const deno = { inline: { code: 'console.log(1)' } }
const python = { inline: { code: 'print(1)' } }
const container = { ...program, name: 'check' }
const none = 'Forbidden! Either Container, Python, or Deno field must be defined'
const several = 'Forbidden! Only one of Container, Python, or Deno field can be defined'

const find = (name: string): Promise<KeptnTaskDefinition | undefined> =>
  lookInto(world, 'default').find(KeptnTaskDefinition, name)

test.concurrent.each([
  ['deno', { deno }],
  ['python', { python }],
  ['container', { container }],
])('a definition with %s alone is accepted', async (name, spec) => {
  await world.write(taskDefinition('default', name, spec))
  expect((await find(name))?.spec).toMatchObject(spec)
})

test.concurrent.each([
  ['deno-and-python', { deno, python }, several],
  ['deno-and-container', { deno, container }, several],
  ['python-and-container', { python, container }, several],
  ['all-of-them', { deno, python, container }, several],
  ['none-of-them', { retries: 1 }, none],
])('a definition with %s is refused', async (name, spec, words) => {
  await expect(world.write(taskDefinition('default', name, spec))).rejects.toThrow(words)
  expect(await find(name)).toBeUndefined()
})
