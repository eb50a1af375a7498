/**
 * Which KeptnMetrics a request is about, and its answer in both versions of the API.
 *
 * @module
 */
import { apiVersionOf } from '../../api/object.ts'
import { KeptnMetric } from '../../api/index.ts'
import { selects } from '../../kube/selector.ts'
import type { Store } from '../../kube/store.ts'
import { readingOf } from './reading.ts'
import { RefusedError } from './status.ts'

/** The group that is served. */
export const group = 'custom.metrics.k8s.io'

/** The versions that are served, the preferred one first. */
export const versions = ['v1beta2', 'v1beta1'] as const
export type Version = (typeof versions)[number]

/** What was asked for. */
export interface ValueRequest {
  readonly version: Version
  readonly namespace: string
  /** As in the path. Any is taken, as in Keptn: its users write `keptnmetrics.metrics.sh` too. */
  readonly resource: string
  /** The name of a KeptnMetric; `*`: all that the selector selects. */
  readonly name: string
  /**
   * As in the path; who asks repeats the name there. Any is taken, as in Keptn: a KeptnMetric is one metric, and its name says
   * which. For the same reason a `metricLabelSelector` has nothing to choose from. Who may have the answer is up to `app.ts`.
   */
  readonly metric: string
  readonly labelSelector?: string | undefined
}

interface Value {
  readonly metric: KeptnMetric
  readonly value: string
  readonly timestamp: string
}

/**
 * The list of values that a request is answered with. One that asks for a metric by name is refused while there is no value;
 * one that selects gets those that have one.
 */
export const valuesFor = (
  metrics: Pick<Store<KeptnMetric>, 'get' | 'all'>,
  request: ValueRequest,
  now: Date,
): object => {
  const values =
    request.name === '*' ? selected(metrics, request, now) : [named(metrics, request, now)]
  return {
    kind: 'MetricValueList',
    apiVersion: `${group}/${request.version}`,
    metadata: {},
    items: values.map((value) => itemOf(value, request.version)),
  }
}

const named = (
  metrics: Pick<Store<KeptnMetric>, 'get'>,
  { namespace, resource, name, metric }: ValueRequest,
  now: Date,
): Value => {
  const found = metrics.get(namespace, name)
  if (found === undefined) {
    throw new RefusedError({
      code: 404,
      reason: 'NotFound',
      message: `the server could not find the metric ${metric} for ${resource} ${name}: there is no KeptnMetric "${name}" in namespace "${namespace}"`,
    })
  }
  const reading = readingOf(found, now)
  if (reading.kind === 'value') return { metric: found, ...reading }
  throw new RefusedError({
    code: 503,
    reason: 'ServiceUnavailable',
    message: `KeptnMetric "${name}" in namespace "${namespace}" has no value: ${reading.message}`,
  })
}

const selected = (
  metrics: Pick<Store<KeptnMetric>, 'all'>,
  { namespace, labelSelector }: ValueRequest,
  now: Date,
): readonly Value[] => {
  const isSelected = readSelector({ namespace, labelSelector })
  const values: Value[] = []
  for (const metric of metrics.all()) {
    if (!isSelected(metric)) continue
    const reading = readingOf(metric, now)
    if (reading.kind === 'value') values.push({ metric, ...reading })
  }
  return values.sort((a, b) => (a.metric.metadata.name < b.metric.metadata.name ? -1 : 1))
}

const readSelector = (selection: Parameters<typeof selects>[0]): ReturnType<typeof selects> => {
  try {
    return selects(selection)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new RefusedError({ code: 400, reason: 'BadRequest', message })
  }
}

const itemOf = ({ metric, value, timestamp }: Value, version: Version): object => {
  const { name, namespace, labels } = metric.metadata
  const describedObject = {
    kind: KeptnMetric.kind,
    namespace,
    name,
    apiVersion: apiVersionOf(KeptnMetric),
  }
  const selector = labels === undefined ? {} : { matchLabels: labels }
  switch (version) {
    case 'v1beta2':
      return { describedObject, metric: { name, selector }, timestamp, value }
    case 'v1beta1':
      return { describedObject, metricName: name, timestamp, value, selector }
  }
}
