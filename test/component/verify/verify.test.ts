/** What `gatekept verify` says of clusters on which something is missing: an API server with the chart's policies, and nothing of ours running. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Deployment, Namespace, Pod } from '../../../api/kubernetes.ts'
import { runVerify } from '../../../cli/verify.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { home, startWorld, tryPod, untilActive, type World } from '../policies/world.ts'

let world: World

beforeAll(async () => {
  world = await startWorld('verify')
  await world.policies({ admission: 'policy' })
  await world.client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'bystander' },
  })
  await world.managed('shop')
  await untilActive(async () => {
    expect(await tryPod(world.client, 'shop', heldPod)).toMatchObject({
      gates: [expect.anything()],
    })
    const placed = { ...heldPod, spec: { ...heldPod.spec, nodeName: 'node-1' } }
    expect(await tryPod(world.client, 'shop', placed)).toHaveProperty('refused')
  })
}, 300_000)
afterAll(() => world.close())

const heldPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'probe',
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs-1', controller: true },
    ],
  },
  spec: { containers: [{ name: 'web', image: 'web:1' }] },
}

const run = async (...args: readonly string[]) => {
  const said: string[] = []
  const complaints: string[] = []
  const code = await runVerify(
    {
      connect: () => Promise.resolve(adminOf(world.cluster)),
      ownNamespace: undefined,
      print: (text) => said.push(text),
      complain: (text) => complaints.push(text),
      pause: () => new Promise((resolve) => setTimeout(resolve, 20)),
    },
    args,
  )
  return { code, said: said.join(''), complaints: complaints.join('') }
}

/** No node is there to run them: none becomes available. */
const make = async (name: string, replicas: number): Promise<void> => {
  const labels = { 'app.kubernetes.io/part-of': 'keptn' }
  const selector = { app: name }
  await world.client.create(Deployment, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: home, name, labels },
    spec: {
      ...{ replicas, selector: { matchLabels: selector } },
      template: {
        metadata: { labels: selector },
        spec: { containers: [{ name, image: name }] },
      },
    },
  })
}

test('without our programs it says that they are not there, and where it has looked', async () => {
  const { code, said } = await run('--try-in=shop')
  expect(code).toBe(1)
  expect(said).toContain('FAIL  No program of Gatekept is in namespace "keptn-system"')
})

test('it tells which program is missing, that the policy holds all the same, and that the webhook does not answer', async () => {
  await make('lifecycle-webhook', 2)
  await make('metrics-operator', 0)
  const { code, said } = await run('--try-in=shop')
  expect(said.split('\n').map((line) => line.split(':')[0])).toEqual([
    'FAIL  "lifecycle-webhook"',
    'ok    "metrics-operator"',
    'ok    Namespace "shop" has opted in',
    'ok    A pod of a Deployment is held, by the policy "gatekept-hold"',
    'FAIL  The webhook does not answer the API server',
    'ok    A pod that names its node itself is refused',
    'ok    Gates are guarded',
    '2 of these failed.',
    '',
  ])
  expect(code).toBe(1)
})

test('it makes a namespace for its pods if it is given none, and leaves nothing', async () => {
  const { said } = await run()
  expect(said).toContain('ok    Namespace "gatekept-verify" has opted in')
  expect(said).toContain('ok    A pod of a Deployment is held')
  await eventually(async () => {
    const left = await world.client.get(Namespace, { name: 'gatekept-verify' })
    expect(left === undefined || left.status?.phase === 'Terminating').toBe(true)
  })
  const fieldSelector = 'metadata.name=gatekept-verify'
  expect((await world.client.list(Pod, { fieldSelector })).items).toEqual([])
})

test('where pods can not be tried it says why', async () => {
  expect((await run('--try-in=bystander')).said).toContain(
    'FAIL  Namespace "bystander" has not opted in',
  )
  expect((await run('--try-in=nowhere')).said).toContain('FAIL  There is no namespace "nowhere"')
})

test('without the guard and without who adds the gate it says that pods run unchecked', async () => {
  const { kubectl } = world.cluster
  await kubectl([
    'delete',
    'mutatingadmissionpolicybinding,validatingadmissionpolicybinding',
    '--all',
  ])
  await untilActive(async () => {
    const { code, said } = await run('--try-in=shop')
    expect(said).toContain('FAIL  A pod of a Deployment is let through without its gate')
    expect(said).toContain('FAIL  A pod that names its node itself is not refused')
    expect(said).toContain('note  Gates are not guarded')
    expect(code).toBe(1)
  })
})
