/**
 * A control plane, and the part metrics on it.
 *
 * @module
 */
import { pino } from 'pino'
import { Registry } from 'prom-client'
import {
  KeptnMetric,
  KeptnMetricsProvider,
  newObject,
  type NewOf,
  type StatusOf,
} from '../../../api/index.ts'
import { Namespace } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { reflectMetrics } from '../../../controller/reflections.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { runController } from '../../../kube/controller.ts'
import type { Transition } from '../../../kube/decision.ts'
import { metricsControllers, type MetricsSettings } from '../../../metrics/index.ts'
import { buildMetricsServer } from '../../../metrics/serving/server.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { applyCrds } from '../../kinds.ts'
import { startSource, type SourceServer } from '../../unit/metrics/source-server.ts'

/** A control plane with our kinds. */
export interface World {
  readonly cluster: Cluster
  readonly client: Client
  readonly namespace: (name: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** Starts a control plane; the name must be used by one test file alone. */
export const startWorld = async (name: string): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  await applyCrds(cluster)
  const client = createClient(adminOf(cluster))
  return {
    cluster,
    client,
    namespace: async (wanted) => {
      await client.create(Namespace, {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: wanted },
      })
      return wanted
    },
    close: async () => {
      await client.close()
      await cluster.down()
    },
  }
}

/** The running part metrics. */
export interface Metrics {
  readonly told: readonly Transition[]
  readonly logged: () => string
  /** Where its metrics are served. */
  readonly url: Promise<string>
  readonly stop: () => Promise<void>
}

/** Starts the part metrics, with loopback allowed if not said otherwise. */
export const startMetrics = (
  client: Client,
  settings: MetricsSettings = { namespace: 'keptn-system', allowedRanges: ['127.0.0.0/8'] },
): Metrics => {
  const ending = new AbortController()
  const { signal } = ending
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
  const { reflectors, stores } = reflectMetrics({ client, log, signal })
  const told: Transition[] = []
  const ended = metricsControllers({ client, stores, settings, signal }).map((controller) =>
    runController(controller, {
      client,
      stores: reflectors,
      announce: (transitions) => void told.push(...transitions),
      log,
      signal,
    }),
  )
  const app = buildMetricsServer({
    metrics: stores.metrics,
    figures: new Registry(),
    isReady: () => reflectors.every((reflector) => reflector.isSynced()),
  })
  return {
    told,
    url: app.listen({ host: '127.0.0.1', port: 0 }),
    logged: () => lines.join(''),
    stop: async () => {
      ending.abort()
      await Promise.all(ended)
      await app.close()
    },
  }
}

/** The sources that the tests of a file have started. */
export interface Sources {
  readonly start: (...how: Parameters<typeof startSource>) => Promise<SourceServer>
  /** Closes all that were started since the last time. */
  readonly close: () => Promise<void>
}

/** Starts sources that are closed together, at the end of each test. */
export const sourcesOfTests = (): Sources => {
  const open: SourceServer[] = []
  return {
    start: async (...how) => {
      const server = await startSource(...how)
      open.push(server)
      return server
    },
    close: async () => {
      await Promise.all(open.splice(0).map((server) => server.close()))
    },
  }
}

/** Makes a provider. */
export const createProvider = (
  client: Client,
  namespace: string,
  spec: NewOf<typeof KeptnMetricsProvider>['spec'],
  name = 'prom',
): Promise<KubeObject> =>
  client.create<KubeObject>(
    KeptnMetricsProvider,
    newObject(KeptnMetricsProvider, { metadata: { namespace, name }, spec }),
  )

/** Makes a metric that is asked every second. */
export const createMetric = (
  client: Client,
  namespace: string,
  name: string,
  spec: Partial<NewOf<typeof KeptnMetric>['spec']> = {},
): Promise<KubeObject> =>
  client.create<KubeObject>(
    KeptnMetric,
    newObject(KeptnMetric, {
      metadata: { namespace, name },
      spec: {
        provider: { name: 'prom' },
        query: 'available_cpus',
        fetchIntervalSeconds: 1,
        ...spec,
      },
    }),
  )

/** The status of a metric; empty while it has none. */
export const statusOf = async (
  client: Client,
  namespace: string,
  name: string,
): Promise<Partial<StatusOf<KeptnMetric>>> =>
  (await client.get(KeptnMetric, { namespace, name }))?.status ?? {}
