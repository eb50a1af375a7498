/**
 * Figures of the process itself, for Prometheus: memory, processor time, event loop, and how long controllers take.
 *
 * @module
 */
import { createServer, type Server } from 'node:http'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** One look of a controller at one key. */
export interface MeasuredPass {
  readonly controller: string
  readonly ms: number
  readonly outcome: string
}

/** How many keys wait for a controller, until its signal is aborted. */
export interface MeasuredQueue {
  readonly controller: string
  readonly size: () => number
  readonly signal: AbortSignal
}

/** A gauge whose series are told anew each time that somebody asks. */
export interface ShownGauge {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly series: () => Iterable<{
    readonly labels: Readonly<Record<string, string>>
    readonly value: number
  }>
}

/** Counts passes, and serves all figures. */
export interface ProcessMetrics {
  readonly onPass: (pass: MeasuredPass) => void
  /** Serves how many keys wait in this queue. */
  readonly onQueue: (queue: MeasuredQueue) => void
  /** Serves these gauges too. */
  readonly show: (gauges: readonly ShownGauge[]) => void
  /** All figures, for whoever serves them along with others. */
  readonly registry: Registry
  /** Serves `GET /metrics`. */
  readonly server: Server
}

/** Serves the figures of a registry: `GET /metrics`. */
export const buildFiguresServer = (registry: Registry): Server =>
  createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.statusCode = 404
      response.end()
      return
    }
    registry.metrics().then(
      (text) => {
        response.setHeader('content-type', registry.contentType)
        response.end(text)
      },
      () => {
        response.statusCode = 500
        response.end()
      },
    )
  })

/** Makes the registry of this process and its server. */
export const buildProcessMetrics = (): ProcessMetrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const passes = new Histogram({
    name: 'gatekept_controller_pass_seconds',
    help: 'How long a controller took to look at one key',
    labelNames: ['controller', 'outcome'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  })
  const queues = queueGauge()
  showGauge(registry, queues.gauge)
  return {
    onPass: ({ controller, ms, outcome }) => {
      passes.observe({ controller, outcome }, ms / 1000)
    },
    onQueue: queues.onQueue,
    show: (gauges) => {
      for (const gauge of gauges) showGauge(registry, gauge)
    },
    registry,
    server: buildFiguresServer(registry),
  }
}

/** A gauge of queues, and where to tell of one that has begun. */
const queueGauge = (): {
  readonly gauge: ShownGauge
  readonly onQueue: (queue: MeasuredQueue) => void
} => {
  const queues = new Map<string, MeasuredQueue>()
  return {
    onQueue: (queue) => {
      queues.set(queue.controller, queue)
    },
    gauge: {
      name: 'gatekept_queue_depth',
      help: 'How many keys wait for a controller to look at them',
      labelNames: ['controller'],
      series: () =>
        [...queues.values()]
          .filter(({ signal }) => !signal.aborted)
          .map(({ controller, size }) => ({ labels: { controller }, value: size() })),
    },
  }
}

const showGauge = (registry: Registry, { name, help, labelNames, series }: ShownGauge): void => {
  const gauge: Gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    collect: () => {
      gauge.reset()
      for (const { labels, value } of series()) gauge.set(labels, value)
    },
  })
}
