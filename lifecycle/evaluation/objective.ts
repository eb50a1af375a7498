/**
 * Judges one objective by its metric. Pure.
 *
 * A pass needs a value that was measured lately, by the present spec of the metric, and that keeps to the target. Whatever is
 * missing for that is said in the message, and nothing is assumed in its place.
 *
 * @module
 */
import type {
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  Objective,
  ObjectiveStatus,
} from '../../api/index.ts'
import { doubtOf, type Moment } from './freshness.ts'
import { meets, parseTarget, problemOf, readNumber } from './target.ts'

/** An objective with the places where its metric may be, the first one first. */
export interface Placed {
  readonly objective: Objective
  readonly namespaces: readonly string[]
}

/** The namespaces in which the metric of an objective may be: where it says, else that of the evaluation, else ours. */
export const placesOf = (
  { objectives }: KeptnEvaluationDefinition['spec'],
  evaluation: KeptnEvaluation,
  ourNamespace: string,
): readonly Placed[] =>
  objectives.map((objective) => {
    const { namespace = '' } = objective.keptnMetricRef
    const own = [evaluation.metadata.namespace ?? '', ourNamespace]
    return { objective, namespaces: namespace === '' ? [...new Set(own)] : [namespace] }
  })

/** The outcome of an earlier attempt, if the objective was met in it and is still the same. */
export const metBefore = (
  { status }: KeptnEvaluation,
  { objective, namespaces }: Placed,
  index: number,
): ObjectiveStatus | undefined => {
  const before = status?.objectives?.[index]
  const isSame =
    before?.name === objective.keptnMetricRef.name &&
    before.target === objective.evaluationTarget &&
    namespaces.includes(before.namespace)
  return isSame && before.status === 'Succeeded' ? before : undefined
}

/** The state of an objective at this instant. */
export const judge = (
  placed: Placed,
  metrics: readonly KeptnMetric[],
  moment: Moment,
): ObjectiveStatus => {
  const { objective, namespaces } = placed
  const { name } = objective.keptnMetricRef
  const target = objective.evaluationTarget
  const metric = findMetric(placed, metrics)
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
  const reading = read(metric, moment)
  if (typeof reading === 'string') return failed(reading)
  const { value, number, measuredAt } = reading
  const isMet = meets(number, bounds)
  return {
    name,
    namespace,
    target,
    value,
    measuredAt,
    ageSeconds: ageOf(measuredAt, moment),
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

/** The metric of an objective: of the first namespace that has it. */
export const findMetric = (
  { objective, namespaces }: Placed,
  metrics: readonly KeptnMetric[],
): KeptnMetric | undefined =>
  namespaces
    .map((namespace) =>
      metrics.find(
        ({ metadata }) =>
          metadata.name === objective.keptnMetricRef.name && metadata.namespace === namespace,
      ),
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
const read = (metric: KeptnMetric, moment: Moment): Reading | string => {
  const { value = '', rawValue = '', lastUpdated = '' } = metric.status ?? {}
  const { name } = metric.metadata
  if (value === '') return `empty value for: ${name}${because(metric)}`
  if (rawValue === '') return `empty rawValue for: ${name}`
  const doubt = doubtOf(metric, moment)
  if (doubt !== undefined)
    return `value '${value}' of KeptnMetric '${name}' is out of date: ${doubt}`
  const number = readNumber(value)
  if (number === undefined) return `value '${value}' of KeptnMetric '${name}' is not a number`
  return { value, number, measuredAt: lastUpdated }
}

/** In whole seconds; clocks that differ make no value younger than just measured. */
const ageOf = (measuredAt: string, { now }: Moment): number =>
  Math.max(0, Math.floor((now.getTime() - Date.parse(measuredAt)) / 1000))

const because = ({ status }: KeptnMetric): string => {
  const { errMsg = '' } = status ?? {}
  return errMsg === '' ? ' (it has not been measured yet)' : `: ${errMsg}`
}
