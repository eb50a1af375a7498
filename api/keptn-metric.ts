import { Type } from 'typebox'
import { conditions, conditionTypes } from './condition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { oneOf, time, withDefault, withRules, type Read } from './schema.ts'

/** How a list of values becomes one. */
export const aggregations = ['p90', 'p95', 'p99', 'max', 'min', 'avg', 'median'] as const
export type Aggregation = (typeof aggregations)[number]

// What Go reads as a duration, sign and all: Keptn's admission refused everything else here.
const goDuration = '[-+]?(0|(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)'

const range = Type.Object(
  {
    interval: withDefault(
      Type.String({
        pattern: `^${goDuration}$`,
        description: 'How far to look back: a Go duration such as `5m`.',
      }),
      '5m',
    ),
    step: Type.Optional(
      Type.String({
        pattern: `^(${goDuration})?$`,
        description: 'Distance between the values that are asked for: a Go duration such as `1m`.',
      }),
    ),
    aggregation: Type.Optional(
      oneOf(aggregations, { description: 'How the values become one value.' }),
    ),
    storedResults: Type.Optional(
      Type.Integer({ maximum: 255, description: 'How many past results to keep in the status.' }),
    ),
  },
  { description: 'The span of time that the query is about. Without it, the query is about now.' },
)
/** The span of time that a query is about. */
export type MetricRange = Read<typeof range>

const intervalResult = Type.Object({
  value: Type.String({ description: 'The value; empty when the query failed.' }),
  range,
  lastUpdated: time('When the query was made.'),
  errMsg: Type.Optional(Type.String({ description: 'Why the query failed.' })),
})
/** One past result of a metric. */
export type IntervalResult = Read<typeof intervalResult>

/** A number that is asked for again and again. */
export const KeptnMetric = defineResource({
  group: 'metrics.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnMetric',
  plural: 'keptnmetrics',
  description: 'A number that a KeptnMetricsProvider is asked for again and again.',
  columns: [
    { name: 'Provider', jsonPath: '.spec.provider.name' },
    { name: 'Query', jsonPath: '.spec.query' },
    { name: 'Interval', jsonPath: '.spec.range.interval' },
    { name: 'Value', jsonPath: '.status.value' },
    { name: 'Step', jsonPath: '.spec.range.step' },
    { name: 'Aggregation', jsonPath: '.spec.range.aggregation' },
  ],
  spec: Type.Object({
    provider: Type.Object(
      {
        name: Type.String({
          description: 'Name of a KeptnMetricsProvider in the namespace of the metric.',
        }),
      },
      { description: 'Whom to ask.' },
    ),
    query: Type.String({ description: "What to ask, in the provider's own language." }),
    path: Type.Optional(
      Type.String({
        maxLength: 512,
        description:
          'Where the number is in the reply, for providers of the type `elastic` (names with dots between, such as `aggregations.latency.value`), and of the type `http` without a `valuePath` (a JSONPath).',
      }),
    ),
    fetchIntervalSeconds: Type.Integer({
      description: 'How often to ask, in seconds. Zero and less are taken for 10.',
    }),
    range: Type.Optional(
      withRules(range, [
        {
          rule: "has(self.aggregation) || !has(self.step) || self.step == ''",
          message: 'aggregation is required when step is set',
          reason: 'FieldValueRequired',
          fieldPath: '.aggregation',
        },
        {
          rule: "!has(self.aggregation) || (has(self.step) && self.step != '')",
          message: 'step is required when aggregation is set',
          reason: 'FieldValueRequired',
          fieldPath: '.step',
        },
      ]),
    ),
  }),
  status: Type.Object({
    value: Type.Optional(Type.String({ description: 'The last value.' })),
    rawValue: Type.Optional(
      Type.String({ format: 'byte', description: 'The last answer as it came, in base64.' }),
    ),
    lastUpdated: Type.Optional(time('When the provider was last asked, whatever it answered.')),
    errMsg: Type.Optional(Type.String({ description: 'Why the last query failed.' })),
    intervalResults: Type.Optional(
      Type.Array(intervalResult, { description: 'Past results, oldest first.' }),
    ),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnMetric = ResourceOf<typeof KeptnMetric>

/** Keptn looked at its metrics every 10 seconds, and so asked this often where no interval is set. */
const defaultIntervalMs = 10_000
/** Clocks and timers end somewhere. Nobody waits this long. */
const longestIntervalMs = 366 * 24 * 3_600_000

/** Time from one query to the next. Zero and less can't be meant: 10 seconds are taken in their place. */
export const fetchIntervalMs = ({ fetchIntervalSeconds }: KeptnMetric['spec']): number =>
  fetchIntervalSeconds > 0
    ? Math.min(fetchIntervalSeconds * 1000, longestIntervalMs)
    : defaultIntervalMs

/** By how much clocks may differ. */
const clockToleranceMs = 30_000

/**
 * Whether a value says that it was measured further ahead than clocks differ: then nothing tells when that was. `measuredAt` is
 * in milliseconds since 1970.
 */
export const isYetToCome = (measuredAt: number, now: Date): boolean =>
  measuredAt > now.getTime() + clockToleranceMs

/** Whether the status is about the present spec. One of Keptn's, which does not say, is taken for it. */
export const isOfItsSpec = ({ metadata: { generation }, status }: KeptnMetric): boolean => {
  const ready = status?.conditions?.find(({ type }) => type === conditionTypes.ready)
  return (ready?.observedGeneration ?? generation) === generation
}
