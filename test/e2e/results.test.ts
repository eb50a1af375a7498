/**
 * What tasks leave for others, and the order among them: real Deno containers that report to the test and wait until it
 * lets them go on.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { KeptnAppVersion, KeptnTask } from '../../api/index.ts'
import { Job, type Pod } from '../../api/kubernetes.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { startCheckpoint, type Checkpoint } from './checkpoint.ts'
import { install, type Installation } from './installation.ts'
import { deployment, expectHeld, gatesOf, lookAt, managedNamespace, yaml } from './world.ts'

const patient = { timeoutMs: 90_000, everyMs: 200 }

let installation: Installation
let checkpoint: Checkpoint

beforeAll(async () => {
  installation = await install('results')
  checkpoint = await startCheckpoint(installation.cluster)
}, 300_000)

afterAll(async () => {
  checkpoint.close()
  await installation.down()
}, 60_000)

const scenario = (sentence: string, run: () => Promise<void>): void => {
  test.concurrent(sentence, run, 150_000)
}

/** A script that reports, waits until it may go on, and leaves this text as its result. */
const script = (namespace: string, name: string, result: string, spec: object = {}): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: {
    retries: 0,
    deno: {
      inline: {
        code: `
          const context = encodeURIComponent(Deno.env.get('KEPTN_CONTEXT') ?? '')
          const answer = await fetch('${checkpoint.url}/${namespace}/${name}?' + context)
          await answer.text()
          Deno.writeTextFileSync('/tmp/keptn-result.json', ${JSON.stringify(result)})`,
      },
    },
    ...spec,
  },
})

/** One that reports and fails. */
const failing = (namespace: string, name: string): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: {
    retries: 0,
    deno: { inline: { code: "console.log('stock is not counted'); Deno.exit(4)" } },
  },
})

const context = (namespace: string, spec: object): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnAppContext',
  metadata: { name: namespace, namespace },
  spec,
})

/** The only workload of an app that is called like its namespace. */
const workload = (namespace: string): object =>
  deployment({ namespace, annotations: { 'keptn.sh/app': namespace } })

const tasksIn = async (namespace: string): Promise<readonly KeptnTask[]> =>
  (await installation.client.list(KeptnTask, { namespace })).items

const taskOf = async (namespace: string, definition: string): Promise<KeptnTask | undefined> =>
  (await tasksIn(namespace)).find(({ spec }) => spec.taskDefinition === definition)

const appVersionIn = async (namespace: string): Promise<KeptnAppVersion | undefined> =>
  (await installation.client.list(KeptnAppVersion, { namespace })).items[0]

const haveRun = (namespace: string, ...names: readonly string[]): Promise<void> =>
  eventually(() => expect(checkpoint.ran(namespace).toSorted()).toEqual(names.toSorted()), patient)

const podsOf = (namespace: string): Promise<readonly Pod[]> =>
  lookAt(installation.client, namespace).pods()

scenario(
  'a task by hand, in a namespace that nobody opted in, has its result in its status',
  async () => {
    const namespace = 'by-hand'
    const result = { url: 'https://example.org/?a=1&b=<2>', parts: [1, 'zwei', true] }
    const task = (name: string): object => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnTask',
      metadata: { name, namespace },
      spec: { taskDefinition: name, retries: 0 },
    })
    checkpoint.open(namespace, 'good', 'bad', 'long')
    await installation.apply(
      yaml(
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        script(namespace, 'good', JSON.stringify(result)),
        script(namespace, 'bad', 'all is well'),
        script(namespace, 'long', JSON.stringify('x'.repeat(5_000))),
        ...['good', 'bad', 'long'].map(task),
      ),
    )
    const ended = await eventually(async () => {
      const tasks = await tasksIn(namespace)
      expect(tasks.map(({ status }) => status?.status)).toEqual(Array(3).fill('Succeeded'))
      return new Map(tasks.map(({ metadata, status }) => [metadata.name, status]))
    }, patient)
    const unusable = (name: string): string | undefined =>
      findCondition(ended.get(name)?.conditions, 'ResultUnusable')?.reason
    expect(ended.get('good')?.result).toEqual(result)
    expect(unusable('good')).toBeUndefined()
    expect([unusable('bad'), unusable('long')]).toEqual(['InvalidJson', 'TooLarge'])
    expect(ended.get('bad')).not.toHaveProperty('result')
    expect(ended.get('long')).not.toHaveProperty('result')
  },
)

