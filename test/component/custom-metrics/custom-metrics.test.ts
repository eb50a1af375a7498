import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { pino } from 'pino'
import { stringify } from 'yaml'
import { KeptnMetric } from '../../../api/index.ts'
import { APIService, ConfigMap, Secret } from '../../../api/kubernetes.ts'
import { startCertificates } from '../../../certs/index.ts'
import { decode, type Contents } from '../../../certs/secret.ts'
import { reflectMetrics } from '../../../controller/reflections.ts'
import { wholeSeconds } from '../../../kube/conditions.ts'
import {
  startCustomMetrics,
  type CustomMetricsServer,
} from '../../../metrics/custom-metrics/index.ts'
import { chartYaml } from '../../chart.ts'
import { readCredentials } from '../../cluster/certificates.ts'
import { eventually } from '../../eventually.ts'
import { createAuthorities, type Pair } from '../../unit/metrics/custom-metrics/world.ts'
import { createMetric, startWorld, type World } from '../metrics/world.ts'

const log = pino({ level: 'silent' })
const namespace = 'keptn-system'
const path = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/keptnmetrics.metrics.keptn.sh'
const stopping = new AbortController()
const authorities = createAuthorities()
let world: World
let folder: string
let port: number
let ended: Promise<unknown>
let server: Replica
let frontProxy: Pair

const writePair = async (contents: Contents): Promise<void> => {
  await writeFile(join(folder, 'tls.crt'), contents['tls.crt'] ?? '')
  await writeFile(join(folder, 'tls.key'), contents['tls.key'] ?? '')
}

/** One of the servers that the Service leads to. */
interface Replica {
  readonly port: number
  readonly end: () => Promise<void>
}

const startReplica = async (): Promise<Replica> => {
  const ending = new AbortController()
  const { signal } = ending
  const { client, cluster } = world
  const { reflectors, stores } = reflectMetrics({ client, log, signal })
  const isSynced = () => reflectors.every((reflector) => reflector.isSynced())
  const own = await freePort()
  const started: CustomMetricsServer = startCustomMetrics({
    ...{ client, log, signal, isSynced },
    metrics: stores.metrics,
    settings: { port: own, certificateFolder: folder },
  })
  // As the part metrics has it: no request comes before all metrics are known.
  await eventually(() => expect(started.isReady() && isSynced()).toBe(true))
  await cluster.kubectl(['apply', '-f', '-'], stringify(endpointsAt(cluster.hostAddress, own)))
  return {
    port: own,
    end: () => {
      ending.abort()
      return started.ended
    },
  }
}

const serve = async (): Promise<void> => {
  const { client, cluster } = world
  const kinds = ['APIService', 'ClusterRole', 'ClusterRoleBinding', 'RoleBinding']
  await cluster.kubectl(['apply', '-f', '-'], await chartYaml(kinds))
  const process = { client, log, signal: stopping.signal }
  const certificates = startCertificates({ ...process, namespace })
  await eventually(() => expect(certificates.isReady()).toBe(true))
  await writePair(decode((await client.get(Secret, { namespace, name: 'keptn-certs' }))?.data))
  ended = certificates.ended
  await cluster.kubectl(['apply', '-f', '-'], stringify(service))
  server = await startReplica()
  port = server.port
}

/** The Service as installed, but that it leads to servers of this test. */
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { namespace, name: 'metrics-operator-service' },
  spec: { ports: [{ name: 'custom-metrics', port: 443 }] },
}

const endpointsAt = (address: string, at: number): object => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    namespace,
    name: `metrics-operator-service-${at}`,
    labels: { 'kubernetes.io/service-name': 'metrics-operator-service' },
  },
  addressType: 'IPv4',
  ports: [{ name: 'custom-metrics', port: at }],
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
})

const freePort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, resolve))
  const { port: free } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return free
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'custom-metrics-'))
  world = await startWorld('custom-metrics')
  await world.namespace('shop')
  const { client, cluster } = world
  await createMetric(client, 'shop', 'load', { fetchIntervalSeconds: 3600 })
  await createMetric(client, 'shop', 'new', { fetchIntervalSeconds: 3600 })
  const lastUpdated = wholeSeconds(new Date())
  await client.patch(KeptnMetric, {
    ...{ namespace: 'shop', name: 'load', patchType: 'merge', subresource: 'status' },
    patch: { status: { value: '0.25', lastUpdated } },
  })
  for (const account of ['reader', 'visitor']) {
    await cluster.kubectl(['create', 'serviceaccount', account, '-n', 'shop'])
  }
  await cluster.kubectl([
    ...['create', 'rolebinding', 'reader', '-n', 'shop', '--serviceaccount=shop:reader'],
    '--clusterrole=metrics-operator-server-resources',
  ])
  await serve()
  frontProxy = readCredentials(join(cluster.logs, '..', 'pki'), 'front-proxy')
}, 600_000)

