/**
 * The bound that an objective sets: `<4`, `>= 1.5`. Keptn knows `<` and `>` without blanks.
 *
 * @module
 */

const operators = ['<=', '>=', '!=', '==', '=', '<', '>'] as const
type Operator = (typeof operators)[number]

/** A bound that has been understood. */
export interface Target {
  readonly operator: Operator
  readonly bound: number
}

const number = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`
const wholeNumber = new RegExp(`^${number}$`, 'i')
const targetForm = new RegExp(String.raw`^\s*(${operators.join('|')})\s*(${number})\s*$`, 'i')

/** Understands a target; `undefined` when it is none. */
export const parseTarget = (text: string): Target | undefined => {
  const match = targetForm.exec(text)
  const operator = operators.find((known) => known === match?.[1])
  const bound = readNumber(match?.[2] ?? '')
  return operator === undefined || bound === undefined ? undefined : { operator, bound }
}

/** Reads the value of a metric; `undefined` when it is no finite number. */
export const readNumber = (text: string): number | undefined => {
  if (!wholeNumber.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** Tells whether a value keeps to a bound. */
export const meets = (value: number, { operator, bound }: Target): boolean => {
  // Every comparison with NaN is false, but for `!=`: there it would be a pass.
  if (!Number.isFinite(value)) return false
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

/** The target as a sentence has it: `> 4`. A text that is no target stands as it is. */
export const showTarget = (text: string): string => {
  const match = targetForm.exec(text)
  return match === null ? text : `${match[1] ?? ''} ${match[2] ?? ''}`
}
