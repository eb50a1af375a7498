/**
 * The metrics part: what an entry point has to reflect for it, and its controllers.
 *
 * @module
 */
import {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnMetric,
  KeptnMetricsProvider,
} from '../api/index.ts'
import { EndpointSlice } from '../api/kubernetes.ts'
import type { Client } from '../kube/client.ts'
import type { Controller } from '../kube/controller.ts'
import type { Store } from '../kube/store.ts'
import { analysisController, analysisIndexes } from './analysis/index.ts'
import { nameRefusal, refusal, type Endpoint } from './addresses.ts'
import { createMeasure, type AskOptions } from './ask.ts'
import { createFetch } from './fetch.ts'
import {
  awaitingEvaluations,
  keptnMetricController,
  metricIndexes,
  type AwaitingEvaluation,
} from './keptn-metric/index.ts'
import { createMeasurements } from './measurements.ts'
import { askedOnce } from './once.ts'
import type { SourceProxy } from './proxy.ts'

export type { AwaitingEvaluation } from './keptn-metric/index.ts'

/** What a reflector has to be started with for each store that the controllers read. */
export const metricsReflections = {
  metrics: { type: KeptnMetric, indexes: metricIndexes },
  providers: { type: KeptnMetricsProvider },
  evaluations: awaitingEvaluations,
  analyses: { type: Analysis, indexes: analysisIndexes },
  definitions: { type: AnalysisDefinition },
  templates: { type: AnalysisValueTemplate },
  /** Where the API server is: no provider may name it. */
  apiServer: {
    type: EndpointSlice,
    namespace: 'default',
    labelSelector: 'kubernetes.io/service-name=kubernetes',
  },
} as const

/** The stores of these reflectors. */
export interface MetricsStores {
  readonly metrics: Store<KeptnMetric>
  readonly providers: Store<KeptnMetricsProvider>
  readonly evaluations: Store<AwaitingEvaluation>
  readonly analyses: Store<Analysis>
  readonly definitions: Store<AnalysisDefinition>
  readonly templates: Store<AnalysisValueTemplate>
  readonly apiServer: Store<EndpointSlice>
}

/** What an installation may set. */
export interface MetricsSettings {
  /** Our own namespace, whose templates may name any provider. */
  readonly namespace?: string
  /** Ranges (CIDR) that sources may have although they are refused by default: loopback in tests. */
  readonly allowedRanges?: readonly string[]
  /** The only names and ranges that sources may have; empty: any that is not refused. */
  readonly allowedSources?: readonly string[]
  /** Through which proxy sources are asked; missing: through none. */
  readonly sourceProxy?: SourceProxy
  /** Where this process reaches the API server: its Service's address. */
  readonly apiServer?: readonly Endpoint[]
  /** Whether providers may take any certificate. */
  readonly allowsInsecureTls?: boolean
  /** How long a query may take. */
  readonly queryTimeoutMs?: number
}

/** The controllers, and connections to sources until the signal is aborted. */
export const metricsControllers = (options: {
  readonly client: Client
  readonly stores: MetricsStores
  readonly settings: MetricsSettings
  readonly now?: () => Date
  readonly log?: AskOptions['log']
  readonly signal: AbortSignal
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- they differ in what they see
}): readonly Controller<any, any>[] => {
  const { client, stores, settings, now = () => new Date(), log, signal } = options
  const { allowedSources: only = [], sourceProxy: proxy } = settings
  const { fetch, close } = createFetch({
    ...(proxy === undefined ? {} : { through: { proxy, refuseName: nameRefusal({ only }) } }),
    refuse: refusal({
      allowed: settings.allowedRanges ?? [],
      only,
      apiServer: () => [...(settings.apiServer ?? []), ...endpointsIn(stores.apiServer)],
    }),
  })
  const { queryTimeoutMs: timeoutMs, allowsInsecureTls = false } = settings
  const measure = askedOnce(
    createMeasure({
      client,
      fetch,
      allowsInsecureTls,
      now,
      ...(log === undefined ? {} : { log }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    }),
  )
  signal.addEventListener('abort', () => void close(), { once: true })
  return [
    keptnMetricController({
      metrics: stores.metrics,
      providers: stores.providers,
      evaluations: stores.evaluations,
      allowsInsecureTls,
      measurements: createMeasurements({ now, signal }),
      measure,
    }),
    // With places of their own: the many queries of an analysis delay no metric.
    analysisController({
      ...stores,
      ...(settings.namespace === undefined ? {} : { ourNamespace: settings.namespace }),
      allowsInsecureTls,
      measurements: createMeasurements({ now, signal }),
      measure,
    }),
  ]
}

const endpointsIn = function* (slices: Store<EndpointSlice>): Iterable<Endpoint> {
  for (const { endpoints = [], ports = [] } of slices.all()) {
    for (const address of endpoints.flatMap((endpoint) => endpoint.addresses)) {
      for (const { port } of ports) yield port === undefined ? { address } : { address, port }
    }
  }
}
