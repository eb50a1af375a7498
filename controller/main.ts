/**
 * The process `gatekept controller --parts …`: puts together the parts that it was told to have.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { startCertificates } from '../certs/index.ts'
import { createClient } from '../kube/client.ts'
import { inCluster, type Connection } from '../kube/connection.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { buildProcessMetrics } from '../telemetry/process-metrics.ts'
import { startLifecycle } from './lifecycle.ts'
import { startMetrics } from './metrics.ts'
import type { Process, Started } from './part.ts'
import { readSettings } from './settings.ts'

// Servers go on answering for five seconds, and an answer may take ten.
const endMs = 20_000

/** Starts the parts that the settings name. */
export const startParts = (process: Process): readonly Started[] => {
  const { parts } = process.settings
  return [
    ...(parts.has('lifecycle') || parts.has('gate') ? [startLifecycle(process)] : []),
    ...(parts.has('metrics') ? [startMetrics(process)] : []),
    // Every replica keeps the certificates: the webhook must not wait for a leader.
    ...(parts.has('certs')
      ? [startCertificates({ ...process, namespace: process.settings.namespace })]
      : []),
  ]
}

/** Runs `gatekept controller` until the process is told to end. Rejects with a `SettingsError` for bad arguments. */
export const main = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
  connect: () => Connection = () => inCluster(environment),
): void => {
  // Two processes outside a cluster must not take themselves for the same holder of a lease.
  const settings = readSettings(args, { POD_NAME: `gatekept-${process.pid}`, ...environment })
  const log = pino({ level: settings.logLevel, base: { role: 'controller' } })
  const client = createClient(connect(), { userAgent: 'gatekept-controller' })
  const stopping = new AbortController()
  const metrics = buildProcessMetrics()
  const started = startParts({
    client,
    settings,
    log,
    signal: stopping.signal,
    onPass: metrics.onPass,
    onQueue: metrics.onQueue,
    show: metrics.show,
    figures: metrics.registry,
  })
  const probes = buildProbes(() => started.every(({ isReady }) => isReady()))
  probes.listen(settings.probePort)
  metrics.server.listen(settings.metricsPort)
  log.info({ parts: [...settings.parts], namespace: settings.namespace }, 'Controller started')
  closeWithGrace({ delay: endMs, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Controller failed')
    stopping.abort()
    await Promise.all(started.map(({ ended }) => ended))
    probes.close()
    metrics.server.close()
    await client.close()
    log.info('Controller ended')
  })
}
