/**
 * What is asked for an objective, and of whom.
 *
 * @module
 */
import type { Aggregation, KeptnMetricsProvider } from '../../api/index.ts'
import type { Ask } from '../ask.ts'
import { outcomeOf, type Outcome } from '../outcome.ts'
import { ProviderError, type MetricRequest } from '../source.ts'

/** What is asked of a provider. */
export type Question = MetricRequest & {
  readonly aggregation?: Aggregation
  /** Where the number is in a reply, for sources that can't know. */
  readonly path?: string
}

/** Asks a provider for one number. */
export type Measure = (
  provider: KeptnMetricsProvider,
  question: Question,
  signal: AbortSignal,
) => Promise<Outcome>

/** Takes one number from what a provider answers. */
export const measureWith =
  (ask: Ask): Measure =>
  async (provider, { aggregation, ...request }, signal) => {
    try {
      return outcomeOf(await ask(provider, request, signal), aggregation)
    } catch (error) {
      if (error instanceof ProviderError) return { kind: 'error', message: error.message }
      throw error
    }
  }
