/**
 * What values are worth: operators, verdicts, scores. Pure.
 *
 * An objective without a value, or with a criterion that can't be read, is `unknown`: it earns nothing, and with it nothing
 * passes.
 *
 * @module
 */
import type { AnalysisDefinition, AnalysisObjective, Operator, Verdict } from '../../api/index.ts'
import { compare, parseDecimal, parseQuantity, type Decimal, type Quantity } from '../quantity.ts'

/** What an objective's query came to. */
export interface Found {
  readonly query: string
  /** A decimal; missing when there is none. */
  readonly value?: string | undefined
}

/** A criterion, with what it compares with, as Kubernetes writes that. */
export interface Criterion {
  readonly operator: string
  readonly operands: Readonly<Record<string, Quantity>>
}

/** One objective with its value. */
export interface Grade extends Found {
  readonly objective: AnalysisObjective
  /** The criteria that were looked at; a failed one leaves no question of a warning. */
  readonly failure?: Look
  readonly warning?: Look
  readonly verdict: Verdict
  readonly score: number
}

/** All objectives, and what they come to. */
export interface Grades {
  readonly objectives: readonly Grade[]
  readonly totalScore: number
  readonly maximumScore: number
  /** How much of the maximum was earned, from 0 to 100. */
  readonly percentage: number
  readonly verdict: Verdict
}

/** Reads a criterion; `undefined` when it is not exactly one operator with numbers, a lower bound below a higher one. */
export const readCriterion = (criterion: Operator): Criterion | undefined => {
  const [first, ...others] = Object.entries(criterion)
  if (first === undefined || others.length > 0) return undefined
  const [operator, operand] = first
  const names = operator in ranges ? ['lowBound', 'highBound'] : ['fixedValue']
  const numbers = names.map((name) => {
    const written = (operand as Readonly<Record<string, string | number | undefined>>)[name]
    return [name, written === undefined ? undefined : parseQuantity(written)] as const
  })
  const isWhole = (operator in ranges || operator in fixed) && numbers.every(([, read]) => read)
  const [low, high] = numbers.map(([, read]) => read)
  // Nothing is in such a range: a failure that is looked for there would never be found.
  const isReversed =
    low !== undefined && high !== undefined && compare(low.amount, high.amount) >= 0
  if (!isWhole || isReversed) return undefined
  return { operator, operands: Object.fromEntries(numbers) as Record<string, Quantity> }
}

/** By the order of the value and what it is compared with. */
const fixed: Readonly<Record<string, (order: number) => boolean>> = {
  lessThan: (order) => order < 0,
  lessThanOrEqual: (order) => order <= 0,
  greaterThan: (order) => order > 0,
  greaterThanOrEqual: (order) => order >= 0,
  equalTo: (order) => order === 0,
}

/** By the orders of the value and the lower and the higher bound. */
const ranges: Readonly<Record<string, (low: number, high: number) => boolean>> = {
  inRange: (low, high) => low >= 0 && high <= 0,
  notInRange: (low, high) => low < 0 || high > 0,
}

const isMetBy = ({ operator, operands }: Criterion, value: Decimal): boolean => {
  const order = (name: string): number => {
    const operand = operands[name]
    // `readCriterion` has read each.
    return operand === undefined ? NaN : compare(value, operand.amount)
  }
  const range = ranges[operator]
  if (range !== undefined) return range(order('lowBound'), order('highBound'))
  return fixed[operator]?.(order('fixedValue')) ?? false
}

/** A criterion that was looked at. */
export interface Look {
  readonly criterion: Criterion
  readonly isMet: boolean
}

/** `undefined`: there is none to look at; `'unreadable'`: nobody can tell whether it is met. */
const look = (criterion: Operator | undefined, value: Decimal): Look | 'unreadable' | undefined => {
  if (criterion === undefined) return undefined
  const read = readCriterion(criterion)
  return read === undefined ? 'unreadable' : { criterion: read, isMet: isMetBy(read, value) }
}

/** What a value is worth to an objective. */
const gradeObjective = (objective: AnalysisObjective, found: Found): Grade => {
  const value = found.value === undefined ? undefined : parseDecimal(found.value)
  const looks = value === undefined ? undefined : looksAt(objective, value)
  if (looks === undefined) return { ...found, objective, verdict: 'unknown', score: 0 }
  const { weight } = objective
  const verdict = looks.failure?.isMet ? 'fail' : looks.warning?.isMet ? 'warning' : 'pass'
  const share = { fail: 0, warning: 1 / 2, pass: 1 }[verdict]
  return { ...found, objective, ...looks, verdict, score: weight * share }
}

/** The criteria of an objective, as far as they have to be looked at; `undefined` when one can't be read. */
const looksAt = (
  { target = {} }: AnalysisObjective,
  value: Decimal,
): Pick<Grade, 'failure' | 'warning'> | undefined => {
  const failure = look(target.failure, value)
  const warning = look(target.warning, value)
  if (failure === 'unreadable' || warning === 'unreadable') return undefined
  const failed = failure === undefined ? {} : { failure }
  return warning === undefined || failure?.isMet === true ? failed : { ...failed, warning }
}

/** What all values come to; `found` is in the order of the objectives. */
export const grade = (
  { spec: { objectives = [], totalScore: limits } }: AnalysisDefinition,
  found: readonly Found[],
): Grades => {
  const graded = objectives.map((objective, at) =>
    gradeObjective(objective, found[at] ?? { query: '' }),
  )
  const totalScore = sum(graded.map(({ score }) => score))
  const maximumScore = sum(objectives.map(({ weight }) => weight))
  // A product, not a quotient: scores are halves, and so nothing is rounded on the very limit.
  const reaches = (percentage: number): boolean =>
    maximumScore === 0 ? percentage <= 0 : totalScore * 100 >= percentage * maximumScore
  const verdict = verdictOf(graded, {
    passes: reaches(limits.passPercentage),
    warns: reaches(limits.warningPercentage),
  })
  const percentage = maximumScore === 0 ? 0 : (totalScore * 100) / maximumScore
  return { objectives: graded, totalScore, maximumScore, percentage, verdict }
}

const verdictOf = (
  graded: readonly Grade[],
  { passes, warns }: { readonly passes: boolean; readonly warns: boolean },
): Verdict => {
  if (graded.some(({ verdict }) => verdict === 'unknown')) return 'unknown'
  if (lostKeys(graded).length > 0) return 'fail'
  return passes ? 'pass' : warns ? 'warning' : 'fail'
}

/**
 * The percentage for people, with two digits after the point. It is rounded, but never up to a whole number: limits are whole
 * numbers, and one that was missed must not seem to be reached.
 */
export const shownPercentage = ({ percentage }: Grades): number => {
  const rounded = Number(percentage.toFixed(2))
  const isRaised = Number.isInteger(rounded) && rounded > percentage
  return isRaised ? Number((rounded - 0.01).toFixed(2)) : rounded
}

/** The key objectives that earned nothing: any of them fails the whole. */
export const lostKeys = (graded: readonly Grade[]): readonly Grade[] =>
  graded.filter(({ objective, score }) => objective.keyObjective && score === 0)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0)
