import { describe, expect, test } from '@jest/globals'
import fc from '../../../fast-check.ts'
import { ConversionError } from '../../../../metrics/convert/conversion.ts'
import { targetOf, type Entry, type Operator } from '../../../../metrics/convert/target.ts'

/** Numbers are in hundredths: every one of them is exact. */
interface Criterion {
  readonly sign: '<=' | '<' | '>=' | '>'
  readonly hundredths: number
}

const written = ({ sign, hundredths }: Criterion): string => `${sign}${hundredths / 100}`

/** Lies between any two bounds, and beyond all of them: no bound is a multiple of this. */
const step = 5
const samples = Array.from({ length: 103 }, (_, i) => (i - 51) * 10 + step)

const isMet = ({ sign, hundredths }: Criterion, value: number): boolean => {
  switch (sign) {
    case '<=':
      return value <= hundredths
    case '<':
      return value < hundredths
    case '>=':
      return value >= hundredths
    case '>':
      return value > hundredths
  }
}

const criterion = fc.record({
  sign: fc.constantFrom<Criterion['sign'][]>('<=', '<', '>=', '>'),
  // Few of them, so that equal ones and contained ones come often.
  hundredths: fc.integer({ min: -50, max: 50 }).map((tens) => tens * 10),
})
const entry = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(criterion) },
  { weight: 1, arbitrary: fc.array(criterion, { minLength: 2, maxLength: 3 }) },
)
const entries = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(entry) },
  { weight: 1, arbitrary: fc.array(entry, { maxLength: 3 }) },
)

/** The values of which something is true, among the samples. */
type Values = ReadonlySet<number>

const valuesWhere = (holds: (value: number) => boolean): Values => new Set(samples.filter(holds))

/**
 * What a pair says: both, where any value meets both, else either. Not told by which bound is where, so that it is another
 * way than the converter's.
 */
const pairOf = (a: Criterion, b: Criterion): Values => {
  const isUp = (sign: string): boolean => sign.startsWith('>')
  if (isUp(a.sign) === isUp(b.sign) || a.hundredths === b.hundredths) throw new ConversionError('')
  const both = valuesWhere((value) => isMet(a, value) && isMet(b, value))
  return both.size > 0 ? both : valuesWhere((value) => isMet(a, value) || isMet(b, value))
}

const entryOf = ([first, second]: readonly Criterion[]): Values => {
  if (first === undefined) throw new Error('An entry has no criterion')
  return second === undefined ? valuesWhere((value) => isMet(first, value)) : pairOf(first, second)
}

/** What lies in one piece, or an error. */
const pieceOf = (criteria: readonly Criterion[]): Values => {
  const values = entryOf(criteria)
  const [first, second] = criteria
  const isOnePiece =
    first === undefined ||
    second === undefined ||
    [...values].every((value) => isMet(first, value) && isMet(second, value))
  if (!isOnePiece) throw new ConversionError('')
  return values
}

const without = (values: Values): Values => valuesWhere((value) => !values.has(value))

interface Verdicts {
  readonly failure?: Values
  readonly warning?: Values
}

const isWithin = (inner: Values, outer: Values): boolean =>
  [...inner].every((value) => outer.has(value))

const withWarning = (good: readonly Criterion[], fair: readonly Criterion[]): Verdicts => {
  const [inner, outer] = [pieceOf(good), pieceOf(fair)]
  const areSingle = good.length === 1 && fair.length === 1
  if (areSingle || isWithin(inner, outer)) {
    return { failure: without(outer), warning: without(inner) }
  }
  return isWithin(outer, inner) ? { failure: without(inner), warning: outer } : {}
}

const oracle = (
  pass: readonly (readonly Criterion[])[],
  warning: readonly (readonly Criterion[])[],
): Verdicts => {
  const [good, other] = pass
  const [fair] = warning
  if (good === undefined || warning.length > 1 || (fair !== undefined && other !== undefined))
    return {}
  if (other !== undefined)
    return { failure: without(entryOf([...good.slice(0, 1), ...other.slice(0, 1)])) }
  return fair === undefined ? { failure: without(entryOf(good)) } : withWarning(good, fair)
}

