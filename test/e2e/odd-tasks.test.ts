/**
 * Tasks that nobody would write on a good day, run by real containers: their outcome is stored all the same, once, and no
 * secret with it.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { conditionTypes, KeptnTask, type StatusOf } from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { findCondition } from '../../kube/conditions.ts'
import { eventually } from '../eventually.ts'
import { install, type Installation } from './installation.ts'
import { yaml } from './world.ts'

const patient = { timeoutMs: 90_000, everyMs: 200 }
const namespace = 'odd'
const home = 'keptn-system'

let installation: Installation
let denoImage: string

beforeAll(async () => {
  installation = await install('odd-tasks')
  const variable = '.env[?(@.name=="FUNCTION_RUNNER_IMAGE")].value'
  denoImage = await installation.cluster.kubectl([
    ...['get', 'deployment/lifecycle-operator', '-n', home],
    ...['-o', `jsonpath={.spec.template.spec.containers[0]${variable}}`],
  ])
  await installation.apply(
    yaml({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  )
}, 300_000)

afterAll(() => installation.down(), 60_000)

const scenario = (sentence: string, run: () => Promise<void>): void => {
  test.concurrent(`a task ${sentence}`, run, 150_000)
}

const definition = (name: string, spec: object, at = namespace): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { name, namespace: at },
  spec: { retries: 0, ...spec },
})

/** A container that runs a script in the shell of the runtime's image. */
const shell = (name: string, script: string, container: object = {}, spec: object = {}): object =>
  definition(name, {
    container: {
      ...{ name: 'main', image: denoImage, imagePullPolicy: 'Never' },
      ...{ command: ['/bin/sh', '-c', script], ...container },
    },
    ...spec,
  })

const taskOf = (taskDefinition: string, spec: object = {}, name = taskDefinition): object => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTask',
  metadata: { name, namespace },
  spec: { taskDefinition, retries: 0, ...spec },
})

const comesTo = (name: string, wanted: object): Promise<Partial<StatusOf<KeptnTask>>> =>
  eventually(async () => {
    const task = await installation.client.get(KeptnTask, { namespace, name })
    expect(task?.status).toMatchObject(wanted)
    return task?.status ?? {}
  }, patient)

scenario('has its result though its container mounts a volume over the place for it', async () => {
  await installation.apply(
    yaml(
      shell('mounted', 'echo \'{"a":1}\' > /tmp/keptn-result.json && : > /tmp/x && : > /one/y', {
        resources: { limits: { memory: '64Mi' } },
        volumeMounts: [
          { name: 'tmp', mountPath: '/tmp' },
          { name: 'both', mountPath: '/one' },
          { name: 'both', mountPath: '/two', readOnly: true },
        ],
      }),
      taskOf('mounted'),
    ),
  )
  expect(await comesTo('mounted', { status: 'Succeeded' })).toMatchObject({ result: { a: 1 } })
})

scenario('of a container with a place of its own for its last words tells those', async () => {
  await installation.apply(
    yaml(
      shell('own-words', 'echo printed; echo kept > /dev/termination-log; exit 7', {
        terminationMessagePath: '/dev/termination-log',
      }),
      taskOf('own-words'),
    ),
  )
  const status = await comesTo('own-words', { status: 'Failed', exitCode: 7 })
  expect(status.message).toContain('Exit code 7: kept')
  expect(status.message).not.toContain('printed')
})

scenario('of the longest name that a definition may have runs in either namespace', async () => {
  const long = `a.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(7)}`
  expect(long).toHaveLength(253)
  const other = long.replace(/^a/, 'x')
  const code = { inline: { code: 'Deno.exit(0)' } }
  await installation.apply(
    yaml(
      definition(long, { deno: code }),
      definition(other, { deno: code }, home),
      taskOf(long, {}, 'long-here'),
      taskOf(other, { checkType: 'pre' }, 'long-elsewhere'),
    ),
  )
  await comesTo('long-here', { status: 'Succeeded' })
  await comesTo('long-elsewhere', { status: 'Succeeded' })
})

scenario('that may stay for no time and is tried once has its outcome, late or not', async () => {
  const spec = { ttlSecondsAfterFinished: 0 }
  await installation.apply(
    yaml(
      shell('too-late', 'while :; do :; done', {}, spec),
      taskOf('too-late', { timeout: '4s' }),
      shell('in-time', 'exit 0', {}, spec),
      taskOf('in-time'),
    ),
  )
  await comesTo('too-late', { status: 'Failed', reason: 'DeadlineExceeded' })
  await comesTo('in-time', { status: 'Succeeded' })
  await eventually(async () => {
    const { items } = await installation.client.list(Job, { namespace })
    const names = items.map(({ metadata }) => metadata.annotations?.['keptn.sh/task-name'])
    for (const name of ['too-late', 'in-time']) expect(names).not.toContain(name)
  }, patient)
})

