/**
 * How long the webhook takes to answer.
 *
 * @module
 */
import { Histogram, type Registry } from 'prom-client'

/** One answer of the webhook. */
interface Answered {
  readonly path: string
  readonly status: number
  readonly seconds: number
}

/** Serves the times of answers; returns where to tell of each. The API server waits for two seconds, and then goes on or refuses. */
export const serveAnswers = (registry: Registry): ((answered: Answered) => void) => {
  const times = new Histogram({
    name: 'gatekept_webhook_answer_seconds',
    help: 'How long the webhook took to answer',
    labelNames: ['path', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    registers: [registry],
  })
  return ({ path, status, seconds }) => {
    times.observe({ path, status: String(status) }, seconds)
  }
}
