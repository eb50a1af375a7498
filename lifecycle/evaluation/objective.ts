/**
 * Judges one objective by its metric. Pure.
 *
 * A pass needs a value that was measured lately, by the present spec of the metric, and that keeps to the target. Whatever is
 * missing for that is said in the message, and nothing is assumed in its place.
 *
 * @module
 */
import {
  conditionTypes,
  type KeptnMetric,
  type Objective,
  type ObjectiveStatus,
} from '../../api/index.ts'
import { findCondition } from '../../kube/conditions.ts'
import { meets, parseTarget, problemOf, readNumber } from './target.ts'

/** An objective with the places where its metric may be, the first one first. */
export interface Placed {
  readonly objective: Objective
  readonly namespaces: readonly string[]
}

/** The state of an objective at this instant. */
export const judge = (
  { objective, namespaces }: Placed,
  metrics: readonly KeptnMetric[],
  now: Date,
): ObjectiveStatus => {
  const { name } = objective.keptnMetricRef
  const target = objective.evaluationTarget
  const metric = findMetric(name, namespaces, metrics)
  const namespace = metric?.metadata.namespace ?? namespaces[0] ?? ''
  const failed = (message: string): ObjectiveStatus => ({
    name,
    namespace,
    target,
    status: 'Failed',
    message,
  })
  const bounds = parseTarget(target)
  if (bounds === undefined) return failed(targetProblem(name, target, problemOf(target) ?? ''))
  if (metric === undefined) return failed(notFound(name, namespaces))
  const reading = read(metric, now)
  if (typeof reading === 'string') return failed(reading)
  const { value, number, measuredAt } = reading
  const isMet = meets(number, bounds)
  return {
    name,
    namespace,
    target,
    value,
    measuredAt,
    status: isMet ? 'Succeeded' : 'Failed',
    message: `value '${value}' ${isMet ? 'met' : 'did not meet'} objective '${target}'`,
  }
}

/** What a person has to change in a target; `undefined` when it is one. */
export const badTarget = ({ objective }: Placed): string | undefined => {
  const { keptnMetricRef, evaluationTarget } = objective
  const problem = problemOf(evaluationTarget)
  return problem && targetProblem(keptnMetricRef.name, evaluationTarget, problem)
}

const targetProblem = (name: string, target: string, problem: string): string =>
  `invalid evaluationTarget '${target}' for KeptnMetric '${name}': ${problem}`

const findMetric = (
  name: string,
  namespaces: readonly string[],
  metrics: readonly KeptnMetric[],
): KeptnMetric | undefined =>
  namespaces
    .map((namespace) =>
      metrics.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    )
    .find((metric) => metric !== undefined)

const notFound = (name: string, namespaces: readonly string[]): string =>
  `KeptnMetric '${name}' not found in namespace ${namespaces.map((one) => `'${one}'`).join(' or ')}`

interface Reading {
  readonly value: string
  readonly number: number
  readonly measuredAt: string
}

/** The value of a metric, or why it has none that counts. */
const read = (metric: KeptnMetric, now: Date): Reading | string => {
  const { value = '', rawValue = '', lastUpdated = '' } = metric.status ?? {}
  const { name } = metric.metadata
  if (value === '') return `empty value for: ${name}${because(metric)}`
  if (rawValue === '') return `empty rawValue for: ${name}`
  const doubt = doubtOf(metric, now)
  if (doubt !== undefined)
    return `value '${value}' of KeptnMetric '${name}' is out of date: ${doubt}`
  const number = readNumber(value)
  if (number === undefined) return `value '${value}' of KeptnMetric '${name}' is not a number`
  return { value, number, measuredAt: lastUpdated }
}

const because = ({ status }: KeptnMetric): string => {
  const { errMsg = '' } = status ?? {}
  return errMsg === '' ? ' (it has not been measured yet)' : `: ${errMsg}`
}

/** Why the value in the status may not be the present one. */
const doubtOf = (metric: KeptnMetric, now: Date): string | undefined => {
  const { errMsg = '', lastUpdated = '', conditions } = metric.status ?? {}
  if (errMsg !== '') return `the last query gave no value: ${errMsg}`
  const ready = findCondition(conditions, conditionTypes.ready)
  const { generation } = metric.metadata
  if ((ready?.observedGeneration ?? generation) !== generation) {
    return 'its spec has changed since it was measured'
  }
  const ageMs = now.getTime() - Date.parse(lastUpdated)
  if (Number.isNaN(ageMs)) return 'nothing says when it was measured'
  // Clocks differ a little, and `lastUpdated` has lost its fraction of a second.
  if (Math.abs(ageMs) <= 2 * intervalMsOf(metric) + 1000) return undefined
  return `it was measured at ${lastUpdated}, and should be every ${intervalMsOf(metric) / 1000} s`
}

/** How long until the next value; without an interval, metrics are asked every 10 seconds. */
const intervalMsOf = ({ spec }: KeptnMetric): number =>
  (spec.fetchIntervalSeconds > 0 ? spec.fetchIntervalSeconds : 10) * 1000
