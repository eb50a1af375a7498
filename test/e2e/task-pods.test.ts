/**
 * What pods of tasks run and are given, and what a task says of one that does not start.
 *
 * All of them run side by side, each in a namespace of its own, with a KeptnConfig that tightens every one.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conditionTypes, KeptnTask, KeptnTaskDefinition } from '../../api/index.ts'
import { ConfigMap, Job, Pod } from '../../api/kubernetes.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { taskDefinition, type Manifest } from './conformance/objects.ts'
import { lookInto, startWorld, until, type World } from './conformance/world.ts'

const home = 'keptn-system'

let world: World
let denoImage: string

beforeAll(async () => {
  world = await startWorld('task-pods')
  await world.settings({
    taskPods: {
      readOnlyRootFilesystem: true,
      defaultResources: { requests: { cpu: '1m' }, limits: { memory: '256Mi' } },
    },
  })
  const variable = '.env[?(@.name=="FUNCTION_RUNNER_IMAGE")].value'
  denoImage = await world.cluster.kubectl([
    ...['get', 'deployment/lifecycle-operator', '-n', home],
    ...['-o', `jsonpath={.spec.template.spec.containers[0]${variable}}`],
  ])
}, 300_000)

afterAll(() => world.down(), 60_000)

const scenario = (sentence: string, run: () => Promise<void>): void => {
  test.concurrent(sentence, run, 180_000)
}

const namespaced = (name: string, labels: Readonly<Record<string, string>> = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

/** A task that somebody makes by hand; it is tried once. */
const taskOf = (namespace: string, definition: string, spec: object = {}): Manifest => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTask',
  metadata: { name: `run-${definition}`, namespace },
  spec: { taskDefinition: definition, retries: 0, ...spec },
})

/** A definition whose program is the shell of the runtime's image. */
const shell = (namespace: string, name: string, script: string, container: object = {}): Manifest =>
  taskDefinition(namespace, name, {
    retries: 0,
    container: {
      ...{ name: 'main', image: denoImage, imagePullPolicy: 'Never' },
      ...{ command: ['/bin/sh', '-c', script], ...container },
    },
  })

/** Waits until a task says that it is held up by this, or is no more. */
const isHeldUp = (
  namespace: string,
  definition: string,
  reason: string,
  timeoutMs = 60_000,
): Promise<KeptnTask> =>
  eventually(
    async () => {
      const task = await lookInto(world, namespace).get(KeptnTask, `run-${definition}`)
      const stalled = findCondition(task.status?.conditions, conditionTypes.stalled)
      expect(stalled).toMatchObject({ status: 'True', reason })
      return task
    },
    { timeoutMs, everyMs: 200 },
  )

const wordsOf = (task: KeptnTask): string | undefined =>
  findCondition(task.status?.conditions, conditionTypes.stalled)?.message

const comesTo = (
  namespace: string,
  definition: string,
  status: object,
  timeoutMs = 60_000,
): Promise<KeptnTask> =>
  eventually(
    async () => {
      const task = await lookInto(world, namespace).get(KeptnTask, `run-${definition}`)
      expect(task.status).toMatchObject(status)
      return task
    },
    { timeoutMs, everyMs: 200 },
  )

const jobOf = (namespace: string, task: KeptnTask): Promise<Job> =>
  lookInto(world, namespace).get(Job, task.status?.jobName ?? '')

const podsOf = async (namespace: string, job: Job): Promise<readonly Pod[]> =>
  (await lookInto(world, namespace).list(Pod)).filter(
    ({ metadata }) => metadata.labels?.['batch.kubernetes.io/controller-uid'] === job.metadata.uid,
  )

const ref = (name: string, runtime: object = {}) => ({
  retries: 0,
  ttlSecondsAfterFinished: 0,
  deno: { functionRef: { name }, ...runtime },
})
const code = (text: string, runtime: object = {}) => ({
  retries: 0,
  deno: { inline: { code: text }, ...runtime },
})

