/** What the guard lets people do with pods, namespaces and verdicts, where nothing of ours runs. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { KeptnWorkloadVersion, newObject } from '../../../api/index.ts'
import { Namespace, Pod, ReplicaSet } from '../../../api/kubernetes.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { eventually } from '../../eventually.ts'
import { home, startWorld, tryPod, untilActive, type World } from './world.ts'

/** May change all that is in the way, but holds no verb of ours. */
const developer = 'developer'
/** May release, besides. */
const releaser = 'releaser'
const ours = `system:serviceaccount:${home}:lifecycle-operator`

let world: World

beforeAll(async () => {
  world = await startWorld('guard')
  const { kubectl } = world.cluster
  const resources =
    '--resource=pods,pods/status,namespaces,keptnworkloadversions.lifecycle.keptn.sh,keptnworkloadversions.lifecycle.keptn.sh/status'
  await kubectl(['create', 'clusterrole', 'change', '--verb=get,list,patch,update', resources])
  await kubectl([
    ...['create', 'clusterrole', 'release', '--verb=release'],
    '--resource=keptnworkloadversions.lifecycle.keptn.sh',
  ])
  const users = [developer, releaser, ours].map((user) => `--user=${user}`)
  await kubectl(['create', 'clusterrolebinding', 'change', '--clusterrole=change', ...users])
  await kubectl([
    ...['create', 'clusterrolebinding', 'release', '--clusterrole=release'],
    `--user=${releaser}`,
  ])
  await world.policies({ admission: 'webhook' })
}, 300_000)
afterAll(() => world.close())

const owner = (uid: string) => ({
  ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', controller: true },
  uid,
})

const podOf = (name: string, more: { readonly uid?: string; readonly gated?: boolean } = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    labels: {
      [keys.recommendedName]: 'web',
      ...(more.gated === false ? {} : { [keys.gated]: 'true' }),
    },
    annotations: { [keys.workload]: 'web', [keys.version]: '1' },
    ownerReferences: [owner(more.uid ?? 'rs-1')],
  },
  spec: {
    containers: [{ name: 'main', image: 'example.org/web:1' }],
    ...(more.gated === false ? {} : { schedulingGates: [{ name: gateName }] }),
  },
})

/** Makes a pod that is held, of a ReplicaSet as Kubernetes makes it; gives its name. */
const holdPod = async (namespace: string, name: string): Promise<string> => {
  const { metadata, spec } = podOf(name)
  const labels = { ...metadata.labels, set: name }
  const template = { metadata: { labels, annotations: metadata.annotations }, spec }
  const selector = { matchLabels: { set: name } }
  await world.client.create(ReplicaSet, {
    ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { namespace, name } },
    spec: { replicas: 1, selector, template },
  } as never)
  return eventually(async () => {
    const { items } = await world.client.list(Pod, { namespace, labelSelector: `set=${name}` })
    expect(items).toHaveLength(1)
    return items[0]?.metadata.name ?? ''
  })
}

/** What becomes of a patch that somebody asks for: '' when it is taken. */
const patched = async (
  who: string,
  on: readonly string[],
  patch: object,
  more: readonly string[] = [],
): Promise<string> => {
  try {
    const body = `--patch=${JSON.stringify(patch)}`
    await world.cluster.kubectl(['patch', ...on, `--as=${who}`, body, ...more])
    return ''
  } catch (error) {
    return String(error)
  }
}

const openGate = {
  metadata: { labels: { [keys.gated]: null } },
  spec: { schedulingGates: [{ $patch: 'delete', name: gateName }] },
}

