import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Namespace, Pod, ReplicaSet, Secret } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { identify } from '../../../identity/identity.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { formatReleased } from '../../../identity/released.ts'
import { eventually } from '../../eventually.ts'
import { namespace, startWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld('webhook')
  await create({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'shop', annotations: { [keys.optIn]: 'enabled' } },
  })
  await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
}, 600_000)
afterAll(() => world.close())

const create = (object: unknown) =>
  world.cluster.kubectl(['create', '-f', '-'], JSON.stringify(object))

const workload = (kind: string, name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, namespace: 'shop', ...(more['metadata'] as object) },
  spec: {
    ...(kind === 'DaemonSet' ? {} : { replicas: 1 }),
    ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, ...(more['template'] as object) },
      spec: {
        containers: [{ name: 'main', image: 'reg:5000/web:2.7' }],
        ...(more['spec'] as object),
      },
    },
  },
})

const podsOf = async (app: string, count = 1): Promise<readonly Pod[]> =>
  eventually(
    async () => {
      const { items } = await world.client.list(Pod, {
        namespace: 'shop',
        labelSelector: `app=${app}`,
      })
      expect(items).toHaveLength(count)
      return items
    },
    { timeoutMs: 60_000 },
  )
const gatesOf = (pod: Pod | undefined) => pod?.spec.schedulingGates?.map(({ name }) => name)