scenario(
  "a definition runs another one's code from our namespace with its own parameters",
  async () => {
    const namespace = 'lineage'
    const data = '{"data":"mydata","level":"2","other":"data","user":"myuser"}'
    const script = `
    const data = Deno.env.get('DATA'), secret = Deno.env.get('SECURE_DATA')
    if (data !== '${data}' || secret !== 'mine') { console.log(data); Deno.exit(3) }
  `
    await world.write(
      namespaced(namespace),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'mysecret', namespace },
        stringData: { SECURE_DATA: 'mine' },
      },
      taskDefinition(
        namespace,
        'lineage-child',
        ref('lineage-middle', {
          parameters: { map: { data: 'mydata', user: 'myuser' } },
          secureParameters: { secret: 'mysecret' },
        }),
      ),
      taskDefinition(
        home,
        'lineage-middle',
        ref('lineage-parent', { parameters: { map: { level: '2', user: 'nobody' } } }),
      ),
      taskOf(namespace, 'lineage-child'),
    )
    const waiting = await isHeldUp(namespace, 'lineage-child', 'ParentNotFound')
    expect(wordsOf(waiting)).toContain('"lineage-parent"')
    expect(waiting.status?.jobUid).toBeUndefined()
    await until(async () => {
      const child = await lookInto(world, namespace).get(KeptnTaskDefinition, 'lineage-child')
      expect(findCondition(child.status?.conditions, 'Stalled')?.reason).toBe('ParentNotFound')
    })

    await world.write(
      taskDefinition(
        home,
        'lineage-parent',
        code(script, { parameters: { map: { data: 'theirs', other: 'data' } } }),
      ),
    )
    const ended = await comesTo(namespace, 'lineage-child', { status: 'Succeeded' })
    // It may be gone with its outcome: that is what a TTL of 0 asks for.
    await until(async () => {
      const job = await lookInto(world, namespace).find(Job, ended.status?.jobName ?? '')
      expect(job).toBeUndefined()
    })
    // The code came along for the time of the task.
    const copies = (await lookInto(world, namespace).list(ConfigMap)).filter(
      ({ metadata }) => metadata.labels?.['gatekept.dev/function'] === 'code',
    )
    expect(copies.map(({ data: kept }) => kept?.['code'])).toEqual([script])
  },
)

scenario('definitions in a circle are refused until one has code', async () => {
  const namespace = 'circle'
  await world.write(
    namespaced(namespace),
    taskDefinition(namespace, 'one', ref('other')),
    taskDefinition(namespace, 'other', ref('one')),
    taskOf(namespace, 'one'),
  )
  const waiting = await isHeldUp(namespace, 'one', 'FunctionRefCircle')
  expect(wordsOf(waiting)).toContain('"circle/one" → "circle/other" → "circle/one"')
  for (const name of ['one', 'other']) {
    await until(async () => {
      const { status } = await lookInto(world, namespace).get(KeptnTaskDefinition, name)
      expect(findCondition(status?.conditions, 'Ready')?.reason).toBe('FunctionRefCircle')
    })
  }
  await world.write(taskDefinition(namespace, 'other', code('Deno.exit(0)')))
  await comesTo(namespace, 'one', { status: 'Succeeded' })
})

scenario("a user's container runs where its namespace enforces Pod Security", async () => {
  const namespace = 'restricted'
  await world.write(
    namespaced(namespace, { 'pod-security.kubernetes.io/enforce': 'restricted' }),
    shell(namespace, 'plain', 'exit 0'),
    shell(namespace, 'root', 'true', { securityContext: { runAsUser: 0, runAsNonRoot: false } }),
    taskOf(namespace, 'plain'),
    taskOf(namespace, 'root'),
  )
  const task = await comesTo(namespace, 'plain', { status: 'Succeeded' })
  const job = await jobOf(namespace, task)
  expect(job.spec.template.spec.containers[0]?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
  })
  const refused = await isHeldUp(namespace, 'root', 'PodSecurityViolated')
  expect(wordsOf(refused)).toContain('runAsNonRoot')
  expect(refused.status?.status).toBe('Progressing')
})

scenario('what a pod lacks is said early, and is no failure', async () => {
  const namespace = 'lacking'
  const from = { configMapKeyRef: { name: 'settings', key: 'mode' } }
  await world.write(
    namespaced(namespace),
    shell(namespace, 'image', 'true', {
      image: 'registry.invalid/none:1',
      imagePullPolicy: 'Always',
    }),
    shell(namespace, 'settings', 'test "$MODE" = fast', {
      env: [{ name: 'MODE', valueFrom: from }],
    }),
    taskDefinition(namespace, 'account', {
      ...code('Deno.exit(0)'),
      serviceAccount: { name: 'checker' },
    }),
    taskOf(namespace, 'image', { timeout: '25s' }),
    taskOf(namespace, 'settings'),
    taskOf(namespace, 'account'),
  )
  const [image, settings, account] = await Promise.all([
    isHeldUp(namespace, 'image', 'ImagePullBackOff', 20_000),
    isHeldUp(namespace, 'settings', 'CreateContainerConfigError', 20_000),
    isHeldUp(namespace, 'account', 'ServiceAccountMissing', 20_000),
  ])
  expect(wordsOf(image)).toContain('registry.invalid/none:1')
  expect(wordsOf(settings)).toContain('configmap "settings" not found')
  expect(wordsOf(account)).toContain('"checker"')
  for (const { status } of [image, settings, account]) expect(status?.status).toBe('Progressing')

  await world.write(
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace },
      data: { mode: 'fast' },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'checker', namespace } },
  )
  const ended = await comesTo(namespace, 'settings', { status: 'Succeeded' })
  expect(findCondition(ended.status?.conditions, 'Stalled')?.status).toBe('False')
  await comesTo(namespace, 'account', { status: 'Succeeded' }, 120_000)
  const late = await comesTo(namespace, 'image', { status: 'Failed', reason: 'DeadlineExceeded' })
  expect(late.status?.message).toContain('registry.invalid/none:1')
})

