/**
 * The process `gatekept webhook`. What it reads of its environment is told in README.md.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { createClient } from '../kube/client.ts'
import { inCluster, type Connection } from '../kube/connection.ts'
import { readVersion } from '../kube/server-version.ts'
import { anyAddress } from '../kube/serving.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { serveAnswers } from '../telemetry/prometheus/answers.ts'
import { buildFiguresServer } from '../telemetry/process-metrics.ts'
import { readAdmission, readHolding, requireGates } from './holding.ts'
import { startWebhook } from './serve.ts'

const endMs = 20_000

/** Runs the webhook until the process is told to end. Resolves when it listens; rejects if it can't. */
export const main = async (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  connect: () => Connection = () => inCluster(environment),
): Promise<void> => {
  if (args.length > 0) throw new Error('Usage: gatekept webhook')
  const namespace = environment['POD_NAMESPACE'] ?? 'keptn-system'
  const holding = readHolding(environment)
  const admission = readAdmission(environment)
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'webhook' } })
  const client = createClient(connect(), { userAgent: 'gatekept-webhook' })
  // Alive, and not ready, for as long as the API server can't be asked.
  let isReady = (): boolean => false
  const probes = buildProbes(() => isReady())
  probes.listen({ host: anyAddress(), port: Number(environment['PROBE_PORT'] ?? 8081) })
  // Nothing of the process itself: that takes more memory than all that is counted here.
  const figures = new Registry()
  const metrics = buildFiguresServer(figures)
  // Pods are admitted whether somebody can count that or not.
  metrics.on('error', (err) => {
    log.warn({ err }, 'Metrics are not served')
  })
  metrics.listen({ host: anyAddress(), port: Number(environment['METRICS_PORT'] ?? 2223) })
  requireGates(holding, await readVersion(client, new AbortController().signal))
  const webhook = await startWebhook({
    client,
    log,
    onAnswered: serveAnswers(figures),
    settings: {
      namespace,
      holding,
      admission,
      certificateFolder: environment['CERTIFICATE_FOLDER'] ?? '/var/run/gatekept/certificates',
      port: Number(environment['WEBHOOK_PORT'] ?? 9443),
    },
  })
  isReady = webhook.isReady
  log.info({ namespace, holding, admission }, 'Webhook started')

  closeWithGrace({ delay: endMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Webhook failed')
    // After a failure nobody knows what the answers would be worth.
    await webhook.end({ drains: !err })
    probes.close()
    metrics.close()
    await client.close()
    log.info('Webhook ended')
  })
}
