/**
 * Tasks that real Deno containers run, and how they end: made by hand, so that nothing but a definition is needed.
 *
 * How often a script has run is what a server was told, not what Kubernetes says. What needs a workload stands in
 * `bad-input.test.ts` (a missing Secret, empty code) and `conformance/`.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conditionTypes, KeptnTask, type StatusOf } from '../../api/index.ts'
import { ConfigMap, Job, Namespace } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { startCheckpoint, type Checkpoint } from './checkpoint.ts'
import { install, type Installation } from './installation.ts'
import { lookAt, managedNamespace, stays, yaml } from './world.ts'

const home = 'keptn-system'
/** How long all tries of a task may take on a busy machine. */
const patient = { timeoutMs: 90_000, everyMs: 200 }

let installation: Installation
let checkpoint: Checkpoint

beforeAll(async () => {
  installation = await install('tasks')
  checkpoint = await startCheckpoint(installation.cluster)
}, 300_000)

afterAll(async () => {
  checkpoint.close()
  await installation.down()
}, 60_000)

const scenario = (sentence: string, run: () => Promise<void>): void => {
  test.concurrent(`a task ${sentence}`, run, 150_000)
}

/** A namespace that nobody has opted in. */
const foreignNamespace = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
})

const definition = (namespace: string, name: string, deno: object, spec: object = {}): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace },
  spec: { deno, ...spec },
})

/** The definition of a script that stands in it. */
const inline = (namespace: string, name: string, code: string, spec: object = {}): object =>
  definition(namespace, name, { inline: { code } }, spec)

/** A task by hand, called like its definition and tried once, unless it says otherwise. */
const taskOf = (namespace: string, name: string, spec: object = {}): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTask',
  metadata: { name, namespace },
  spec: { taskDefinition: name, retries: 0, ...spec },
})

type Status = StatusOf<KeptnTask>

const statusOf = async (namespace: string, name: string): Promise<Status | undefined> =>
  (await installation.client.get(KeptnTask, { namespace, name }))?.status

/** Waits until a task has this in its status. */
const comesTo = (namespace: string, name: string, wanted: object): Promise<Status | undefined> =>
  eventually(async () => {
    const status = await statusOf(namespace, name)
    expect(status).toMatchObject(wanted)
    return status
  }, patient)

const jobsIn = async (namespace: string): Promise<readonly Job[]> =>
  (await installation.client.list(Job, { namespace })).items

const hasNoJobs = (namespace: string): Promise<void> =>
  eventually(async () => expect(await jobsIn(namespace)).toEqual([]), patient)

/** Waits until tasks of these names have reported, in whatever order. */
const haveRun = (namespace: string, ...names: readonly string[]): Promise<void> =>
  eventually(() => expect(checkpoint.ran(namespace).toSorted()).toEqual(names.toSorted()), patient)

scenario('that goes on for too long is ended, and says so', async () => {
  const namespace = 'endless'
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      inline(namespace, 'endless', checkpoint.call(namespace, 'endless')),
      taskOf(namespace, 'endless', { retries: 3, timeout: '5s' }),
    ),
  )
  const status = await comesTo(namespace, 'endless', { status: 'Failed' })
  expect(status?.reason).toBe('DeadlineExceeded')
  expect(status?.message).toContain('longer than specified deadline')
  await haveRun(namespace, 'endless')
})

scenario(
  'that fails is tried as often as it may, and says how it ended the last time',
  async () => {
    const namespace = 'retries'
    const code = `${checkpoint.call(namespace, 'failing')}console.log('the last words'); Deno.exit(7)`
    checkpoint.open(namespace, 'failing')
    await installation.apply(
      yaml(
        foreignNamespace(namespace),
        inline(namespace, 'failing', code),
        taskOf(namespace, 'failing', { retries: 1 }),
      ),
    )
    const status = await comesTo(namespace, 'failing', { status: 'Failed', exitCode: 7 })
    expect(status?.reason).toBe('BackoffLimitExceeded')
    expect(status?.message).toContain('Exit code 7')
    expect(status?.message).toContain('the last words')
    expect(checkpoint.ran(namespace)).toEqual(['failing', 'failing'])
  },
)

