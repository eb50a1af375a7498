import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  MutatingWebhookConfiguration,
  Namespace,
  Pod,
  ReplicaSet,
  Secret,
} from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { createAuthority, issueServerCertificate } from '../../../certs/authority.ts'
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

  describe('is ready', () => {
    const configuration = { name: 'lifecycle-mutating-webhook-configuration' }
    const trust = (pem: string) =>
      world.client.patch(MutatingWebhookConfiguration, {
        ...{ ...configuration, patchType: 'strategic' },
        patch: {
          webhooks: ['mpod.keptn.sh', 'mns.keptn.sh'].map((name) => ({
            name,
            clientConfig: { caBundle: Buffer.from(pem).toString('base64') },
          })),
        },
      })
    const becomes = (isReady: boolean) =>
      eventually(() => expect(world.isReady()).toBe(isReady), { timeoutMs: 10_000 })
    const makeNamespace = (name: string) =>
      create({
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name, annotations: { [keys.optIn]: 'enabled' } },
      })

    test('all the time while a certificate is delivered before it is believed', async () => {
      let unready = 0
      const watching = setInterval(() => (unready += world.isReady() ? 0 : 1), 5)
      try {
        const now = new Date()
        const authority = await createAuthority(now)
        const server = await issueServerCertificate(authority, namespace, now)
        const data = { 'tls.crt': server.cert, 'tls.key': server.key }
        await world.client.patch(Secret, {
          ...{ namespace, name: 'keptn-certs' },
          ...{ patchType: 'merge', patch: { stringData: data } },
        })
        await world.showCertificate()
        await makeNamespace('delivered-first')
        // Now it is believed, and the one before is not: all are told at the same moment.
        await trust(authority.cert)
        await eventually(() => makeNamespace('believed-now'))
      } finally {
        clearInterval(watching)
        await world.deliverCertificate()
      }
      expect(unready).toBe(0)
    })

    test('only while the API server believes its certificate', async () => {
      await becomes(true)
      await trust((await createAuthority(new Date())).cert)
      await becomes(false)
      await world.deliverCertificate()
      await becomes(true)
      await makeNamespace('believed-again')
    })

    test('without a bundle if it is one that we write, and with none to come', async () => {
      const label = (value: string) =>
        world.cluster.kubectl([
          ...['label', 'mutatingwebhookconfiguration', configuration.name, '--overwrite'],
          `keptn.sh/inject-cert${value}`,
        ])
      await trust('')
      await becomes(false)
      await label('-')
      await becomes(true)
      await label('=true')
      await becomes(false)
      await world.deliverCertificate()
      await becomes(true)
    })

    test('with a certificate and a bundle that others keep', async () => {
      const label = (change: string) =>
        world.cluster.kubectl([
          ...['label', 'mutatingwebhookconfiguration', configuration.name, '--overwrite', change],
        ])
      await label('keptn.sh/inject-cert-')
      const now = new Date()
      const authority = await createAuthority(now)
      const server = await issueServerCertificate(authority, namespace, now)
      await world.client.patch(Secret, {
        ...{ namespace, name: 'keptn-certs', patchType: 'merge' },
        patch: {
          metadata: { annotations: { 'cert-manager.io/certificate-name': 'webhook' } },
          stringData: { 'tls.crt': server.cert, 'tls.key': server.key },
        },
      })
      await trust(authority.cert)
      await becomes(false)
      await world.deliverCertificate()
      await becomes(true)
      await makeNamespace('kept-by-others')

      await world.cluster.kubectl(['delete', 'secret', '-n', namespace, 'keptn-certs'])
      await label('keptn.sh/inject-cert=true')
      await world.deliverCertificate()
      await becomes(true)
    })

    test('though there is no configuration, and so nobody who asks', async () => {
      await trust('')
      await becomes(false)
      await world.cluster.kubectl(['delete', 'mutatingwebhookconfiguration', configuration.name])
      await becomes(true)
      await world.installConfiguration()
      await becomes(false)
      await world.deliverCertificate()
      await becomes(true)
      await makeNamespace('installed-again')
    })
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