describe('through the API server', () => {
  test('the annotation of a namespace becomes its label, and goes with it', async () => {
    const optInOf = async () =>
      (await world.client.get(Namespace, { name: 'shop2' }))?.metadata.labels?.[keys.optIn]
    const annotate = (value: string) =>
      world.cluster.kubectl([
        ...['annotate', 'namespace', 'shop2', `${keys.optIn}=${value}`],
        '--overwrite',
      ])
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop2' } })
    expect(await optInOf()).toBeUndefined()
    await annotate('enabled')
    expect(await optInOf()).toBe('enabled')
    await annotate('disabled')
    expect(await optInOf()).toBeUndefined()
  })

  test.each(['Deployment', 'StatefulSet', 'DaemonSet'])(
    'pods of a %s that names its workload itself are held, and say who they are',
    async (kind) => {
      const name = `own-${kind.toLowerCase()}`
      if (kind === 'DaemonSet') await world.cluster.addFakeNode('node-1')
      const metadata = {
        annotations: {
          [keys.workload]: name,
          [keys.app]: 'shop',
          [keys.preDeploymentTasks]: 'a, b',
        },
      }
      await create(workload(kind, name, { metadata }))
      const [pod] = await podsOf(name)
      expect(gatesOf(pod)).toEqual([gateName])
      expect(pod?.metadata.labels?.[keys.gated]).toBe('true')
      expect(identify(pod?.metadata ?? {}, undefined)).toMatchObject({
        app: 'shop',
        singleService: false,
        workload: name,
        version: '2.7',
        preDeploymentTasks: ['a', 'b'],
      })
    },
  )

  test('pods that name their workload are held, next to the gates of others', async () => {
    const template = { annotations: { [keys.workload]: 'web', [keys.version]: '1' } }
    const spec = { schedulingGates: [{ name: 'kueue/a' }] }
    await create(workload('Deployment', 'foreign', { template, spec }))
    expect(gatesOf((await podsOf('foreign'))[0])).toEqual(['kueue/a', gateName])
  })

  test('later pods of a released revision are not held', async () => {
    const template = { annotations: { [keys.workload]: 'web', [keys.version]: '1' } }
    await create(workload('Deployment', 'scaled', { template }))
    const [first] = await podsOf('scaled')
    expect(gatesOf(first)).toEqual([gateName])
    const uid = (first && controllerOf(first)?.uid) ?? ''
    await world.client.patch(Namespace, {
      name: 'shop',
      patchType: 'merge',
      patch: { metadata: { annotations: { [keys.released]: formatReleased([uid]) } } },
    })
    const later = async () =>
      (await podsOf('scaled')).find(({ metadata }) => metadata.uid !== first?.metadata.uid)
    // The webhook learns of the list by its watch; a pod made before that is held, and made again here.
    await eventually(
      async () => {
        await world.cluster.kubectl(['delete', 'pod', '-n', 'shop', '-l', 'app=scaled', '--force'])
        const pod = await later()
        expect(pod).toBeDefined()
        expect(gatesOf(pod)).toBeUndefined()
        expect(pod?.metadata.labels?.[keys.gated]).toBeUndefined()
      },
      { timeoutMs: 30_000, everyMs: 200 },
    )
  })

  test.each([
    ['a bare pod', 'bare', {}],
    ['a workload that nobody named', 'unnamed', undefined],
  ])('%s passes untouched', async (_, name, pod) => {
    const { spec, metadata } = workload('Deployment', name).spec.template
    await create(
      pod === undefined
        ? workload('Deployment', name)
        : {
            apiVersion: 'v1',
            kind: 'Pod',
            metadata: {
              ...metadata,
              name,
              namespace: 'shop',
              annotations: { [keys.workload]: 'x' },
            },
            spec,
          },
    )
    const [found] = await podsOf(name)
    expect(gatesOf(found)).toBeUndefined()
    expect(found?.metadata.labels?.[keys.gated]).toBeUndefined()
  })

  test('a pod that names its node is refused with a reason that its author sees', async () => {
    const template = { annotations: { [keys.workload]: 'web', [keys.version]: '1' } }
    await create(workload('Deployment', 'placed', { template, spec: { nodeName: 'node-1' } }))
    await eventually(
      async () => {
        const { items } = await world.client.list(ReplicaSet, {
          namespace: 'shop',
          labelSelector: 'app=placed',
        })
        const status = items[0]?.status as { conditions?: { message?: string }[] } | undefined
        expect(status?.conditions?.[0]?.message).toContain('spec.nodeName')
      },
      { timeoutMs: 30_000 },
    )
  })

  test('no admission fails while authorities and certificates are replaced', async () => {
    await create(workload('ReplicaSet', 'owner', { metadata: {} }))
    const [ownerPod] = await podsOf('owner')
    const owner = ownerPod && controllerOf(ownerPod)
    let made = 0
    const makePods = async (until: () => boolean) => {
      while (!until()) {
        await world.client.create(Pod, {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: {
            name: `rotation-${made++}`,
            namespace: 'shop',
            annotations: { [keys.workload]: 'web', [keys.version]: '1' },
            ownerReferences: owner ? [owner] : [],
          },
          spec: { containers: [{ name: 'main', image: 'web:1' }] },
        })
      }
    }
    let done = false
    const making = [1, 2, 3].map(() => makePods(() => done))
    const rotate = async () => {
      for (const data of [{ 'ca.crt': 'x' }, { 'tls.key': 'x' }, { 'ca.key': 'x' }]) {
        await world.client.patch(Secret, {
          ...{ namespace, name: 'keptn-certs' },
          ...{ patchType: 'merge', patch: { stringData: data } },
        })
        await world.deliverCertificate()
        // So that pods are made with the new certificate before the next.
        const until = made + 10
        await Promise.race([eventually(() => expect(made).toBeGreaterThan(until)), ...making])
      }
      done = true
    }
    await Promise.all([rotate(), ...making])
    expect(made).toBeGreaterThan(30)
  })

  test('without the webhook nothing is let in unheld, and nobody else notices', async () => {
    await world.stopWebhook()
    const template = { annotations: { [keys.workload]: 'web', [keys.version]: '1' } }
    await create(workload('Deployment', 'away', { template }))
    await create({
      ...workload('Deployment', 'away', { template }),
      metadata: { name: 'away', namespace: 'other' },
    })
    await eventually(
      async () => {
        const { items } = await world.client.list(Pod, { labelSelector: 'app=away' })
        expect(items.some(({ metadata }) => metadata.namespace === 'other')).toBe(true)
        expect(items.some(({ metadata }) => metadata.namespace === 'shop')).toBe(false)
      },
      { timeoutMs: 30_000 },
    )
    await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'new-one' } })
  })
})
