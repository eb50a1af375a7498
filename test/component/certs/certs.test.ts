import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { X509Certificate } from 'node:crypto'
import { pino } from 'pino'
import { APIService, MutatingWebhookConfiguration, Secret } from '../../../api/kubernetes.ts'
import { createAuthority } from '../../../certs/authority.ts'
import type { certificateGauges } from '../../../certs/expiry.ts'
import { ensureCertificates, startCertificates } from '../../../certs/index.ts'
import { bundleOf, decode, encode, renewalIn, type Contents } from '../../../certs/secret.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { chartYaml } from '../../chart.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { keptnPair } from '../../unit/certs/keptn.ts'
import { clientAs, installRights } from '../account.ts'

const namespace = 'keptn-system'
const at = { namespace, name: 'keptn-certs' }
const configuration = { name: 'lifecycle-mutating-webhook-configuration' }
const log = pino({ level: 'silent' })

let cluster: Cluster
/** As administrator. */
let client: Client
let operator: Client
const connect = () => clientAs(cluster, 'lifecycle-operator')

beforeAll(async () => {
  cluster = await startCluster({ name: 'certs', node: false, network: 'own' })
  client = createClient(adminOf(cluster))
  await installRights(cluster)
  operator = await connect()
}, 600_000)
afterAll(async () => {
  await Promise.all([client.close(), operator.close()])
  await cluster.down()
})
beforeEach(async () => {
  await cluster.kubectl(['delete', 'secret', at.name, '-n', namespace, '--ignore-not-found'])
  await cluster.kubectl([
    'delete',
    `mutatingwebhookconfiguration/${configuration.name}`,
    '--ignore-not-found',
  ])
  await cluster.kubectl(['delete', 'apiservice', ...apiServices, '--ignore-not-found'])
  const yaml = await chartYaml(['MutatingWebhookConfiguration', 'APIService'])
  await cluster.kubectl(['apply', '-f', '-'], yaml)
})

const ensure = (by = operator) => ensureCertificates({ client: by, namespace, log })
const secret = async (): Promise<Secret> => {
  const found = await client.get(Secret, at)
  if (found === undefined) throw new Error('there is no Secret')
  return found
}
const contents = async (): Promise<Contents> => decode((await secret()).data)
const bundles = async (): Promise<readonly string[]> => {
  const found = await client.get(MutatingWebhookConfiguration, configuration)
  return (found?.webhooks ?? []).map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? '', 'base64').toString(),
  )
}
const apiServices = ['v1beta1.custom.metrics.k8s.io', 'v1beta2.custom.metrics.k8s.io']
const apiBundles = () =>
  Promise.all(
    apiServices.map(async (name) => {
      const found = await client.get(APIService, { name })
      return Buffer.from(found?.spec.caBundle ?? '', 'base64').toString()
    }),
  )
const versions = async () => {
  const found = await client.get(MutatingWebhookConfiguration, configuration)
  return [(await secret()).metadata.resourceVersion, found?.metadata.resourceVersion]
}
const overwrite = (data: Readonly<Record<string, string | null>>) =>
  client.patch(Secret, { ...at, patchType: 'merge', patch: { stringData: data } })
const fingerprints = (bundle: string) =>
  bundle
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((pem) => pem !== '')
    .map((pem) => new X509Certificate(pem).fingerprint256)
const isInOrder = async () => {
  const now = await contents()
  expect(renewalIn(now, namespace, new Date())).toBeUndefined()
  expect(await bundles()).toEqual([bundleOf(now), bundleOf(now)])
  expect(await apiBundles()).toEqual([bundleOf(now), bundleOf(now)])
}

describe('a bootstrap', () => {
  test('makes a Secret, and the API server trust it in both webhooks', async () => {
    await ensure()
    await isInOrder()
  })

  test('changes nothing the second time', async () => {
    await ensure()
    const before = await versions()
    await ensure()
    expect(await versions()).toEqual(before)
  })

  test('of many at the same time gives one authority, which is the one that is trusted', async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, connect))
    try {
      await Promise.all(clients.map((each) => ensure(each)))
      await isInOrder()
      expect((await contents())['ca.crt.old']).toBeUndefined()
    } finally {
      await Promise.all(clients.map((each) => each.close()))
    }
  })

  test.each([
    ['a garbled certificate', { 'tls.crt': 'garbage', 'tls.key': 'garbage' }, true],
    ['a garbled key', { 'tls.key': 'garbage' }, true],
    ['a garbled authority', { 'ca.crt': 'garbage' }, false],
  ])('mends %s, and the authority before stays trusted', async (_, damage, keepsAuthority) => {
    await ensure()
    const before = fingerprints(bundleOf(await contents()))
    await overwrite(damage)
    await ensure()
    await isInOrder()
    const after = fingerprints(bundleOf(await contents()))
    expect(after).toEqual(keepsAuthority ? before : [expect.any(String), before[0]])
  })

  test('of many at the same time mends a Secret once', async () => {
    await ensure()
    const before = fingerprints(bundleOf(await contents()))
    await overwrite({ 'ca.key': 'garbage' })
    const clients = await Promise.all(Array.from({ length: 5 }, connect))
    try {
      await Promise.all(clients.map((each) => ensure(each)))
      await isInOrder()
      expect(fingerprints(bundleOf(await contents()))[1]).toBe(before[0])
    } finally {
      await Promise.all(clients.map((each) => each.close()))
    }
  })

  test('after the Secret is gone still trusts what is being served', async () => {
    await ensure()
    const before = fingerprints(bundleOf(await contents()))
    await client.delete(Secret, at)
    await ensure()
    await isInOrder()
    expect(fingerprints(bundleOf(await contents()))[1]).toBe(before[0])
  })

  test("takes over Keptn's Secret, and goes on trusting it", async () => {
    await cluster.kubectl([
      ...['create', 'secret', 'generic', at.name, '-n', namespace],
      ...['ca', 'tls'].flatMap((part) => [
        `--from-literal=${part}.crt=${keptnPair.cert}`,
        `--from-literal=${part}.key=${keptnPair.key}`,
      ]),
    ])
    await ensure()
    await isInOrder()
    expect(fingerprints(bundleOf(await contents()))[1]).toBe(
      new X509Certificate(keptnPair.cert).fingerprint256,
    )
  })

  test('leaves a configuration without the label to whoever else injects', async () => {
    await cluster.kubectl([
      ...['label', 'mutatingwebhookconfiguration', configuration.name],
      'keptn.sh/inject-cert-',
    ])
    await cluster.kubectl(['label', 'apiservice', ...apiServices, 'keptn.sh/inject-cert-'])
    await ensure()
    expect(await bundles()).toEqual(['', ''])
    expect(await apiBundles()).toEqual(['', ''])
  })
})