describe('a held pod', () => {
  let at: readonly string[]
  beforeAll(async () => {
    const shop = await world.managed('held')
    at = ['pod', await holdPod(shop, 'web'), `--namespace=${shop}`]
    await untilActive(async () => {
      expect(await patched(developer, at, openGate, ['--dry-run=server'])).not.toBe('')
    })
  })

  test('is not released by whoever may change pods, in whatever way', async () => {
    const refusal = await patched(developer, at, openGate)
    expect(refusal).toMatch(/pod "web-\w+" is held until the checks of its version have passed/)
    expect(refusal).toContain(`${developer} may not release it (it takes the verb release`)
    const gone = { spec: { schedulingGates: null } }
    expect(await patched(developer, at, gone, ['--type=merge'])).toContain('may not release it')
  })

  test.each([
    ['its label', { labels: { [keys.gated]: null } }, 'goes with the gate'],
    ['its version', { annotations: { [keys.version]: '2' } }, 'cannot change after its creation'],
    ['its checks', { labels: { [keys.preDeploymentTasks]: 'x' } }, 'cannot change after'],
    ['its name', { labels: { [keys.recommendedName]: 'cart' } }, 'while it is held'],
  ])('keeps %s, through its status as well', async (_what, metadata, refusal) => {
    expect(await patched(developer, at, { metadata })).toContain(refusal)
    const status = ['--subresource=status']
    expect(await patched(developer, at, { metadata }, status)).toContain(refusal)
    expect(await patched(releaser, at, { metadata: { labels: { team: 'shop' } } })).toBe('')
  })

  test('is told other things by anybody, and who it is by us', async () => {
    expect(await patched(developer, at, { metadata: { labels: { team: 'web' } } })).toBe('')
    const identity = { metadata: { annotations: { [keys.app]: 'shop' } } }
    expect(await patched(ours, at, identity)).toBe('')
  })

  test.each([releaser, ours])(
    'is released by %s, and can be taken out of a Service',
    async (who) => {
      const name = who === ours ? 'by-us' : 'by-them'
      const pod = ['pod', await holdPod('held', name), '--namespace=held']
      expect(await patched(who, pod, openGate)).toBe('')
      const quarantine = { metadata: { labels: { [keys.recommendedName]: 'quarantined' } } }
      expect(await patched(developer, pod, quarantine)).toBe('')
      const identity = { metadata: { annotations: { [keys.workload]: 'cart' } } }
      expect(await patched(developer, pod, identity)).toContain('cannot change after its creation')
    },
  )
})

describe('a pod that came without its gate', () => {
  const ungated = (uid?: string): object =>
    podOf('web', { gated: false, ...(uid === undefined ? {} : { uid }) })
  const anonymous = {
    ...podOf('web', { gated: false }),
    metadata: { name: 'web', ownerReferences: [owner('rs-1')] },
  }
  const placed = { ...podOf('web', { gated: false }) }
  const placedSpec = { ...placed.spec, nodeName: 'node-1' }

  beforeAll(() => world.managed('ungated', 'v1 rs-passed'))

  test('is refused with a sentence, unless its revision is released or its owner speaks for it', async () => {
    const { client } = world
    await untilActive(async () => {
      expect(await tryPod(client, 'ungated', ungated())).toHaveProperty('refused')
    })
    expect(await tryPod(client, 'ungated', ungated())).toEqual({
      refused: expect.stringContaining('Nothing of the pod is wrong: its owner makes it again'),
    })
    expect(await tryPod(client, 'ungated', ungated('rs-passed'))).toMatchObject({ gates: [] })
    expect(await tryPod(client, 'ungated', anonymous)).toMatchObject({ gates: [] })
    const bare = { ...ungated(), metadata: { name: 'web', labels: { [keys.workload]: 'web' } } }
    expect(await tryPod(client, 'ungated', bare)).toMatchObject({ gates: [] })
  })

  test('is let in with a warning where the chart says so, but not if it sets a node', async () => {
    await world.policies({ admission: 'webhook', guard: { ungatedPods: 'warn' } })
    const { client } = world
    await untilActive(async () => {
      expect(await tryPod(client, 'ungated', ungated())).toMatchObject({ gates: [] })
    })
    expect(await tryPod(client, 'ungated', { ...placed, spec: placedSpec })).toEqual({
      refused: expect.stringContaining('a pod that sets spec.nodeName itself cannot be held'),
    })
    const passed = { ...podOf('web', { gated: false, uid: 'rs-passed' }), spec: placedSpec }
    expect(await tryPod(client, 'ungated', passed)).toMatchObject({ gates: [] })
  })

  test('gets it from the policy that holds, and loses none of the gates of others', async () => {
    await world.policies({ admission: 'policy' })
    const { client } = world
    const foreign = { name: 'example.org/other' }
    const pod = { ...ungated(), spec: { ...placed.spec, schedulingGates: [foreign] } }
    await eventually(async () => {
      expect(await tryPod(client, 'ungated', pod)).toMatchObject({
        gates: [foreign.name, gateName],
        labels: { [keys.gated]: 'true' },
      })
    })
    expect(await tryPod(client, 'ungated', anonymous)).toMatchObject({ gates: [gateName] })
    expect(await tryPod(client, 'ungated', ungated('rs-passed'))).toMatchObject({ gates: [] })
  })
})