scenario('has no token though it names a service account, if its definition says so', async () => {
  await installation.apply(
    yaml(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'somebody', namespace } },
      shell(
        'no-token',
        'test ! -e /var/run/secrets/kubernetes.io',
        {},
        {
          serviceAccount: { name: 'somebody' },
          automountServiceAccountToken: { type: false },
          imagePullSecrets: [{ name: 'not-there' }],
        },
      ),
      taskOf('no-token'),
      shell(
        'token',
        'test -s /var/run/secrets/kubernetes.io/serviceaccount/token',
        {},
        {
          serviceAccount: { name: 'somebody' },
        },
      ),
      taskOf('token'),
    ),
  )
  await comesTo('no-token', { status: 'Succeeded' })
  await comesTo('token', { status: 'Succeeded' })
})

scenario('shows nothing of its secrets, however its container takes them apart', async () => {
  const password = 'CANARY-x7Kq-91'
  const key = `-----BEGIN KEY-----\n${'QmFzZTY0Q0FOQVJZ'.repeat(8)}\nZW5kQ0FOQVJZ\n-----END KEY-----\n`
  const script = `
    const { PASSWORD, PIN, KEY } = Deno.env.toObject()
    console.log('basic', btoa('bob:' + PIN))
    console.log(btoa(PASSWORD), encodeURIComponent(PASSWORD), JSON.stringify({ PASSWORD }))
    console.log(PASSWORD.split('-').join(' and '))
    console.log(KEY)
    console.log(KEY.replaceAll('\\n', ''), btoa(KEY))
    Deno.exit(3)`
  await installation.apply(
    yaml(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'several', namespace },
        stringData: { PASSWORD: password, KEY: key, PIN: 'q4z7' },
      },
      shell('apart', '', {
        command: ['/usr/local/bin/deno', 'eval', script],
        envFrom: [{ secretRef: { name: 'several' } }],
      }),
      taskOf('apart'),
    ),
  )
  const { message = '' } = await comesTo('apart', { status: 'Failed', exitCode: 3 })
  expect(message).toContain('basic ')
  expect(message).toContain(' and ')
  const pieces = ['q4z7', 'CANARY', 'x7Kq', 'QmFzZT', 'ZW5kQ0']
  const hidden = [...pieces, btoa(password).slice(0, 8), btoa('bob:q4z7'), btoa(key).slice(0, 12)]
  const { items } = await installation.client.list(KeptnTask, { namespace })
  const events = await installation.cluster.kubectl([
    'get',
    'events',
    '-n',
    namespace,
    '-o',
    'yaml',
  ])
  for (const piece of hidden) {
    expect(message).not.toContain(piece)
    expect(JSON.stringify(items.map(({ status }) => status))).not.toContain(piece)
    expect(events).not.toContain(piece)
  }
})

scenario('leaves a result of 4,096 bytes, and none of more', async () => {
  const writing = (bytes: number): string =>
    `const text = JSON.stringify('x'.repeat(${bytes - 2}))
     Deno.writeTextFileSync('/tmp/keptn-result.json', text)`
  await installation.apply(
    yaml(
      ...[4_096, 4_097].flatMap((bytes) => [
        definition(`left-${bytes}`, { deno: { inline: { code: writing(bytes) } } }),
        taskOf(`left-${bytes}`),
      ]),
    ),
  )
  const whole = await comesTo('left-4096', { status: 'Succeeded' })
  expect(whole.result).toBe('x'.repeat(4_094))
  const cut = await comesTo('left-4097', { status: 'Succeeded' })
  expect(cut).not.toHaveProperty('result')
  expect(findCondition(cut.conditions, conditionTypes.resultUnusable)?.reason).toBe('TooLarge')
})

scenario('whose container no pod may have says so, and waits', async () => {
  await installation.apply(
    yaml(
      definition('imageless', { container: { name: 'main' } }),
      taskOf('imageless'),
      shell('restarting', 'exit 0', { name: 'Not_Legal' }),
      taskOf('restarting'),
    ),
  )
  for (const name of ['imageless', 'restarting']) {
    const status = await comesTo(name, { status: 'Pending', reason: 'JobRefused' })
    expect(status.message).toContain('The Job of the task was refused')
  }
})