const hundredthsOf = (quantity: string | undefined): number => {
  const [, number = '', suffix = ''] = /^(-?\d+)([mk]?)$/.exec(quantity ?? '') ?? []
  const scale = { '': 100, m: 0.1, k: 100_000 }[suffix]
  return Math.round(Number(number) * (scale ?? NaN))
}

const met = (operator: Operator, value: number): boolean => {
  const [[name, operands] = ['', {}]] = Object.entries(operator)
  const fixed = hundredthsOf(operands['fixedValue'])
  const [low, high] = [hundredthsOf(operands['lowBound']), hundredthsOf(operands['highBound'])]
  const answers: Readonly<Record<string, boolean>> = {
    lessThan: value < fixed,
    lessThanOrEqual: value <= fixed,
    greaterThan: value > fixed,
    greaterThanOrEqual: value >= fixed,
    inRange: low <= value && value <= high,
    notInRange: value < low || value > high,
  }
  const answer = answers[name]
  if (answer === undefined) throw new Error(`There is no operator "${name}"`)
  return answer
}

const verdictsOf = (pass: readonly Entry[], warning: readonly Entry[]): Verdicts => {
  const target = targetOf(pass, warning)
  const valuesOf = (operator: Operator): Values => valuesWhere((value) => met(operator, value))
  return {
    ...(target.failure === undefined ? {} : { failure: valuesOf(target.failure) }),
    ...(target.warning === undefined ? {} : { warning: valuesOf(target.warning) }),
  }
}

const orError = (verdicts: () => Verdicts): Verdicts | 'refused' => {
  try {
    return verdicts()
  } catch (error) {
    if (error instanceof ConversionError) return 'refused'
    throw error
  }
}

test('5,000 generated objectives fail and warn for the values for which they have to', () => {
  const seen = { refused: 0, informative: 0, warnings: 0, failures: 0 }
  fc.assert(
    fc.property(entries, entries, (pass, warning) => {
      const texts = (all: typeof pass) => all.map((criteria) => criteria.map(written))
      const expected = orError(() => oracle(pass, warning))
      expect(orError(() => verdictsOf(texts(pass), texts(warning)))).toEqual(expected)
      if (expected === 'refused') seen.refused += 1
      else if (expected.failure === undefined) seen.informative += 1
      else if (expected.warning === undefined) seen.failures += 1
      else seen.warnings += 1
    }),
    { numRuns: 5000 },
  )
  // Each of the ways was gone often enough to say something.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
})

test('a single criterion is turned around exactly, at its number too', () => {
  fc.assert(
    fc.property(criterion, fc.integer({ min: -60, max: 60 }), (one, tens) => {
      const { failure = {} } = targetOf([[written(one)]], [])
      for (const value of [tens * 10, one.hundredths]) {
        expect(met(failure, value)).toBe(!isMet(one, value))
      }
    }),
  )
})

describe('criteria that cannot be converted', () => {
  const table: readonly (readonly [string, readonly Entry[], readonly Entry[], RegExp])[] = [
    ['an operator that is none', [['=10']], [], /^Begin the criterion "=10" with <=, <, >= or >$/],
    ['no operator', [['10']], [], /^Begin the criterion "10" with/],
    ['no criterion', [['']], [], /^Begin the criterion "" with/],
    ['an operator that is a member of objects', [['constructor10']], [], /^Begin the criterion/],
    ['no number', [['<']], [], /^Put a plain number after "<" in the criterion "<"$/],
    ['a number with an exponent', [['<1e3']], [], /^Put a plain number after "<"/],
    ['two operators', [['<=>5']], [], /^Put a plain number after "<="/],
    ['a number that is too fine', [['<0.0000000001']], [], /^Round the number of the criterion/],
    ['two upper bounds', [['<5', '<=6']], [], /point the same way: leave one of them$/],
    ['two alternatives that point the same way', [['>5'], ['>=6']], [], /point the same way/],
    ['bounds that are equal', [['>=5', '<=5.0']], [], /need two numbers that differ$/],
    ['an interval that is empty', [['>20', '<10']], [['>5', '<30']], /^No value meets both/],
    ['a warning that points the same way', [['<5']], [['>1', '>2']], /point the same way/],
  ]
  test.each(table)('%s', (_sentence, pass, warning, message) => {
    expect(() => targetOf(pass, warning)).toThrow(ConversionError)
    expect(() => targetOf(pass, warning)).toThrow(message)
  })
})
