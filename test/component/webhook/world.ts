/**
 * A control plane that asks the webhook about pods as in production: through its Service, with our manifest and our certificates.
 * The webhook runs in this process, at the address where the cluster reaches it.
 *
 * @module
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Secret } from '../../../api/kubernetes.ts'
import { ensureCertificates } from '../../../certs/index.ts'
import { decode } from '../../../certs/secret.ts'
import { renderChart } from '../../../deploy/chart.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { startWebhook } from '../../../webhook/serve.ts'
import type { Admission, Holding } from '../../../webhook/pod.ts'
import { chartYaml } from '../../chart.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'

export const namespace = 'keptn-system'

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  readonly isReady: () => boolean
  /** Creates the webhook configuration as it is installed: without a bundle. */
  readonly installConfiguration: () => Promise<void>
  /** Shows the Secret to the webhook as the kubelet would, as it is now. */
  readonly showCertificate: () => Promise<void>
  /** Brings the Secret in order, shows it to the webhook as the kubelet would, and waits until it is looked at. */
  readonly deliverCertificate: () => Promise<void>
  /** Ends the webhook for good. */
  readonly stopWebhook: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What a world differs in from the usual one. */
interface WorldOptions {
  readonly holding?: Holding
  readonly admission?: Admission
  /** What stands between the webhook and the API server. */
  readonly through?: (client: Client) => Client
}

/** Starts a control plane and the webhook before it. */
export const startWorld = async (name: string, options: WorldOptions = {}): Promise<World> => {
  const { holding = 'gate', admission = 'webhook', through = (client: Client) => client } = options
  const cluster = await startCluster({ name, node: false, network: 'own' })
  const connection = adminOf(cluster)
  const client = createClient(connection)
  const reader = createClient(connection, { userAgent: 'webhook-under-test' })
  const folder = await mkdtemp(join(tmpdir(), 'webhook-'))
  const log = pino({ level: 'silent' })
  const webhook = await startWebhook({
    client: through(reader),
    log,
    settings: {
      ...{ namespace, holding, admission, certificateFolder: folder },
      ...{ host: cluster.hostAddress, port: 0 },
    },
  })
  await install(cluster, admission, webhook.port)

  const showCertificate = async (): Promise<void> => {
    const secret = await client.get(Secret, { namespace, name: 'keptn-certs' })
    const contents = decode(secret?.data)
    for (const file of ['tls.crt', 'tls.key'] as const) {
      await writeFile(join(folder, `${file}.new`), contents[file] ?? '')
      await rename(join(folder, `${file}.new`), join(folder, file))
    }
    await webhook.refreshCertificate()
  }
  const deliverCertificate = async (): Promise<void> => {
    await ensureCertificates({ client, namespace, log })
    await showCertificate()
  }
  let isStopped = false
  const stopWebhook = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await webhook.end({ drains: false })
    await reader.close()
  }
  await eventually(() => {
    if (webhook.isReady()) throw new Error('the webhook is ready without a certificate')
  })
  await deliverCertificate()
  await eventually(() => {
    if (!webhook.isReady()) throw new Error('the webhook is not ready yet')
  })
  return {
    cluster,
    client,
    isReady: webhook.isReady,
    installConfiguration: () => installConfiguration(cluster, admission),
    showCertificate,
    deliverCertificate,
    stopWebhook,
    close: async () => {
      await stopWebhook()
      await client.close()
      await cluster.down()
      await rm(folder, { recursive: true })
    },
  }
}

interface ServiceManifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: { selector?: unknown; readonly ports: readonly { readonly name: string }[] }
}

const installConfiguration = async (cluster: Cluster, admission: Admission): Promise<void> => {
  const configuration = await chartYaml(['MutatingWebhookConfiguration'], { admission })
  await cluster.kubectl(['apply', '-f', '-'], configuration)
}

const install = async (cluster: Cluster, admission: Admission, port: number): Promise<void> => {
  await installConfiguration(cluster, admission)
  const service = (await renderChart({ admission: 'webhook' })).find(
    ({ kind, metadata }) => kind === 'Service' && metadata.name === 'lifecycle-webhook-service',
  ) as ServiceManifest | undefined
  if (service === undefined) throw new Error('The chart has no Service for the webhook')
  // Without a selector, so that the endpoints are those given here.
  delete service.spec.selector
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'webhook-under-test',
      namespace,
      labels: { 'kubernetes.io/service-name': service.metadata.name },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [cluster.hostAddress], conditions: { ready: true } }],
    ports: [{ name: service.spec.ports[0]?.name ?? '', port, protocol: 'TCP' }],
  }
  for (const object of [service, slice]) {
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(object))
  }
}