test('a Secret that cert-manager keeps is left to it, and its authority is trusted', async () => {
  const authority = await createAuthority(new Date())
  await client.create(Secret, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...at, annotations: { 'cert-manager.io/certificate-name': 'webhook' } },
    data: encode({ 'ca.crt': authority.cert, 'tls.crt': keptnPair.cert, 'tls.key': keptnPair.key }),
  })
  const before = (await secret()).metadata.resourceVersion
  await ensure()
  expect((await secret()).metadata.resourceVersion).toBe(before)
  expect(fingerprints((await bundles())[0] ?? '')).toEqual(fingerprints(authority.cert))
})

type Gauge = ReturnType<typeof certificateGauges>[number]

describe("the controller's part", () => {
  const days = (count: number) => new Date(Date.now() + count * 24 * 3_600_000)
  test.each([
    ['whose authority and server have expired', days(-400), 'both'],
    ['whose server has expired', days(-100), 'server'],
  ])('replaces certificates %s, within seconds of its start', async (_, madeAt, what) => {
    await ensureCertificates({ client: operator, namespace, log, now: () => madeAt })
    const before = await contents()
    const stopping = new AbortController()
    let gauges: readonly Gauge[] = []
    const part = startCertificates({
      ...{ client: operator, namespace, log, signal: stopping.signal },
      show: (shown) => (gauges = shown),
    })
    const daysLeft = () =>
      Object.fromEntries(
        gauges
          .flatMap(({ series }) => series())
          .map(({ labels, value }) => [labels.certificate, Math.round(value / (24 * 3_600))]),
      )
    try {
      await eventually(isInOrder, { timeoutMs: 5_000 })
      await eventually(() =>
        expect(daysLeft()).toEqual({ ca: what === 'both' ? 365 : 265, server: 90 }),
      )
      const after = await contents()
      expect(after['ca.crt'] === before['ca.crt']).toBe(what === 'server')
      expect(after['tls.crt']).not.toBe(before['tls.crt'])
      // What has expired is of no use to anybody.
      expect(after['ca.crt.old']).toBeUndefined()
    } finally {
      stopping.abort()
      await part.ended
    }
  })

  test('of replicas whose clocks differ by twenty minutes agrees on one certificate', async () => {
    const minutes = (count: number) => () => new Date(Date.now() + count * 60_000)
    await ensureCertificates({ client: operator, namespace, log, now: minutes(10) })
    const before = await versions()
    for (const now of [minutes(-10), minutes(0), minutes(10)]) {
      await ensureCertificates({ client: operator, namespace, log, now })
    }
    expect(await versions()).toEqual(before)
    await isInOrder()
  })

  test('mends whatever is damaged, without being asked, and is quiet otherwise', async () => {
    const stopping = new AbortController()
    const replicas = [1, 2].map(() =>
      startCertificates({ client: operator, namespace, log, signal: stopping.signal }),
    )
    try {
      await eventually(() => expect(replicas.every(({ isReady }) => isReady())).toBe(true))
      await isInOrder()

      await overwrite({ 'tls.crt': 'garbage', 'tls.key': 'garbage' })
      await eventually(isInOrder)

      await client.delete(Secret, at)
      await eventually(isInOrder)

      await client.patch(MutatingWebhookConfiguration, {
        ...configuration,
        patchType: 'strategic',
        patch: { webhooks: [{ name: 'mns.keptn.sh', clientConfig: { caBundle: null } }] },
      })
      await eventually(isInOrder)

      await client.patch(APIService, {
        ...{ name: 'v1beta2.custom.metrics.k8s.io', patchType: 'merge' },
        patch: { spec: { caBundle: null } },
      })
      await eventually(isInOrder)
    } finally {
      stopping.abort()
      await Promise.all(replicas.map(({ ended }) => ended))
    }
  })
})
