import { expect, test } from '@jest/globals'
import fc from '../../../fast-check.ts'
import type { AnalysisObjective, Operator } from '../../../../api/index.ts'
import { grade } from '../../../../metrics/analysis/grade.ts'
import { rawOf } from '../../../../metrics/analysis/raw.ts'
import { aDefinition, anObjective } from './objects.ts'

/** Numbers in thousandths, so that the oracle counts in whole numbers and knows nothing of quantities. */
const milli = fc.integer({ min: -20, max: 20 })
const text = (thousandths: number): string => (thousandths / 1000).toFixed(3)

interface Bound {
  readonly operator: Operator
  readonly isMet: (value: number) => boolean
}
const bound = fc
  .record({ kind: fc.nat(6), low: milli, size: fc.integer({ min: 1, max: 10 }) })
  .map(({ kind, low, size }): Bound => {
    const high = low + size
    const one = { fixedValue: `${low}m` }
    const two = { lowBound: `${low}m`, highBound: text(high) }
    const all: readonly Bound[] = [
      { operator: { lessThan: one }, isMet: (value) => value < low },
      { operator: { lessThanOrEqual: one }, isMet: (value) => value <= low },
      { operator: { greaterThan: one }, isMet: (value) => value > low },
      { operator: { greaterThanOrEqual: one }, isMet: (value) => value >= low },
      { operator: { equalTo: one }, isMet: (value) => value === low },
      { operator: { inRange: two }, isMet: (value) => value >= low && value <= high },
      { operator: { notInRange: two }, isMet: (value) => value < low || value > high },
    ]
    return all[kind] as Bound
  })

interface Case {
  readonly failure: Bound | undefined
  readonly warning: Bound | undefined
  readonly weight: number
  readonly isKey: boolean
  readonly value: number | undefined
}
const objective: fc.Arbitrary<Case> = fc.record({
  failure: fc.option(bound, { nil: undefined }),
  warning: fc.option(bound, { nil: undefined }),
  weight: fc.nat(3),
  isKey: fc.boolean(),
  value: fc.option(milli, { nil: undefined, freq: 12 }),
})
const limits = fc
  .tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 1, max: 30 }))
  .map(([warning, more]) => ({ warning, pass: Math.min(100, warning + more) }))

const written = ({ failure, warning, weight, isKey }: Case, at: number): AnalysisObjective =>
  anObjective(`o${at}`, {
    target: {
      ...(failure && { failure: failure.operator }),
      ...(warning && { warning: warning.operator }),
    },
    weight,
    keyObjective: isKey,
  })

const graded = (cases: readonly Case[], { pass, warning }: { pass: number; warning: number }) =>
  grade(
    aDefinition(cases.map(written), pass, warning),
    cases.map(({ value }) => ({
      query: 'q',
      value: value === undefined ? undefined : text(value),
    })),
  )

/** The rules told once more, in another way: halves of points, counted. */
const halves = ({ failure, warning, weight, value }: Case): number => {
  if (value === undefined || failure?.isMet(value) === true) return 0
  return warning?.isMet(value) === true ? weight : 2 * weight
}
const oracle = (cases: readonly Case[], { pass, warning }: { pass: number; warning: number }) => {
  if (cases.some(({ value }) => value === undefined)) return 'unknown'
  if (cases.some((one) => one.isKey && halves(one) === 0)) return 'fail'
  const most = cases.reduce((total, { weight }) => total + 2 * weight, 0)
  const earned = cases.reduce((total, one) => total + halves(one), 0)
  const share = most === 0 ? 0 : (100 * earned) / most
  const reaches = (percentage: number) => share > percentage - 1e-9
  return reaches(pass) ? 'pass' : reaches(warning) ? 'warning' : 'fail'
}

test('every verdict and score is what the rules told in another way give', () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(objective, { maxLength: 6 }), limits, (cases, percentages) => {
      const grades = graded(cases, percentages)
      expect(grades.verdict).toBe(oracle(cases, percentages))
      expect(grades.objectives.map(({ score }) => 2 * score)).toEqual(cases.map(halves))
      seen.set(grades.verdict, (seen.get(grades.verdict) ?? 0) + 1)
    }),
    { numRuns: 20_000 },
  )
  for (const verdict of ['pass', 'warning', 'fail', 'unknown']) {
    expect(seen.get(verdict)).toBeGreaterThan(200)
  }
})

/** The same cases but for one of them. */
const withOne = (cases: readonly Case[], position: number, change: Partial<Case>) =>
  cases.map((one, at) => (at === position % cases.length ? { ...one, ...change } : one))

test('nothing passes without every value, however little the missing one counts', () => {
  fc.assert(
    fc.property(
      fc.array(objective, { minLength: 1, maxLength: 6 }),
      fc.nat(5),
      limits,
      (cases, position, percentages) => {
        const without = withOne(cases, position, { value: undefined, weight: 0 })
        const grades = graded(without, percentages)
        expect(grades.verdict).toBe('unknown')
        expect(rawOf(grades)).toContain('"pass":false,"warning":false}')
      },
    ),
    { numRuns: 2000 },
  )
})

const rank = { unknown: 0, fail: 0, warning: 1, pass: 2 } as const

test('an objective that does better never makes the whole worse, nor does a lower limit', () => {
  fc.assert(
    fc.property(
      fc.array(objective, { minLength: 1, maxLength: 6 }),
      fc.nat(5),
      limits,
      (cases, position, percentages) => {
        const better = withOne(cases, position, { failure: undefined, warning: undefined })
        const before = rank[graded(cases, percentages).verdict]
        expect(rank[graded(better, percentages).verdict]).toBeGreaterThanOrEqual(before)
        const easier = { pass: percentages.pass - 1, warning: percentages.warning - 1 }
        expect(rank[graded(cases, easier).verdict]).toBeGreaterThanOrEqual(before)
      },
    ),
    { numRuns: 5000 },
  )
})

test.each<[string, Operator]>([
  ['no operator', {}],
  ['two operators', { lessThan: { fixedValue: 1 }, greaterThan: { fixedValue: 2 } }],
  ['a number that is none', { lessThan: { fixedValue: 'ten' } }],
])('a criterion with %s is no pass', (_what, failure) => {
  const definition = aDefinition([anObjective('o', { target: { failure } })])
  expect(grade(definition, [{ query: 'q', value: '1' }]).verdict).toBe('unknown')
})