scenario('whose ConfigMap is missing waits for it, and then runs the code in it', async () => {
  const namespace = 'config-map'
  checkpoint.open(namespace, 'late')
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      definition(namespace, 'late', { configMapRef: { name: 'code' } }),
      taskOf(namespace, 'late'),
    ),
  )
  const status = await comesTo(namespace, 'late', {
    status: 'Pending',
    reason: 'ConfigMapMissing',
  })
  expect(findCondition(status?.conditions, conditionTypes.stalled)?.status).toBe('True')
  expect(status?.message).toContain(`"${namespace}/code"`)
  expect(await jobsIn(namespace)).toEqual([])

  await installation.apply(
    yaml({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'code', namespace },
      data: { code: checkpoint.call(namespace, 'late') },
    }),
  )
  await comesTo(namespace, 'late', { status: 'Succeeded' })
  expect(checkpoint.ran(namespace)).toEqual(['late'])
})

scenario('that takes more memory than it may says that it was killed for that', async () => {
  const namespace = 'memory'
  const code = `
console.log('filling the memory')
const kept = []
for (;;) kept.push(new Uint8Array(16 * 1024 * 1024).fill(1))`
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      {
        apiVersion: 'v1',
        kind: 'LimitRange',
        metadata: { name: 'small', namespace },
        spec: { limits: [{ type: 'Container', default: { memory: '256Mi' } }] },
      },
      inline(namespace, 'greedy', code),
      taskOf(namespace, 'greedy'),
    ),
  )
  const status = await comesTo(namespace, 'greedy', { status: 'Failed', exitCode: 137 })
  expect(status?.reason).toBe('BackoffLimitExceeded')
  expect(status?.message).toContain('OOMKilled')
  expect(status?.message).toContain('filling the memory')
})

scenario('of 900 KB runs to its last line', async () => {
  const namespace = 'large'
  const line = `// ${'x'.repeat(96)}\n`
  const filled = line.repeat((900 * 1024) / line.length)
  const size = '(await Deno.stat(new URL(import.meta.url))).size'
  const code = filled + checkpoint.call(namespace, 'large', `{ bytes: ${size} }`)
  checkpoint.open(namespace, 'large')
  await installation.apply(yaml(foreignNamespace(namespace)))
  // An object of this size can't carry the copy of itself that `kubectl apply` keeps.
  await installation.cluster.kubectl(
    ['create', '-f', '-'],
    yaml(inline(namespace, 'large', code), taskOf(namespace, 'large')),
  )
  await comesTo(namespace, 'large', { status: 'Succeeded' })
  expect(checkpoint.contexts(namespace, 'large')).toEqual([{ bytes: code.length }])
})

scenario('whose Job may not stay after its end keeps its outcome', async () => {
  const namespace = 'no-ttl'
  const names = ['passing', 'failing'] as const
  const code = (name: string, end: string): string => checkpoint.call(namespace, name) + end
  const gone = { ttlSecondsAfterFinished: 0 }
  checkpoint.open(namespace, ...names)
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      inline(namespace, 'passing', code('passing', ''), gone),
      inline(namespace, 'failing', code('failing', "console.log('so'); Deno.exit(3)"), gone),
      ...names.map((name) => taskOf(namespace, name)),
    ),
  )
  await comesTo(namespace, 'passing', { status: 'Succeeded' })
  const failed = await comesTo(namespace, 'failing', { status: 'Failed', exitCode: 3 })
  expect(failed?.message).toContain('Exit code 3')
  await hasNoJobs(namespace)
  await stays(async () => {
    expect(await statusOf(namespace, 'passing')).toMatchObject({ status: 'Succeeded' })
    expect(await statusOf(namespace, 'failing')).toEqual(failed)
    expect(await jobsIn(namespace)).toEqual([])
  }, 3_000)
  await haveRun(namespace, ...names)
})

scenario('whose Job somebody deletes has failed, and is not run again', async () => {
  const namespace = 'vanished'
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      inline(namespace, 'waiting', checkpoint.call(namespace, 'waiting')),
      taskOf(namespace, 'waiting', { retries: 3 }),
    ),
  )
  await haveRun(namespace, 'waiting')
  const status = await comesTo(namespace, 'waiting', { status: 'Progressing' })
  await installation.cluster.kubectl(['delete', 'job', status?.jobName ?? '', '-n', namespace])
  await comesTo(namespace, 'waiting', { status: 'Failed', reason: 'JobVanished' })
  await stays(async () => {
    expect(await jobsIn(namespace)).toEqual([])
    expect(await statusOf(namespace, 'waiting')).toMatchObject({ reason: 'JobVanished' })
  }, 3_000)
  expect(checkpoint.ran(namespace)).toEqual(['waiting'])
})

