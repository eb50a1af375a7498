/**
 * The process `gatekept controller --parts …`: puts together the parts that it was told to have.
 *
 * The parts lifecycle and gate share one set of stores and one lease; metrics has its own. A replica that does not lead
 * keeps its stores up to date and opens gates, so that it can take over at once.
 *
 * @module
 */
import closeWithGrace from 'close-with-grace'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { pino, type Logger } from 'pino'
import { Registry } from 'prom-client'
import { startCertificates } from '../certs/index.ts'
import { gateControllers } from '../gate/index.ts'
import { createClient, type Client } from '../kube/client.ts'
import { inCluster, type Connection } from '../kube/connection.ts'
import { keyOf } from '../kube/keys.ts'
import { runController, type Controller, type Runtime } from '../kube/controller.ts'
import { holdLease, type Term } from '../kube/lease.ts'
import { lifecycleControllers } from '../lifecycle/index.ts'
import { createEventSender } from '../telemetry/events.ts'
import { analysisGauges } from '../metrics/analysis/gauges.ts'
import { buildProbes } from '../telemetry/probes.ts'
import { buildProcessMetrics, type ProcessMetrics } from '../telemetry/process-metrics.ts'
import { reflectLifecycle, reflectMetrics } from './reflections.ts'
import { readSettings, type ControllerSettings } from './settings.ts'

/** Keptn's names, so that its operators and ours never act together. */
const leases = { lifecycle: '6b866dd9.keptn.sh', metrics: '3f8532ca.keptn.sh' } as const

/** What every part is started with. */
export interface Process {
  readonly client: Client
  readonly settings: ControllerSettings
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onPass?: Runtime['onPass']
  readonly show?: ProcessMetrics['show']
  /** Figures of the process, for who serves them along with others. */
  readonly figures?: Registry
}

/** A part that was started. */
export interface Started {
  /** Whether its stores are equal to the cluster. */
  readonly isReady: () => boolean
  /** Resolves once the signal is aborted and nothing of it runs any more. */
  readonly ended: Promise<void>
}

interface Row {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows differ in what they see
  readonly controller: Controller<any, any>
  readonly workers?: number
}

const runRows = async (rows: readonly Row[], runtime: Runtime): Promise<void> => {
  await Promise.all(
    rows.map(({ controller, workers }) =>
      runController(controller, { ...runtime, ...(workers === undefined ? {} : { workers }) }),
    ),
  )
}

const runtimeOf = (process: Process, stores: Runtime['stores'], reporter: string): Runtime => ({
  client: process.client,
  stores,
  announce: createEventSender({
    client: process.client,
    reporter: { controller: reporter, instance: process.settings.podName },
    log: process.log,
    signal: process.signal,
  }),
  log: process.log,
  signal: process.signal,
  ...(process.onPass === undefined ? {} : { onPass: process.onPass }),
})

const lead = (process: Process, name: string, run: (term: Term) => Promise<void>): Promise<void> =>
  holdLease({
    client: process.client,
    namespace: process.settings.namespace,
    name,
    holder: process.settings.podName,
    lead: run,
    log: process.log,
    signal: process.signal,
  })

/** Starts the parts lifecycle and gate. */
export const startLifecycle = (process: Process): Started => {
  const { client, settings } = process
  const { reflectors, stores } = reflectLifecycle(process)
  const runtime = runtimeOf(process, reflectors, 'lifecycle-operator')
  let term: Term | undefined
  const gate = gateControllers({
    pods: stores.pods,
    letGo: stores.letGoPods,
    versions: stores.workloadVersions,
    namespaces: stores.namespaces,
    owners: [stores.replicaSets, stores.statefulSets, stores.daemonSets],
    client,
    leads: () => term?.stillLeading() === true,
    settings: { namespace: settings.namespace },
  })
  // Keptn's words: scripts wait for them.
  stores.configs.subscribe(({ now }) => {
    if (now !== undefined) process.log.info({ config: keyOf(now) }, 'reconciling Keptn Config')
  })
  const leading = async (now: Term): Promise<void> => {
    term = now
    const engine = lifecycleControllers({ stores, client, settings })
    const own: Runtime = { ...runtime, signal: now.signal, mayWrite: now.stillLeading }
    const rows = [...engine.map((controller) => ({ controller })), ...gate.leading()]
    await runRows(rows, own)
  }
  return {
    isReady: () => reflectors.every((reflector) => reflector.isSynced()),
    ended: Promise.all([
      runRows(gate.always, runtime),
      lead(process, leases.lifecycle, leading),
    ]).then(() => undefined),
  }
}

