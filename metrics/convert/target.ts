/**
 * What the criteria of an SLO say of a value, as what an analysis asks: when it fails, and when it warns. Pure.
 *
 * An SLO says what is good; an analysis says what is bad. So criteria are turned around. Entries of `pass` are alternatives,
 * criteria of an entry must all be met, and of both the first two count.
 *
 * @module
 */
import { compare, exactQuantity, parsePlainDecimal, type Decimal } from '../quantity.ts'
import { ConversionError } from './conversion.ts'

/** One operator, and what a value is compared with. */
export type Operator = Readonly<Record<string, Readonly<Record<string, string>>>>

/** When an objective fails, and when it warns. Without both it is there to be looked at. */
export interface Target {
  readonly failure?: Operator
  readonly warning?: Operator
}

/** The criteria of an entry, all absolute. */
export type Entry = readonly string[]

const comparisons = {
  '<=': { plain: 'lessThanOrEqual', negated: 'greaterThan', isLower: false },
  '<': { plain: 'lessThan', negated: 'greaterThanOrEqual', isLower: false },
  '>=': { plain: 'greaterThanOrEqual', negated: 'lessThan', isLower: true },
  '>': { plain: 'greaterThan', negated: 'lessThanOrEqual', isLower: true },
} as const

type Comparison = keyof typeof comparisons

interface Bound {
  readonly comparison: Comparison
  readonly amount: Decimal
  readonly written: string
}

/** One criterion, or two that belong together. */
type Bounds = readonly [Bound] | readonly [Bound, Bound]

/** Tells the target of an objective. Throws a {@link ConversionError} where criteria can't be read or contradict each other. */
export const targetOf = (pass: readonly Entry[], warning: readonly Entry[]): Target => {
  const [first, second] = pass
  const [warns] = warning
  if (first === undefined || warning.length > 1) return {}
  if (second !== undefined) {
    if (warns !== undefined) return {}
    return { failure: operatorOf([boundOf(first), boundOf(second)], 'negated') }
  }
  const passes = boundsOf(first)
  if (warns === undefined) return { failure: operatorOf(passes, 'negated') }
  return withWarning(passes, boundsOf(warns))
}

const withWarning = (pass: Bounds, warning: Bounds): Target => {
  const areSingle = pass.length === 1 && warning.length === 1
  // Both are read, so that what is wrong in one of them is said in any case.
  const [inner, outer] = [intervalOf(pass), intervalOf(warning)]
  if (areSingle || isWithin(inner, outer)) {
    return { failure: operatorOf(warning, 'negated'), warning: operatorOf(pass, 'negated') }
  }
  if (!isWithin(outer, inner)) return {}
  return { failure: operatorOf(pass, 'negated'), warning: operatorOf(warning, 'plain') }
}

const boundOf = (entry: Entry): Bound => {
  const [written = ''] = entry
  const [, comparison = '', number = ''] = /^(<=|<|>=|>)(.*)$/s.exec(written) ?? []
  if (!isComparison(comparison)) {
    throw new ConversionError(`Begin the criterion "${written}" with <=, <, >= or >`)
  }
  const amount = parsePlainDecimal(number)
  if (amount === undefined) {
    throw new ConversionError(
      `Put a plain number after "${comparison}" in the criterion "${written}"`,
    )
  }
  return { comparison, amount, written }
}

const isComparison = (text: string): text is Comparison => Object.hasOwn(comparisons, text)

const boundsOf = (entry: Entry): Bounds => {
  const first = boundOf(entry)
  return entry.length === 1 ? [first] : [first, boundOf(entry.slice(1))]
}

/** The operator that is met when the bounds are, or when they are not. */
const operatorOf = (bounds: Bounds, form: 'plain' | 'negated'): Operator => {
  const [first, second] = bounds
  if (second === undefined) {
    return { [comparisons[first.comparison][form]]: { fixedValue: shown(first) } }
  }
  const [low, high] = inOrder(first, second)
  const isInside = isLower(low) === (form === 'plain')
  return {
    [isInside ? 'inRange' : 'notInRange']: { lowBound: shown(low), highBound: shown(high) },
  }
}

const isLower = ({ comparison }: Bound): boolean => comparisons[comparison].isLower

/** The bound with the smaller number first. */
const inOrder = (a: Bound, b: Bound): readonly [Bound, Bound] => {
  const together = `The criteria "${a.written}" and "${b.written}"`
  if (isLower(a) === isLower(b)) {
    throw new ConversionError(`${together} point the same way: leave one of them`)
  }
  const order = compare(a.amount, b.amount)
  if (order === 0) throw new ConversionError(`${together} need two numbers that differ`)
  return order < 0 ? [a, b] : [b, a]
}

/** What a value may be; without an end it is open to that side. Whether the ends belong to it is not looked at. */
interface Interval {
  readonly from?: Decimal
  readonly to?: Decimal
}

const intervalOf = (bounds: Bounds): Interval => {
  const [first, second] = bounds
  if (second === undefined) return isLower(first) ? { from: first.amount } : { to: first.amount }
  const [low, high] = inOrder(first, second)
  if (isLower(low)) return { from: low.amount, to: high.amount }
  throw new ConversionError(
    `No value meets both "${first.written}" and "${second.written}": write them the other way around`,
  )
}

const isWithin = (inner: Interval, outer: Interval): boolean =>
  (outer.from === undefined ||
    (inner.from !== undefined && compare(outer.from, inner.from) <= 0)) &&
  (outer.to === undefined || (inner.to !== undefined && compare(inner.to, outer.to) <= 0))

const shown = ({ amount, written }: Bound): string => {
  const quantity = exactQuantity(amount)
  if (quantity !== undefined) return quantity
  throw new ConversionError(
    `Round the number of the criterion "${written}": Kubernetes takes nine decimals, and numbers up to 2^63 - 1`,
  )
}
