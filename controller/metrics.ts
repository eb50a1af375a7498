/**
 * The part metrics: one replica asks the sources, each of them serves what its stores hold.
 *
 * Its code and its web servers are loaded where they are wanted: a process without this part need not carry them.
 *
 * @module
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Registry } from 'prom-client'
import type { Runtime } from '../kube/controller.ts'
import type { Term } from '../kube/lease.ts'
import { startServing } from '../kube/serving.ts'
import { analysisGauges } from '../metrics/analysis/gauges.ts'
import type { MetricsSettings } from '../metrics/index.ts'
import { eventListener, lead, runRows, runtimeOf, type Process, type Started } from './part.ts'
import { reflectMetrics } from './reflections.ts'
import type { ControllerSettings } from './settings.ts'

/** Keptn's name, so that its operator and ours never act together. */
const leaseName = '3f8532ca.keptn.sh'

type Stores = ReturnType<typeof reflectMetrics>['stores']

/** Starts the part metrics. */
export const startMetrics = (process: Process): Started => {
  const { reflectors, stores } = reflectMetrics(process)
  process.show?.(analysisGauges(stores.analyses))
  const runtime = runtimeOf(process, reflectors, [eventListener(process, 'metrics-operator')])
  const isSynced = (): boolean => reflectors.every((reflector) => reflector.isSynced())
  const customMetrics = serveCustomMetrics(process, stores.metrics, isSynced)
  return {
    isReady: () => isSynced() && customMetrics.isReady(),
    ended: Promise.all([
      lead(process, leaseName, (term) => measure(process, { stores, runtime, term })),
      customMetrics.ended,
      serveMetrics(process, stores.metrics, isSynced),
    ]).then(() => undefined),
  }
}

/** Asks the sources for a term. */
const measure = async (
  { client, settings, log }: Process,
  of: { readonly stores: Stores; readonly runtime: Runtime; readonly term: Term },
): Promise<void> => {
  const { stores, runtime, term } = of
  const { apiServerAddress } = settings
  const { metricsControllers } = await import('../metrics/index.ts')
  const controllers = metricsControllers({
    client,
    stores,
    settings: {
      namespace: settings.namespace,
      allowsInsecureTls: settings.allowsInsecureTls,
      allowedRanges: settings.allowedSourceRanges,
      allowedSources: settings.allowedSources,
      apiServer: apiServerAddress === undefined ? [] : [{ address: apiServerAddress }],
      ...proxyOf(settings),
    },
    log,
    signal: term.signal,
  })
  await runRows(
    controllers.map((controller) => ({ controller })),
    { ...runtime, signal: term.signal, mayWrite: term.stillLeading },
  )
}

/** A Secret that is mounted may change: it is read when it is needed. */
const proxyOf = ({ sourceProxy }: ControllerSettings): Pick<MetricsSettings, 'sourceProxy'> => {
  if (sourceProxy === undefined) return {}
  const { url, noProxy, credentialsFile } = sourceProxy
  const login =
    credentialsFile === undefined ? {} : { credentials: () => readFile(credentialsFile, 'utf8') }
  return { sourceProxy: { url, noProxy, ...login } }
}

/** Serves values to autoscalers, unless the settings say not to. */
const serveCustomMetrics = (
  process: Process,
  metrics: Stores['metrics'],
  isSynced: () => boolean,
): Started => {
  const settings = process.settings.customMetrics
  if (settings === undefined) return { isReady: () => true, ended: Promise.resolve() }
  let server: Started | undefined
  const start = async (): Promise<void> => {
    const { startCustomMetrics } = await import('../metrics/custom-metrics/index.ts')
    server = startCustomMetrics({ ...process, metrics, isSynced, settings })
    await server.ended
  }
  return { isReady: () => server?.isReady() === true, ended: start() }
}

/** Serves values to Prometheus and KEDA, unless the settings say not to; rejects where its port can't be had. */
const serveMetrics = async (
  { settings, figures = new Registry(), signal, log }: Process,
  metrics: Stores['metrics'],
  isReady: () => boolean,
): Promise<void> => {
  if (!settings.exposesMetrics) return
  const { buildMetricsServer } = await import('../metrics/serving/server.ts')
  const app = buildMetricsServer({ metrics, figures, isReady })
  const serving = await startServing({ app, port: settings.exposedMetricsPort, log })
  log.info({ port: serving.port }, 'Metrics are served')
  if (!signal.aborted) await once(signal, 'abort')
  await serving.end()
}