/** Serves values to autoscalers, unless the settings say not to. */
const serveCustomMetrics = (
  process: Process,
  metrics: ReturnType<typeof reflectMetrics>['stores']['metrics'],
  isSynced: () => boolean,
): Started => {
  const settings = process.settings.customMetrics
  if (settings === undefined) return { isReady: () => true, ended: Promise.resolve() }
  let server: Started | undefined
  // Loaded where it is wanted: with it comes a web server.
  const start = async (): Promise<void> => {
    const { startCustomMetrics } = await import('../metrics/custom-metrics/index.ts')
    server = startCustomMetrics({ ...process, metrics, isSynced, settings })
    await server.ended
  }
  return { isReady: () => server?.isReady() === true, ended: start() }
}

/** Starts the part metrics. */
export const startMetrics = (process: Process): Started => {
  const { client, settings } = process
  const { apiServerAddress } = settings
  const { reflectors, stores } = reflectMetrics(process)
  process.show?.(analysisGauges(stores.analyses))
  const runtime = runtimeOf(process, reflectors, 'metrics-operator')
  const leading = async (term: Term): Promise<void> => {
    // Loaded where it runs: a process without this part need not carry it.
    const { metricsControllers } = await import('../metrics/index.ts')
    const controllers = metricsControllers({
      client,
      stores,
      settings: {
        namespace: settings.namespace,
        allowedRanges: settings.allowedSourceRanges,
        allowedSources: settings.allowedSources,
        allowsInsecureTls: settings.allowsInsecureTls,
        apiServer: apiServerAddress === undefined ? [] : [{ address: apiServerAddress }],
      },
      log: process.log,
      signal: term.signal,
    })
    const own: Runtime = { ...runtime, signal: term.signal, mayWrite: term.stillLeading }
    await runRows(
      controllers.map((controller) => ({ controller })),
      own,
    )
  }
  const isSynced = (): boolean => reflectors.every((reflector) => reflector.isSynced())
  const customMetrics = serveCustomMetrics(process, stores.metrics, isSynced)
  const isReady = (): boolean => isSynced() && customMetrics.isReady()
  return {
    isReady,
    ended: Promise.all([
      lead(process, leases.metrics, leading),
      customMetrics.ended,
      ...(settings.exposesMetrics ? [serveMetrics(process, { stores, isReady: isSynced })] : []),
    ]).then(() => undefined),
  }
}

/** Serves KeptnMetrics until the signal is aborted; rejects where its port can't be had. */
const serveMetrics = async (
  { settings, figures = new Registry(), signal, log }: Process,
  from: {
    readonly stores: ReturnType<typeof reflectMetrics>['stores']
    readonly isReady: () => boolean
  },
): Promise<void> => {
  const { buildMetricsServer } = await import('../metrics/serving/server.ts')
  const app = buildMetricsServer({ metrics: from.stores.metrics, figures, isReady: from.isReady })
  const address = await app.listen({ host: anyAddress(), port: settings.exposedMetricsPort })
  log.info({ address }, 'Metrics are served')
  if (!signal.aborted) await once(signal, 'abort')
  await app.close()
}

const anyAddress = (): string =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
    ? '::'
    : '0.0.0.0'

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
    show: metrics.show,
    figures: metrics.registry,
  })
  const probes = buildProbes(() => started.every(({ isReady }) => isReady()))
  probes.listen(settings.probePort)
  metrics.server.listen(settings.metricsPort)
  log.info({ parts: [...settings.parts], namespace: settings.namespace }, 'Controller started')
  closeWithGrace({ delay: 10_000, logger: false }, async ({ err }) => {
    if (err) log.fatal({ err }, 'Controller failed')
    stopping.abort()
    await Promise.all(started.map(({ ended }) => ended))
    probes.close()
    metrics.server.close()
    await client.close()
    log.info('Controller ended')
  })
}
