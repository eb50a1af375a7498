/**
 * KeptnMetrics as gauges of Prometheus. Pure.
 *
 * Gauges are made anew from what is stored each time somebody asks, so that they end with their objects.
 *
 * @module
 */
import type { KeptnMetric } from '../../api/index.ts'
import { whyNotPresent } from '../present.ts'

/** A gauge with all its values. */
export interface Gauge {
  readonly name: string
  readonly help: string
  readonly values: readonly GaugeValue[]
}

/** A value of a gauge. All values of one gauge have labels of the same names. */
export interface GaugeValue {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * A gauge for each metric that has a value which still counts: named after the metric, described by its name, without
 * labels.
 *
 * Keptn let metrics whose names come to the same share one value, whoever wrote it last. Here each has its own, told apart by
 * the labels `name` and `namespace`.
 */
export const metricGauges = (metrics: Iterable<KeptnMetric>, now: Date): readonly Gauge[] => {
  const present = [...metrics].filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const named = Map.groupBy(present.sort(byPlace), ({ metadata }) => gaugeName(metadata.name))
  return [...named].flatMap(([name, sharing]) => {
    const values = sharing.flatMap((metric) => {
      const value = presentValue(metric, now)
      return value === undefined ? [] : [{ labels: labelsOf(metric, sharing), value }]
    })
    const [first] = sharing
    const isWorthIt = name !== undefined && first !== undefined && values.length > 0
    return isWorthIt ? [{ name, help: first.metadata.name, values }] : []
  })
}

/** The same order at each look, whatever order a list came in. */
const byPlace = (a: KeptnMetric, b: KeptnMetric): number =>
  placeOf(a) < placeOf(b) ? -1 : placeOf(a) > placeOf(b) ? 1 : 0

const placeOf = ({ metadata }: KeptnMetric): string =>
  `${metadata.name}/${metadata.namespace ?? ''}`

/** Everything but letters and digits becomes one `_`; `undefined`: Prometheus has no names that begin with a digit. */
const gaugeName = (name: string): string | undefined => {
  const words = name.split(/[^a-zA-Z0-9]+/).filter((word) => word !== '')
  const joined = words.join('_')
  return /^[a-zA-Z]/.test(joined) ? joined : undefined
}

const labelsOf = (
  { metadata }: KeptnMetric,
  sharing: readonly KeptnMetric[],
): GaugeValue['labels'] =>
  sharing.length === 1 ? {} : { name: metadata.name, namespace: metadata.namespace ?? '' }

/** The value of a metric as a number; `undefined` when there is none, or it is not known to be the present one. */
const presentValue = (metric: KeptnMetric, now: Date): number | undefined => {
  const value = metric.status?.value?.trim() ?? ''
  const number = value === '' ? NaN : Number(value)
  return Number.isFinite(number) && whyNotPresent(metric, now) === undefined ? number : undefined
}
