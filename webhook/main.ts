/**
 * The process `gatekept webhook`. What it reads of its environment is told in README.md.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { networkInterfaces } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import { pino } from 'pino'
import { createClient } from '../kube/client.ts'
import { inCluster } from '../kube/connection.ts'
import { readVersion } from '../kube/server-version.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { buildWebhook } from './app.ts'
import { serveCertificate } from '../kube/serving-certificate.ts'
import { watchCluster } from './cluster.ts'
import { readHolding, requireGates } from './holding.ts'

// Below the two seconds that the API server waits, with time left to answer.
const ownerTimeoutMs = 800
// The kubelet tells us to end at the same time as endpoints begin to drain.
const drainMs = 5_000
const endMs = 20_000
const tls = { minVersion: 'TLSv1.3' } as const

/** Runs the webhook until the process is told to end. Resolves when it listens; rejects if it can't. */
export const main = async (): Promise<void> => {
  const environment = process.env
  const namespace = environment['POD_NAMESPACE'] ?? 'keptn-system'
  const folder = environment['CERTIFICATE_FOLDER'] ?? '/var/run/gatekept/certificates'
  const holding = readHolding(environment)
  const log = pino({ level: environment['LOG_LEVEL'] ?? 'info', base: { role: 'webhook' } })

  const stopping = new AbortController()
  const { signal } = stopping
  let draining = false
  const client = createClient(inCluster(environment), { userAgent: 'gatekept-webhook' })
  const { cluster, isSynced } = watchCluster({ client, log, signal, ownerTimeoutMs })
  const app = buildWebhook({
    cluster,
    log,
    settings: { namespace, holding, https: tls, isDraining: () => draining },
  })
  const certificate = serveCertificate({
    folder,
    use: (pair) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext({ ...pair, ...tls })
    },
    log,
    signal,
  })
  const probes = buildProbes(() => !draining && isSynced() && certificate.isValid(new Date()))

  const host = listensOnIpv6() ? '::' : '0.0.0.0'
  probes.listen({ host, port: Number(environment['PROBE_PORT'] ?? 8081) })
  requireGates(holding, await readVersion(client, signal))
  await certificate.refresh()
  await app.listen({ host, port: Number(environment['WEBHOOK_PORT'] ?? 9443) })
  log.info({ namespace, holding }, 'Webhook started')

  closeWithGrace({ delay: endMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Webhook failed')
    draining = true
    if (!err) await pause(drainMs)
    await app.close()
    stopping.abort()
    probes.close()
    await client.close()
    log.info('Webhook ended')
  })
}

const listensOnIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
