/**
 * The process `gatekept webhook`. What it reads of its environment is told in README.md.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { networkInterfaces } from 'node:os'
import { pino } from 'pino'
import { createClient } from '../kube/client.ts'
import { inCluster, type Connection } from '../kube/connection.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { startWebhook } from './serve.ts'

// The kubelet tells us to end at the same time as endpoints begin to drain.
const drainMs = 5_000
const endMs = 20_000

/** Runs the webhook until the process is told to end. Resolves when it listens; rejects if it can't. */
export const main = async (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  connect: () => Connection = () => inCluster(environment),
): Promise<void> => {
  if (args.length > 0) throw new Error('Usage: gatekept webhook')
  const namespace = environment['POD_NAMESPACE'] ?? 'keptn-system'
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'webhook' } })
  const client = createClient(connect(), { userAgent: 'gatekept-webhook' })
  const host = listensOnIpv6() ? '::' : '0.0.0.0'
  const webhook = await startWebhook({
    client,
    log,
    settings: {
      namespace,
      certificateFolder: environment['CERTIFICATE_FOLDER'] ?? '/var/run/gatekept/certificates',
      host,
      port: Number(environment['WEBHOOK_PORT'] ?? 9443),
    },
  })
  const probes = buildProbes(webhook.isReady)
  probes.listen({ host, port: Number(environment['PROBE_PORT'] ?? 8081) })
  log.info({ namespace }, 'Webhook started')

  closeWithGrace({ delay: endMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Webhook failed')
    await webhook.end(err ? 0 : drainMs)
    probes.close()
    await client.close()
    log.info('Webhook ended')
  })
}

const listensOnIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
