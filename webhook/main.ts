/**
 * The process `gatekept webhook`. What it reads of its environment is told in README.md.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { createClient } from '../kube/client.ts'
import { inCluster } from '../kube/connection.ts'
import { anyAddress, startServing, tls } from '../kube/serving.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { buildWebhook } from './app.ts'
import { watchCluster } from './cluster.ts'

// Below the two seconds that the API server waits, with time left to answer.
const ownerTimeoutMs = 800
const endMs = 20_000

/** Runs the webhook until the process is told to end. Resolves when it listens; rejects if it can't. */
export const main = async (): Promise<void> => {
  const environment = process.env
  const namespace = environment['POD_NAMESPACE'] ?? 'keptn-system'
  const folder = environment['CERTIFICATE_FOLDER'] ?? '/var/run/gatekept/certificates'
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'webhook' } })

  const stopping = new AbortController()
  const { signal } = stopping
  const client = createClient(inCluster(environment), { userAgent: 'gatekept-webhook' })
  const { cluster, isSynced } = watchCluster({ client, log, signal, ownerTimeoutMs })
  const app = buildWebhook({ cluster, log, settings: { namespace, https: tls } })
  const serving = await startServing({
    app,
    port: Number(environment['WEBHOOK_PORT'] ?? 9443),
    certificate: { folder },
    log,
  })
  const probes = buildProbes(() => isSynced() && serving.isReady(new Date()))
  probes.listen({ host: anyAddress(), port: Number(environment['PROBE_PORT'] ?? 8081) })
  log.info({ namespace }, 'Webhook started')

  closeWithGrace({ delay: endMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Webhook failed')
    // After a failure nobody knows what the answers would be worth.
    await serving.end({ drains: !err })
    stopping.abort()
    probes.close()
    await client.close()
    log.info('Webhook ended')
  })
}