test('what we note on a namespace is changed by nobody else', async () => {
  await world.managed('noted', 'v1 rs-1')
  const at = ['namespace', 'noted']
  const refusal = 'are written by Gatekept alone'
  for (const annotations of [
    { [keys.released]: 'v1 rs-1 rs-2' },
    { [keys.released]: null },
    { [keys.managedSince]: '2030-01-01T00:00:00Z' },
  ]) {
    await untilActive(async () => {
      expect(await patched(developer, at, { metadata: { annotations } })).toContain(refusal)
    })
    expect(await patched(releaser, at, { metadata: { annotations } })).toContain(refusal)
    expect(await patched(ours, at, { metadata: { annotations } })).toBe('')
  }
  expect(await patched(developer, at, { metadata: { annotations: { team: 'shop' } } })).toBe('')
})

test('a verdict is written by us, or by whoever may release', async () => {
  const shop = await world.managed('judged')
  const version = newObject(KeptnWorkloadVersion, {
    metadata: { namespace: shop, name: 'web-1' },
    spec: {
      app: 'web',
      version: '1',
      workloadName: 'web-web',
      resourceReference: { uid: 'rs-1', kind: 'ReplicaSet', name: 'web' },
    },
  })
  await world.client.create(KeptnWorkloadVersion, version)
  const at = ['keptnworkloadversion', 'web-1', `--namespace=${shop}`]
  const passed = {
    status: {
      conditions: [
        {
          type: 'PreDeploymentPassed',
          status: 'True',
          reason: 'ChecksPassed',
          message: '',
          lastTransitionTime: '2026-03-01T12:00:00Z',
        },
      ],
    },
  }
  const how = ['--type=merge', '--subresource=status']
  await untilActive(async () => {
    expect(await patched(developer, at, passed, how)).toContain('is written by Gatekept alone')
  })
  expect(await patched(releaser, at, passed, how)).toBe('')
  expect(await patched(ours, at, { status: { status: 'Succeeded' } }, how)).toBe('')
})

describe('the annotation by which a namespace opts in', () => {
  const labelOf = async (name: string): Promise<string | undefined> =>
    (await world.client.get(Namespace, { name }))?.metadata.labels?.[keys.optIn]

  test('is mirrored in the request that writes it, and only where it may opt in', async () => {
    const namespace = (name: string, value: string, labels?: object): object => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, annotations: { [keys.optIn]: value }, ...(labels && { labels }) },
    })
    const create = (object: object) => world.client.create(Namespace, object as never)
    // Those who come before the policy acts are told apart by a number.
    let tries = 0
    const made = await eventually(async () => {
      const { metadata } = await create(namespace(`in-${(tries += 1)}`, 'enabled'))
      expect(metadata.labels?.[keys.optIn]).toBe('enabled')
      return metadata.name
    })
    const withOthers = await create(namespace('labelled', 'enabled', { team: 'shop' }))
    expect(withOthers.metadata.labels).toMatchObject({ team: 'shop', [keys.optIn]: 'enabled' })
    const out = await create(namespace('out', 'disabled', { [keys.optIn]: 'enabled' }))
    expect(out.metadata.labels?.[keys.optIn]).toBeUndefined()
    const denied = await create(namespace('monitoring', 'enabled'))
    expect(denied.metadata.labels?.[keys.optIn]).toBeUndefined()

    const change = (value: string | null): Promise<string> =>
      patched(developer, ['namespace', made], {
        metadata: { annotations: { [keys.optIn]: value } },
      })
    expect(await change('disabled')).toBe('')
    expect(await labelOf(made)).toBeUndefined()
    expect(await change('enabled')).toBe('')
    expect(await labelOf(made)).toBe('enabled')
    expect(await change(null)).toBe('')
    expect(await labelOf(made)).toBe('enabled')
  })
})
