/**
 * What the metrics operator tells others than the API server: its KeptnMetrics, as text for Prometheus and as JSON.
 *
 * Each replica serves what its stores hold, and needs no leader.
 *
 * @module
 */
import fastify, { type FastifyInstance } from 'fastify'
import { Gauge as RegisteredGauge, Registry } from 'prom-client'
import type { KeptnMetric } from '../../api/index.ts'
import type { Store } from '../../kube/store.ts'
import { metricGauges, type Gauge } from './gauges.ts'

/** What there is to serve. */
export interface Served {
  readonly metrics: Pick<Store<KeptnMetric>, 'all' | 'get'>
  /** Figures of the process itself. Their names are taken. */
  readonly figures: Registry
  /** Whether the stores are equal to the cluster: before that, what they lack may well be there. */
  readonly isReady: () => boolean
  readonly now?: () => Date
}

/** Builds the server of `GET /metrics` and `GET /api/v1/metrics/{namespace}/{metric}`. */
export const buildMetricsServer = (served: Served): FastifyInstance => {
  const { metrics, figures, isReady, now = () => new Date() } = served
  const app = fastify({ logger: false, forceCloseConnections: true, return503OnClosing: false })
  app.addHook('onRequest', async (_request, reply) => {
    if (!isReady()) await reply.code(503).send()
  })
  app.get('/metrics', async (_request, reply) => {
    const registry = new Registry()
    for (const gauge of metricGauges(metrics.all(), now())) {
      if (!figures.getSingleMetric(gauge.name)) register(gauge, registry)
    }
    const texts = [await figures.metrics(), await registry.metrics()]
    return reply.type(figures.contentType).send(texts.join('\n'))
  })
  app.get<{ Params: { readonly namespace: string; readonly metric: string } }>(
    '/api/v1/metrics/:namespace/:metric',
    (request, reply) => {
      const { namespace, metric } = request.params
      const found = metrics.get(namespace, metric)
      if (found === undefined) return reply.code(404).send()
      const body = { metric, namespace, value: found.status?.value ?? '' }
      return reply.type('application/json').send(`${JSON.stringify(body)}\n`)
    },
  )
  return app
}

const register = ({ name, help, values }: Gauge, registry: Registry): void => {
  const labelNames = Object.keys(values[0]?.labels ?? {})
  const gauge = new RegisteredGauge({ name, help, labelNames, registers: [registry] })
  for (const { labels, value } of values) gauge.set(labels, value)
}