afterAll(async () => {
  stopping.abort()
  await Promise.all([ended, server.end()])
  await world.close()
  authorities.remove()
  await rm(folder, { recursive: true })
})

const raw = (to: string, ...more: readonly string[]): Promise<string> =>
  world.cluster.kubectl(['get', '--raw', to, ...more])

const narrowRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  metadata: { namespace: 'shop', name: 'narrow' },
  rules: [
    {
      apiGroups: ['custom.metrics.k8s.io'],
      resources: ['keptnmetrics.metrics.keptn.sh/load'],
      verbs: ['get'],
    },
  ],
}

const value = {
  kind: 'MetricValueList',
  items: [
    {
      describedObject: {
        kind: 'KeptnMetric',
        namespace: 'shop',
        name: 'load',
        apiVersion: 'metrics.keptn.sh/v1',
      },
      metric: { name: 'load' },
      value: '250m',
    },
  ],
}

/** Asks the server itself, past the API server. */
const direct = (
  to: string,
  by: { readonly pair?: Pair; readonly headers?: Readonly<Record<string, string>> },
): Promise<number> =>
  new Promise((resolve, reject) => {
    const { pair, headers = {} } = by
    const options = { host: '127.0.0.1', port, path: to, headers, agent: false } as const
    request({ ...options, ...pair, rejectUnauthorized: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

test('the API server finds the API, and believes its certificate', async () => {
  for (const version of ['v1beta1', 'v1beta2']) {
    const name = `${version}.custom.metrics.k8s.io`
    await world.cluster.kubectl([
      ...['wait', '--for=condition=Available', 'apiservice', name, '--timeout=60s'],
    ])
    const { spec } = (await world.client.get(APIService, { name })) ?? {}
    expect(spec).toMatchObject({ caBundle: expect.any(String) })
    expect(spec).not.toHaveProperty('insecureSkipTLSVerify')
  }
  await eventually(async () => {
    const resources = await world.cluster.kubectl(['get', '--raw', '/apis'])
    expect(JSON.parse(resources)).toMatchObject({
      groups: expect.arrayContaining([expect.objectContaining({ name: 'custom.metrics.k8s.io' })]),
    })
  })
})

test('a value comes through the API server, in both versions', async () => {
  expect(JSON.parse(await raw(`${path}/load/load`))).toMatchObject(value)
  const older: unknown = JSON.parse(await raw(`${path.replace('v1beta2', 'v1beta1')}/load/load`))
  expect(older).toMatchObject({ items: [{ metricName: 'load', value: '250m' }] })
})

test('what has no value is an error that says why', async () => {
  await expect(raw(`${path}/none/none`)).rejects.toThrow('NotFound')
  await expect(raw(`${path}/new/new`)).rejects.toThrow('has no value')
})

test('rights are those of whoever asked the API server', async () => {
  const as = (account: string): string => `--as=system:serviceaccount:shop:${account}`
  expect(JSON.parse(await raw(`${path}/load/load`, as('reader')))).toMatchObject(value)
  await expect(raw(`${path}/load/load`, as('visitor'))).rejects.toThrow('Forbidden')
})

test('a right to one metric opens no other, whatever the path calls it', async () => {
  const { cluster } = world
  const account = 'shop:narrow'
  await cluster.kubectl(['create', 'serviceaccount', 'narrow', '-n', 'shop'])
  await cluster.kubectl(['apply', '-f', '-'], stringify(narrowRole))
  await cluster.kubectl([
    ...['create', 'rolebinding', 'narrow', '-n', 'shop', '--role=narrow'],
    `--serviceaccount=${account}`,
  ])
  const as = `--as=system:serviceaccount:${account}`
  await eventually(async () => {
    expect(JSON.parse(await raw(`${path}/load/load`, as))).toMatchObject(value)
  })
  for (const to of ['new/load', '*/load']) {
    await expect(raw(`${path}/${to}`, as)).rejects.toThrow('Forbidden')
  }
})

test('a flood of made-up tokens is not passed on to the API server', async () => {
  const reviews = async (): Promise<number> => {
    const figures = await raw('/metrics')
    const lines =
      figures.match(/^apiserver_request_total\{.*resource="tokenreviews".* \d+$/gm) ?? []
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }
  const before = await reviews()
  const begunAt = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      direct(`${path}/load/load`, { headers: { authorization: `Bearer made.up.${i}` } }),
    ),
  )
  const seconds = Math.ceil((performance.now() - begunAt) / 1000)
  expect(new Set(answers)).toEqual(new Set([401, 429]))
  expect((await reviews()) - before).toBeLessThanOrEqual(15 * seconds)
  // Who comes through the API server shows no token.
  expect(JSON.parse(await raw(`${path}/load/load`))).toMatchObject(value)
  // Once it is over, tokens are looked up again.
  await eventually(async () => {
    const headers = { authorization: 'Bearer made.up.later' }
    expect(await direct(`${path}/load/load`, { headers })).toBe(401)
  })
})

test('a token counts for what its account may do', async () => {
  const token = async (account: string): Promise<Readonly<Record<string, string>>> => {
    const text = await world.cluster.kubectl(['create', 'token', account, '-n', 'shop'])
    return { authorization: `Bearer ${text.trim()}` }
  }
  const to = `${path}/load/load`
  expect(await direct(to, { headers: await token('reader') })).toBe(200)
  expect(await direct(to, { headers: await token('visitor') })).toBe(403)
  expect(await direct(to, { headers: { authorization: 'Bearer made.up.token' } })).toBe(401)
})

test('a name in a header counts with the certificate of the front proxy alone', async () => {
  const headers = { 'x-remote-user': 'system:serviceaccount:shop:reader' }
  const to = `${path}/load/load`
  authorities.authority('strangers')
  const stranger = authorities.signed('strangers', 'proxy', '/CN=front-proxy-client')
  expect(await direct(to, { headers, pair: frontProxy })).toBe(200)
  expect(await direct(to, { headers })).toBe(401)
  expect(await direct(to, { headers, pair: stranger })).toBe(401)
  const visitor = { 'x-remote-user': 'system:serviceaccount:shop:visitor' }
  expect(await direct(to, { headers: visitor, pair: frontProxy })).toBe(403)
})

test('what the API server says of its front proxy is followed', async () => {
  const at = { namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const
  const headers = { 'x-remote-user': 'system:serviceaccount:shop:reader' }
  const allow = (names: readonly string[]) =>
    world.client.patch(ConfigMap, {
      ...at,
      patchType: 'merge',
      patch: { data: { 'requestheader-allowed-names': JSON.stringify(names) } },
    })
  await allow(['another'])
  // Such a certificate still is that of the client whom it names, who may do nothing.
  await eventually(async () => {
    expect(await direct(`${path}/load/load`, { headers, pair: frontProxy })).toBe(403)
  })
  await allow(['front-proxy-client'])
  await eventually(async () => {
    expect(await direct(`${path}/load/load`, { headers, pair: frontProxy })).toBe(200)
  })
})

test('a renewed certificate is served without a restart, and believed', async () => {
  const { client, cluster } = world
  const served = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
        socket.destroy()
      }).on('error', reject)
    })
  const before = await served()
  const at = { namespace, name: 'keptn-certs' }
  const damage = { 'ca.crt': 'garbage' }
  await client.patch(Secret, { ...at, patchType: 'merge', patch: { stringData: damage } })
  await eventually(async () => {
    await writePair(decode((await client.get(Secret, at))?.data))
    expect(await served()).not.toBe(before)
  })
  // A connection from before would prove nothing.
  await cluster.restart('apiserver')
  await eventually(async () => {
    expect(JSON.parse(await raw(`${path}/load/load`))).toMatchObject(value)
  })
})

/** Asks through the API server, once: nothing is tried again. */
const through = (to: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const { server: url, credentials } = world.cluster
    const { ca, cert, key } = credentials
    request(`${url}${to}`, { ca, cert, key }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

test('a rolling restart loses no request', async () => {
  const before = server
  server = await startReplica()
  let isOver = false
  const statuses: number[] = []
  const asking = Array.from({ length: 4 }, async () => {
    while (!isOver) statuses.push(await through(`${path}/load/load`))
  })
  await eventually(() => expect(statuses.length).toBeGreaterThan(100))
  const end = before.end()
  // So long may whoever passes requests on not know yet that this one is about to end.
  await pause(1_000)
  const slice = `metrics-operator-service-${before.port}`
  await world.cluster.kubectl(['delete', 'endpointslice', slice, '-n', namespace])
  await end
  const count = statuses.length
  await eventually(() => expect(statuses.length).toBeGreaterThan(count + 100))
  isOver = true
  await Promise.all(asking)
  const others = statuses.flatMap((status, at) => (status === 200 ? [] : [`${status} at ${at}`]))
  expect(others).toEqual([])
})