scenario('a full quota is said, and the task goes on once it is freed', async () => {
  const namespace = 'quota'
  const quota = (pods: string): Manifest => ({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'compute', namespace },
    spec: { hard: { pods } },
  })
  await world.write(namespaced(namespace), quota('0'))
  await until(async () => {
    const hard = ['get', 'resourcequota/compute', '-n', namespace, '-o', 'jsonpath={.status.hard}']
    expect(await world.cluster.kubectl(hard)).toContain('"pods":"0"')
  })
  await world.write(
    taskDefinition(namespace, 'check', code('Deno.exit(0)')),
    taskOf(namespace, 'check'),
  )
  const waiting = await isHeldUp(namespace, 'check', 'QuotaExceeded', 20_000)
  expect(wordsOf(waiting)).toMatch(/^The pod cannot be created: forbidden: exceeded quota: compute/)
  expect(waiting.status?.status).toBe('Progressing')

  await world.write(quota('5'))
  const ended = await comesTo(namespace, 'check', { status: 'Succeeded' }, 150_000)
  expect(findCondition(ended.status?.conditions, 'Stalled')?.status).toBe('False')
})

scenario('a pod that is evicted is replaced, and does not count as a try', async () => {
  const namespace = 'evicted'
  await world.write(
    namespaced(namespace),
    shell(namespace, 'lasts', 'exec deno eval "setInterval(() => {}, 1000)"'),
    taskOf(namespace, 'lasts'),
  )
  const running = async (job: Job): Promise<Pod> => {
    const pods = await podsOf(namespace, job)
    const pod = pods.find(
      ({ metadata, status }) =>
        status?.phase === 'Running' && metadata.deletionTimestamp === undefined,
    )
    if (pod === undefined) throw new Error(`None of ${pods.length} pods runs`)
    return pod
  }
  const task = await comesTo(namespace, 'lasts', { status: 'Progressing' })
  const job = await jobOf(namespace, task)
  const first = await until(() => running(job))
  const { name } = first.metadata
  await world.client.raw({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
    body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
  })
  const second = await eventually(() => running(job), { timeoutMs: 90_000, everyMs: 200 })
  expect(second.metadata.uid).not.toBe(first.metadata.uid)
  expect((await jobOf(namespace, task)).status?.failed ?? 0).toBe(0)
  await comesTo(namespace, 'lasts', { status: 'Progressing', jobUid: job.metadata.uid })
})

scenario(
  'scripts write to /tmp alone where KeptnConfig says so, from a file or a URL',
  async () => {
    const namespace = 'read-only'
    const script = `
    Deno.writeTextFileSync('/tmp/scratch', 'x')
    let isRefused = false
    try { Deno.writeTextFileSync('/deno-dir/mark', 'x') } catch { isRefused = true }
    Deno.exit(isRefused ? 0 : 4)
  `
    const serve = `Deno.serve({ port: 8080 }, () => new Response(${JSON.stringify(script)}, { headers: { 'content-type': 'application/typescript' } }))`
    await world.write(
      namespaced(namespace),
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'code', namespace },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              ...{ name: 'main', image: denoImage, imagePullPolicy: 'Never' },
              command: ['deno', 'eval', serve],
            },
          ],
        },
      },
      taskDefinition(namespace, 'file', code(script)),
      taskOf(namespace, 'file'),
    )
    const task = await comesTo(namespace, 'file', { status: 'Succeeded' })
    const [container] = (await jobOf(namespace, task)).spec.template.spec.containers
    expect(container?.resources).toEqual({ requests: { cpu: '1m' }, limits: { memory: '256Mi' } })

    const address = await until(async () => {
      const ip = await world.cluster.kubectl(
        `get pod code -n ${namespace} -o jsonpath={.status.podIP}`.split(' '),
      )
      expect(ip).not.toBe('')
      return ip
    })
    await world.write(
      taskDefinition(namespace, 'url', {
        retries: 5,
        deno: { httpRef: { url: `http://${address}:8080/check.ts` } },
      }),
      taskOf(namespace, 'url', { retries: 5 }),
    )
    await comesTo(namespace, 'url', { status: 'Succeeded' })
  },
)
