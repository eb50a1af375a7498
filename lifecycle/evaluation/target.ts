/**
 * What an objective wants of a value: `<4`, `>= 1.5`, `>=10 <20`, `10..20`. Keptn knows `<` and `>` without blanks.
 *
 * A target is a list of bounds that all hold. A range has both its ends. A target that no value can keep to (`20..10`, `<1 >2`)
 * is a mistake and none.
 *
 * @module
 */
import { targetForm } from '../../api/index.ts'

type Operator = '<=' | '>=' | '!=' | '==' | '=' | '<' | '>'

/** One comparison. */
export interface Bound {
  readonly operator: Operator
  readonly bound: number
}

/** Bounds that all hold; there is at least one. */
export type Target = readonly Bound[]

const wellFormed = new RegExp(targetForm)
const boundForm = /(<=|>=|!=|==|[=<>])\s*([^\s<>=!]+)/g
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** Understands a target; `undefined` when it is none. */
export const parseTarget = (text: string): Target | undefined => {
  const target = boundsOf(text)
  return target !== undefined && isPossible(target) ? target : undefined
}

/** What is wrong with a target, and what to write instead; `undefined` when nothing is. */
export const problemOf = (text: string): string | undefined => {
  const target = boundsOf(text)
  if (target === undefined) {
    return 'write one of < <= > >= = != and a number, such as >4, two of these, such as >=10 <20, or a range, such as 10..20'
  }
  return isPossible(target) ? undefined : 'no value can keep to it'
}

const boundsOf = (text: string): Target | undefined => {
  if (!wellFormed.test(text)) return undefined
  const pieces = text.includes('..')
    ? ends(text)
    : [...text.matchAll(boundForm)].map(([, operator, digits]) => [operator, digits] as const)
  const target = pieces.map(([operator, digits = '']) => ({
    operator: operator as Operator,
    bound: readNumber(digits),
  }))
  return target.every(isFinished) ? target : undefined
}

const ends = (text: string): readonly (readonly [Operator, string])[] => {
  const [low = '', high = ''] = text.split('..')
  return [
    ['>=', low.trim()],
    ['<=', high.trim()],
  ]
}

const isFinished = (one: {
  readonly operator: Operator
  readonly bound: number | undefined
}): one is Bound => one.bound !== undefined

/** Whether there is a value that keeps to it: one of the bounds, or one between, below or above them. */
const isPossible = (target: Target): boolean => {
  const bounds = target.map(({ bound }) => bound).sort((a, b) => a - b)
  const between = bounds.slice(1).map((bound, i) => bound / 2 + (bounds[i] ?? bound) / 2)
  const beyond = [-Number.MAX_VALUE, Number.MAX_VALUE]
  return [...bounds, ...between, ...beyond].some((value) => meets(value, target))
}

/** Reads the value of a metric; `undefined` when it is no finite number. */
export const readNumber = (text: string): number | undefined => {
  if (!number.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Tells whether a value keeps to all bounds. */
export const meets = (value: number, target: Target): boolean =>
  // Every comparison with NaN is false, but for `!=`: there it would be a pass.
  Number.isFinite(value) && target.every((bound) => keeps(value, bound))

const keeps = (value: number, { operator, bound }: Bound): boolean => {
  switch (operator) {
    case '<':
      return value < bound
    case '<=':
      return value <= bound
    case '>':
      return value > bound
    case '>=':
      return value >= bound
    case '=':
    case '==':
      return value === bound
    case '!=':
      return value !== bound
  }
}

/** The target as a sentence has it: `> 4`, `>= 10 and < 20`, `10..20`. A text that is no target stands as it is. */
export const showTarget = (text: string): string => {
  if (!wellFormed.test(text)) return text
  if (text.includes('..'))
    return text
      .split('..')
      .map((end) => end.trim())
      .join('..')
  return [...text.matchAll(boundForm)]
    .map(([, operator = '', digits = '']) => `${operator} ${digits}`)
    .join(' and ')
}
