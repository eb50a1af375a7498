/**
 * A control plane that asks the webhook about pods as in production: through its Service, with our manifest and our certificates.
 * The webhook runs in this process, at the address where the cluster reaches it.
 *
 * @module
 */
import { readFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server as TlsServer } from 'node:tls'
import { pino } from 'pino'
import { parseAllDocuments } from 'yaml'
import { Secret } from '../../../api/kubernetes.ts'
import { ensureCertificates } from '../../../certs/index.ts'
import { decode } from '../../../certs/secret.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { buildWebhook } from '../../../webhook/app.ts'
import { serveCertificate, type ServedCertificate } from '../../../kube/serving-certificate.ts'
import { watchCluster } from '../../../webhook/cluster.ts'
import type { Holding } from '../../../webhook/pod.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { eventually } from '../../eventually.ts'

export const namespace = 'keptn-system'

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  /** Brings the Secret in order, shows it to the webhook as the kubelet would, and waits until it is served. */
  readonly deliverCertificate: () => Promise<void>
  /** Ends the webhook for good. */
  readonly stopWebhook: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Starts a control plane and the webhook before it. */
export const startWorld = async (name: string, holding: Holding = 'gate'): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  const { ca, cert, key } = cluster.credentials
  const connection = { server: new URL(cluster.server), ca, cert, key }
  const client = createClient(connection)
  const reader = createClient(connection, { userAgent: 'webhook-under-test' })
  const folder = await mkdtemp(join(tmpdir(), 'webhook-'))
  const stopping = new AbortController()
  const { signal } = stopping
  const log = pino({ level: 'silent' })

  const seen = watchCluster({ client: reader, log, signal, ownerTimeoutMs: 800 })
  const app = buildWebhook({
    cluster: seen.cluster,
    log,
    settings: { namespace, holding, https: {} },
  })
  const { server } = app
  const served: ServedCertificate = serveCertificate({
    folder,
    use: (pair) => {
      if (server instanceof TlsServer) server.setSecureContext({ ...pair })
    },
    log,
    signal,
  })
  await app.listen({ host: cluster.hostAddress, port: 0 })
  await install(cluster, (server.address() as AddressInfo).port)

  const deliverCertificate = async (): Promise<void> => {
    await ensureCertificates({ client, namespace, log })
    const secret = await client.get(Secret, { namespace, name: 'keptn-certs' })
    const contents = decode(secret?.data)
    for (const file of ['tls.crt', 'tls.key'] as const) {
      await writeFile(join(folder, `${file}.new`), contents[file] ?? '')
      await rename(join(folder, `${file}.new`), join(folder, file))
    }
    await served.refresh()
  }
  const stopWebhook = async (): Promise<void> => {
    if (signal.aborted) return
    stopping.abort()
    await app.close()
    await reader.close()
  }
  await deliverCertificate()
  await eventually(() => {
    if (!seen.isSynced()) throw new Error('namespaces are not known yet')
  })
  return {
    cluster,
    client,
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

const manifests = join(import.meta.dirname, '../../../manifests/install')

const install = async (cluster: Cluster, port: number): Promise<void> => {
  await cluster.kubectl(['apply', '-f', join(manifests, 'namespace.yaml')])
  await cluster.kubectl(['apply', '-f', join(manifests, 'webhook.yaml')])
  const text = await readFile(join(manifests, 'lifecycle-webhook.yaml'), 'utf8')
  const service = parseAllDocuments(text)
    .map((document) => document.toJS() as ServiceManifest)
    .find(({ kind }) => kind === 'Service')
  if (service === undefined) throw new Error('there is no Service in lifecycle-webhook.yaml')
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
