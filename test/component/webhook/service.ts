/**
 * A control plane that asks a webhook of several processes through their Service. What a kubelet and the controller of
 * EndpointSlices do is done here, as slowly as they do it: who is ready gets requests, and who is not gets none.
 *
 * @module
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { connect } from 'node:tls'
import { pino } from 'pino'
import { Secret } from '../../../api/kubernetes.ts'
import { ensureCertificates } from '../../../certs/index.ts'
import { decode } from '../../../certs/secret.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { renderChart } from '../../../deploy/chart.ts'
import type { Manifest } from '../../../deploy/manifests.ts'
import { chartYaml } from '../../chart.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import type { Orders } from './replica.ts'

const namespace = 'keptn-system'
const secretName = 'keptn-certs'
const program = join(import.meta.dirname, 'replica.ts')
// How late a kubelet sees that a container has ended, and how late endpoints are told that a pod is about to.
const noticedMs = 1_000

/** A process of the webhook. */
export interface Replica {
  /** The Secret as its kubelet mounts it. */
  readonly mount: (contents: Readonly<Record<string, string>>) => Promise<void>
  /** The fingerprint of the certificate that it serves. */
  readonly serves: () => Promise<string>
  /** Tells it to end; resolves when it has. Its endpoint goes a second later than it hears of it. */
  readonly endGracefully: () => Promise<void>
  /** Ends it at once, and starts it again as its kubelet would; resolves when it is an endpoint again. */
  readonly crash: () => Promise<Outage>
}

/** How long requests were still sent to a process that was there no more. Instants as `performance.now()` tells them. */
export interface Outage {
  readonly killedAt: number
  /** It was gone: until then it may have taken calls that it never answered. */
  readonly diedAt: number
  readonly toldAt: number
}

/** The webhook behind its Service. */
export interface Service {
  readonly cluster: Cluster
  readonly client: Client
  /** Starts one more replica; resolves when it is an endpoint. */
  readonly addReplica: () => Promise<Replica>
  /** Brings Secret and bundle in order. */
  readonly ensureCertificates: () => Promise<void>
  /** What the Secret holds now; `undefined`: it isn't there. */
  readonly contents: () => Promise<Readonly<Record<string, string>> | undefined>
  readonly changeSecret: (data: Readonly<Record<string, string>>) => Promise<void>
  readonly deleteSecret: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Starts a control plane, with our webhook configured and no replica yet. `timeoutSeconds`: how long the API server waits for an
 * answer, if not as long as the chart says.
 */
export const startService = async (
  name: string,
  webhook: { readonly timeoutSeconds?: number } = {},
): Promise<Service> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  const { ca } = cluster.credentials
  const client = createClient(adminOf(cluster))
  const log = pino({ level: 'silent' })
  const folder = await mkdtemp(join(tmpdir(), 'webhook-service-'))
  const portName = await installWithoutPods(cluster)
  const token = await cluster.kubectl([
    ...['create', 'token', 'lifecycle-webhook', '-n', namespace, '--duration=6h'],
  ])
  const orders = { server: cluster.server, ca, token: token.trim() }
  const living = new Set<ChildProcess>()
  const at = { namespace, name: secretName }
  const contents = async () => {
    const secret = await client.get(Secret, at)
    return secret && (decode(secret.data) as Readonly<Record<string, string>>)
  }
  const ensure = () => ensureCertificates({ client, namespace, log })
  await ensure()
  await cluster.kubectl(
    ['apply', '-f', '-'],
    await chartYaml(['MutatingWebhookConfiguration'], { admission: 'webhook', webhook }),
  )
  await ensure()
  let count = 0

