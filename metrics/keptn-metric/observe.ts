import type { KeptnMetric, KeptnMetricsProvider } from '../../api/index.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { Measure } from '../ask.ts'
import type { Measurement, Measurements, Progress } from '../measurements.ts'
import { dueAt, questionOf, type Question } from './question.ts'
import { wantedAt, type AwaitingEvaluation } from './wanted.ts'

/** Everything that a decision about a KeptnMetric needs. */
export interface Seen {
  readonly now: Date
  readonly metric: KeptnMetric
  readonly provider: KeptnMetricsProvider | undefined
  /** Whether providers may take any certificate. Missing: they may not. */
  readonly allowsInsecureTls?: boolean
  /** When an evaluation wanted a newer value, if one does. */
  readonly wantedAt?: Date
  /** What the source has answered and the status does not say yet. */
  readonly measured: Measurement | 'not-due' | 'under-way'
}

/** Where a metric is read from. */
export interface Cluster {
  readonly metrics: Store<KeptnMetric>
  readonly providers: Store<KeptnMetricsProvider>
  readonly evaluations: Store<AwaitingEvaluation>
  readonly allowsInsecureTls?: boolean
  readonly measurements: Measurements
  readonly measure: Measure
}

/** Reads a metric and its provider, and sends the query off when it is due; its outcome wakes the metric. */
export const observe =
  (cluster: Cluster) =>
  (key: string, now: Date): Seen | undefined => {
    const { namespace, name } = parseKey(key)
    const metric = cluster.metrics.get(namespace, name)
    if (metric === undefined || metric.metadata.deletionTimestamp !== undefined) {
      cluster.measurements.forget(key)
      return undefined
    }
    const provider = cluster.providers.get(namespace, metric.spec.provider.name)
    const { allowsInsecureTls = false } = cluster
    const question = questionOf(metric, provider, allowsInsecureTls)
    if (question.kind === 'unanswerable') {
      cluster.measurements.forget(key)
      return { now, metric, provider, allowsInsecureTls, measured: 'not-due' }
    }
    const wanted = wantedAt(cluster.evaluations, key)
    const seen = {
      ...{ now, metric, provider, allowsInsecureTls },
      ...(wanted === undefined ? {} : { wantedAt: wanted }),
    }
    return { ...seen, measured: measured(cluster, question, seen) }
  }

const measured = (
  { measurements, measure }: Cluster,
  question: Question,
  seen: Omit<Seen, 'measured'>,
): Seen['measured'] => {
  const { metric } = seen
  const key = keyOf(metric)
  const lastUpdated = metric.status?.lastUpdated
  const next = nextStep(measurements.progress(key), question, seen)
  if (next !== 'ask') return next
  measurements.ask({
    key,
    id: question.id,
    source: question.provider.metadata.uid,
    after: lastUpdated === undefined ? undefined : new Date(lastUpdated),
    dueAt: dueAt(metric, seen.now, seen.wantedAt),
    run: (at, signal) => measure(question.provider, question.at(at), signal),
  })
  return 'under-way'
}

const nextStep = (
  progress: Progress,
  question: Question,
  seen: Omit<Seen, 'measured'>,
): Seen['measured'] | 'ask' => {
  const { metric, now } = seen
  if (progress.kind !== 'none') {
    if (progress.id !== question.id) return 'ask'
    if (progress.kind === 'under-way') return 'under-way'
    const { measurement } = progress
    if (measurement.at.getTime() !== Date.parse(metric.status?.lastUpdated ?? ''))
      return measurement
  }
  return dueAt(metric, now, seen.wantedAt) <= now ? 'ask' : 'not-due'
}