scenario('that was made by hand, where nothing is managed, is told what it says', async () => {
  const namespace = 'by-hand'
  const told = ['DATA', 'SECURE_DATA', 'KEPTN_CONTEXT']
  const environment = `Object.fromEntries(${JSON.stringify(told)}.map((name) => [name, Deno.env.get(name)]))`
  const context = { appName: 'shop', appVersion: '2', workloadName: 'cart', workloadVersion: '1' }
  checkpoint.open(namespace, 'told')
  await installation.apply(
    yaml(
      foreignNamespace(namespace),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'token', namespace },
        stringData: { SECURE_DATA: 'hidden' },
      },
      definition(namespace, 'told', {
        inline: { code: checkpoint.call(namespace, 'told', environment) },
        parameters: { map: { stage: 'dev' } },
        cmdParameters: 'one two',
      }),
      taskOf(namespace, 'told', {
        context,
        parameters: { map: { team: 'a' } },
        secureParameters: { secret: 'token' },
      }),
    ),
  )
  await comesTo(namespace, 'told', { status: 'Succeeded' })
  const contextText =
    '{"workloadName":"cart","appName":"shop","appVersion":"2","workloadVersion":"1","taskType":"","objectType":""}'
  const data = '{"stage":"dev","team":"a"}'
  expect(checkpoint.contexts(namespace, 'told')).toEqual([
    { DATA: data, SECURE_DATA: 'hidden', KEPTN_CONTEXT: contextText },
  ])
  const [job] = await jobsIn(namespace)
  expect(job?.spec.template.spec.containers[0]?.env).toEqual([
    { name: 'DATA', value: data },
    { name: 'KEPTN_CONTEXT', value: contextText },
    { name: 'CMD_ARGS', value: 'one two' },
    { name: 'SECURE_DATA', valueFrom: { secretKeyRef: { name: 'token', key: 'SECURE_DATA' } } },
    { name: 'SCRIPT', value: '/var/data/function.ts' },
  ])
  const { metadata } = (await installation.client.get(Namespace, { name: namespace })) ?? {}
  expect(Object.keys(metadata?.labels ?? {})).not.toContain(keys.optIn)
  expect(await lookAt(installation.client, namespace).workloads()).toEqual([])
})

scenario('of a definition that was changed runs the code that it has now', async () => {
  const namespace = 'changed'
  const define = (says: string): Promise<void> =>
    installation.apply(
      yaml(inline(namespace, 'says', checkpoint.call(namespace, 'says', JSON.stringify({ says })))),
    )
  const runAs = async (name: string): Promise<void> => {
    await installation.apply(yaml(taskOf(namespace, name, { taskDefinition: 'says' })))
    await comesTo(namespace, name, { status: 'Succeeded' })
  }
  checkpoint.open(namespace, 'says')
  await installation.apply(yaml(foreignNamespace(namespace)))
  await define('before')
  await runAs('first')
  await define('after')
  await eventually(async () => {
    const found = await installation.client.get(ConfigMap, { namespace, name: 'keptnfn-says' })
    expect(found?.data?.['code']).toContain('after')
  }, patient)
  await runAs('second')
  expect(checkpoint.contexts(namespace, 'says')).toEqual([{ says: 'before' }, { says: 'after' }])
})

scenario(
  'of a definition in our own namespace runs anywhere, and leaves nothing there',
  async () => {
    const namespaces = ['central-managed', 'central-foreign'] as const
    const here = `{ says: (await Deno.readTextFile(new URL(import.meta.url))).includes('central') }`
    checkpoint.open(home, 'central')
    await installation.apply(
      yaml(
        inline(home, 'central', checkpoint.call(home, 'central', here)),
        managedNamespace(namespaces[0]),
        foreignNamespace(namespaces[1]),
        ...namespaces.map((namespace) => taskOf(namespace, 'central')),
      ),
    )
    await Promise.all(
      namespaces.map((namespace) => comesTo(namespace, 'central', { status: 'Succeeded' })),
    )
    expect(checkpoint.contexts(home, 'central')).toEqual([{ says: true }, { says: true }])

    for (const namespace of namespaces) {
      await installation.cluster.kubectl(['delete', 'keptntask', 'central', '-n', namespace])
      await hasNoJobs(namespace)
      await eventually(async () => {
        const { items } = await installation.client.list(ConfigMap, { namespace })
        expect(items.map(({ metadata }) => metadata.name)).toEqual(['kube-root-ca.crt'])
      }, patient)
    }
  },
)