  const addReplica = async (): Promise<Replica> => {
    const id = `replica-${++count}`
    const home = join(folder, id)
    await mkdir(home)
    const [port, probePort] = [await freePort(), await freePort()]
    let child: ChildProcess
    const spawn = (): void => {
      child = fork(program, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      living.add(child)
      const gone = child
      child.once('exit', () => living.delete(gone))
      child.send({
        ...orders,
        environment: {
          ...{ POD_NAMESPACE: namespace, CERTIFICATE_FOLDER: home, LOG_LEVEL: 'error' },
          ...{ WEBHOOK_PORT: `${port}`, PROBE_PORT: `${probePort}` },
        },
      } satisfies Orders)
    }
    const tell = (isReady: boolean) =>
      cluster.kubectl(
        ['apply', '-f', '-'],
        JSON.stringify(sliceOf({ id, address: cluster.hostAddress, port, portName, isReady })),
      )
    const becomeEndpoint = async () => {
      await eventually(() => expectReady(probePort), { timeoutMs: 60_000, everyMs: 100 })
      await tell(true)
    }
    const mount: Replica['mount'] = async (files) => {
      for (const file of ['tls.crt', 'tls.key']) {
        await writeFile(join(home, `${file}.new`), files[file] ?? '')
        await rename(join(home, `${file}.new`), join(home, file))
      }
    }
    await mount((await contents()) ?? {})
    spawn()
    await becomeEndpoint()
    return {
      mount,
      serves: () => servedBy(port),
      endGracefully: async () => {
        const ended = once(child, 'exit')
        child.kill('SIGTERM')
        await pause(noticedMs)
        await tell(false)
        await ended
      },
      crash: async () => {
        const ended = once(child, 'exit')
        const killedAt = performance.now()
        child.kill('SIGKILL')
        await ended
        const diedAt = performance.now()
        await pause(noticedMs)
        await tell(false)
        const toldAt = performance.now()
        spawn()
        await becomeEndpoint()
        return { killedAt, diedAt, toldAt }
      },
    }
  }

  return {
    cluster,
    client,
    addReplica,
    ensureCertificates: ensure,
    contents,
    changeSecret: async (data) => {
      await client.patch(Secret, { ...at, patchType: 'merge', patch: { stringData: data } })
    },
    deleteSecret: () => client.delete(Secret, at),
    close: async () => {
      for (const child of living) child.kill('SIGKILL')
      await client.close()
      await cluster.down()
      await rm(folder, { recursive: true })
    },
  }
}

/** Installs what the chart has for the webhook besides its pods, and tells the name of its port. */
const installWithoutPods = async (cluster: Cluster): Promise<string> => {
  const kinds = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding']
  await cluster.kubectl(['apply', '-f', '-'], await chartYaml(kinds))
  const [service] = (await renderChart({ admission: 'webhook' })).filter(
    ({ kind, metadata }) => kind === 'Service' && metadata.name === 'lifecycle-webhook-service',
  ) as unknown as readonly (Manifest & {
    readonly spec: { selector?: unknown; readonly ports: readonly { readonly name: string }[] }
  })[]
  if (service === undefined) throw new Error('The chart has no Service for the webhook')
  // Without a selector, so that the endpoints are those given here.
  delete service.spec.selector
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(service))
  return service.spec.ports[0]?.name ?? ''
}

const sliceOf = (endpoint: {
  readonly id: string
  readonly address: string
  readonly port: number
  readonly portName: string
  readonly isReady: boolean
}) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    ...{ name: endpoint.id, namespace },
    labels: { 'kubernetes.io/service-name': 'lifecycle-webhook-service' },
  },
  addressType: 'IPv4',
  endpoints: [{ addresses: [endpoint.address], conditions: { ready: endpoint.isReady } }],
  ports: [{ name: endpoint.portName, port: endpoint.port, protocol: 'TCP' }],
})

const expectReady = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/readyz' }, (response) => {
      response.resume()
      if (response.statusCode === 200) resolve()
      else reject(new Error(`the replica is not ready: ${response.statusCode ?? ''}`))
    }).once('error', reject)
  })

const servedBy = async (port: number): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  try {
    await once(socket, 'secureConnect')
    return socket.getPeerX509Certificate()?.fingerprint256 ?? ''
  } finally {
    socket.destroy()
  }
}

/** A port that nobody listens on. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