scenario(
  'a task is made once those that it depends on have succeeded, and is told what they left',
  async () => {
    const namespace = 'ordered'
    await installation.apply(
      yaml(
        managedNamespace(namespace),
        script(namespace, 'build', '{"image":"cart:1"}'),
        script(namespace, 'lint', ''),
        script(namespace, 'sign', '', { dependsOn: ['build', 'lint'] }),
        context(namespace, { preDeploymentTasks: ['sign', 'build', 'lint'] }),
        workload(namespace),
      ),
    )
    await haveRun(namespace, 'build', 'lint')
    checkpoint.open(namespace, 'lint')
    await eventually(async () => {
      expect((await taskOf(namespace, 'lint'))?.status?.status).toBe('Succeeded')
      const items = (await appVersionIn(namespace))?.status?.preDeploymentTaskStatus
      expect(items?.find(({ definitionName }) => definitionName === 'sign')).toMatchObject({
        status: 'Pending',
        message: 'Waits for "build"',
      })
    }, patient)
    expect(await taskOf(namespace, 'sign')).toBeUndefined()
    checkpoint.open(namespace, 'build')
    await haveRun(namespace, 'build', 'lint', 'sign')
    expectHeld(await podsOf(namespace))
    const [told] = checkpoint.contexts(namespace, 'sign')
    const keys = [
      'workloadName',
      'appName',
      'appVersion',
      'workloadVersion',
      'taskType',
      'objectType',
    ]
    expect(Object.keys(told ?? {})).toEqual([...keys, 'results'])
    expect(told?.['results']).toEqual({ build: { image: 'cart:1' } })
    expect(Object.keys(checkpoint.contexts(namespace, 'build')[0] ?? {})).toEqual(keys)
    checkpoint.open(namespace, 'sign')
    await eventually(async () => {
      const pods = await podsOf(namespace)
      expect(pods.map(gatesOf)).toEqual([[]])
    }, patient)
    expect(checkpoint.ran(namespace)).toHaveLength(3)
  },
)

scenario(
  'when a check of an app has failed its on-failure tasks run, and the version stays failed',
  async () => {
    const namespace = 'failed'
    await installation.apply(
      yaml(
        managedNamespace(namespace),
        failing(namespace, 'count'),
        script(namespace, 'sell', '', { dependsOn: ['count'] }),
        script(namespace, 'page', '{"ticket":7}'),
        script(namespace, 'close', '', { dependsOn: ['page'] }),
        context(namespace, {
          preDeploymentTasks: ['count', 'sell'],
          onFailure: ['page', 'close'],
          metadata: { team: 'stock' },
        }),
        workload(namespace),
      ),
    )
    await haveRun(namespace, 'page')
    const failed = await appVersionIn(namespace)
    expect(failed?.status).toMatchObject({ status: 'Failed', onFailureStatus: 'Progressing' })
    expect(failed?.status?.preDeploymentTaskStatus).toMatchObject([
      { definitionName: 'count', status: 'Failed' },
      { definitionName: 'sell', status: 'Deprecated', message: expect.stringContaining('"count"') },
    ])
    checkpoint.open(namespace, 'page', 'close')
    await eventually(async () => {
      const version = await appVersionIn(namespace)
      expect(version?.status).toMatchObject({ status: 'Failed', onFailureStatus: 'Succeeded' })
      expect(version?.status?.endTime).toBe(failed?.status?.endTime)
      expect(version?.status?.onFailureTaskStatus).toMatchObject([
        { definitionName: 'page', status: 'Succeeded' },
        { definitionName: 'close', status: 'Succeeded' },
      ])
    }, patient)
    expect(checkpoint.ran(namespace)).toEqual(['page', 'close'])
    expect(checkpoint.contexts(namespace, 'page')).toEqual([
      {
        workloadName: '',
        appName: namespace,
        appVersion: failed?.spec.version,
        workloadVersion: '',
        taskType: 'on-failure',
        objectType: 'App',
        metadata: { team: 'stock' },
      },
    ])
    expect(checkpoint.contexts(namespace, 'close')[0]?.['results']).toEqual({ page: { ticket: 7 } })
    expectHeld(await podsOf(namespace))
    const task = await taskOf(namespace, 'count')
    expect(task?.status).toMatchObject({ status: 'Failed', exitCode: 4 })
    expect(task?.status?.message).toContain('stock is not counted')
  },
)

scenario('tasks that wait for a version which is given up are never made', async () => {
  const namespace = 'given-up'
  await installation.apply(
    yaml(
      managedNamespace(namespace),
      script(namespace, 'build', ''),
      script(namespace, 'sign', '', { dependsOn: ['build'] }),
      context(namespace, { preDeploymentTasks: ['build', 'sign'] }),
      workload(namespace),
    ),
  )
  await haveRun(namespace, 'build')
  await installation.cluster.kubectl([
    ...['annotate', 'namespace', namespace, '--overwrite', 'keptn.sh/lifecycle-toolkit=disabled'],
  ])
  await eventually(async () => {
    expect((await appVersionIn(namespace))?.status?.status).toBe('Deprecated')
    expect((await installation.client.list(Job, { namespace })).items).toEqual([])
  }, patient)
  checkpoint.open(namespace, 'build')
  expect((await tasksIn(namespace)).map(({ spec }) => spec.taskDefinition)).toEqual(['build'])
})
