import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { KeptnEvaluation, KeptnMetric, StatusOf } from '../../../api/index.ts'
import { decide } from '../../../lifecycle/evaluation/decide.ts'
import type { Seen, Status } from '../../../lifecycle/evaluation/seen.ts'
import { decide as decideMetric } from '../../../metrics/keptn-metric/decide.ts'
import { outcomeKeyOf } from '../../../lifecycle/evaluation/label.ts'
import { outcomeOf, type Outcome } from '../../../metrics/outcome.ts'
import { aProvider } from '../metrics/source-server.ts'
import { aDefinition, aMetric, anEvaluation, anObjective } from './objects.ts'

const now = new Date('2026-01-01T01:00:00Z')

const seenWith = (evaluation: KeptnEvaluation, over: Partial<Seen> = {}): Seen => ({
  now,
  evaluation,
  metrics: [],
  namespace: 'keptn-system',
  eventNames: 'seeds',
  ...over,
})

/** What a source may reply, when it was asked, and what the metric said before. */
const sample = fc.record({
  series: fc.constantFrom('a', 'a', 'a', 'b'),
  at: fc.constant(now),
  value: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(NaN, Infinity, -Infinity, 4)),
})
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.array(sample, { maxLength: 3 }).map((samples) => outcomeOf(samples, undefined)),
  fc.constantFrom<Outcome>(
    { kind: 'error', message: 'The source answered with status 500' },
    { kind: 'no-data' },
  ),
)
const before: fc.Arbitrary<StatusOf<KeptnMetric> | undefined> = fc.constantFrom(
  undefined,
  { value: '9', rawValue: 'Ijki', lastUpdated: '2026-01-01T00:59:55Z' },
  { value: '-9', rawValue: 'Ii05Ig==', lastUpdated: '2026-01-01T00:59:55Z', errMsg: 'no values' },
)
const target = fc.constantFrom('>4', '<4', '>=4', '<= 4', '=4', '!=4', 'about 4', '')
const comparisons: Readonly<Record<string, (value: number) => boolean>> = {
  '>4': (value) => value > 4,
  '<4': (value) => value < 4,
  '>=4': (value) => value >= 4,
  '<= 4': (value) => value <= 4,
  '=4': (value) => value === 4,
  '!=4': (value) => value !== 4,
}

/** An evaluation that has waited for a newer value for as long as it does. */
const afterWaiting = (): KeptnEvaluation =>
  anEvaluation(
    { retries: 1 },
    {
      retryCount: 0,
      evaluationStatus: {},
      overallStatus: 'Pending',
      awaits: { since: new Date(now.getTime() - 30_000).toISOString(), metrics: [] },
    },
  )

interface Told {
  readonly out: Outcome
  readonly old: StatusOf<KeptnMetric> | undefined
  readonly text: string
  readonly age: number
  readonly hasWaited: boolean
}

const isWithin = (age: number, least: number, most: number): boolean => age >= least && age <= most

/** What the evaluation has to say of a metric that was told this. */
const expectedOf = ({ out, text, age, hasWaited }: Told): string => {
  const isFresh = out.kind === 'value' && isWithin(age, -30, hasWaited ? 30 : 11)
  if (isFresh) return comparisons[text]?.(Number(out.value)) === true ? 'Succeeded' : 'Failed'
  // A metric that was asked in this very second is not asked again, whatever came of it.
  const isAskable = text in comparisons && !isWithin(age, -30, 0)
  return !hasWaited && isAskable ? 'Pending' : 'Failed'
}

const evaluated = ({ out, old, text, age, hasWaited }: Told): Status | undefined => {
  const at = new Date(now.getTime() - age * 1000)
  const metric = aMetric(old)
  const provider = aProvider({})
  const measured = decideMetric({ now, metric, provider, measured: { at, outcome: out } })
  const evaluation = hasWaited ? afterWaiting() : anEvaluation({ retries: 1 })
  const definition = aDefinition([anObjective(text)])
  const metrics = [{ ...metric, ...(measured.status && { status: measured.status }) }]
  return decide(seenWith(evaluation, { definition, metrics })).status
}

test('nothing but a fresh value that keeps to the target passes, and that always does', () => {
  let passes = 0
  const age = fc.integer({ min: -60, max: 60 })
  const told = fc.record({ out: outcome, old: before, text: target, age, hasWaited: fc.boolean() })
  fc.assert(
    fc.property(told, (given) => {
      const status = evaluated(given)
      const expected = expectedOf(given)
      if (status?.overallStatus !== expected) {
        throw new Error(`Expected ${expected}, got ${JSON.stringify(status)}`)
      }
      if (expected === 'Succeeded') passes += 1
    }),
    { numRuns: 100_000 },
  )
  expect(passes).toBeGreaterThan(1000)
})

const values = fc.array(fc.option(fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 12 })

const metricWith = (value: number | null, at: Date): KeptnMetric =>
  aMetric(
    value === null
      ? { errMsg: 'no values', lastUpdated: at.toISOString() }
      : { value: String(value), rawValue: 'IjQi', lastUpdated: at.toISOString() },
  )

test('however often it is woken, there is one attempt an interval, and at most as many as retries', () => {
  fc.assert(
    fc.property(
      values,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 9000 }),
      (given, retries, pace) => {
        const definition = aDefinition([anObjective('>100')])
        let evaluation = anEvaluation({ retries })
        const attempts: number[] = []
        for (const [i, value] of given.entries()) {
          const at = new Date(now.getTime() + i * pace)
          const metrics = [metricWith(value, at)]
          const { status } = decide(seenWith(evaluation, { now: at, definition, metrics }))
          if (status === undefined) continue
          if (status.retryCount > (evaluation.status?.retryCount ?? 0)) attempts.push(at.getTime())
          evaluation = anEvaluation({ retries }, status)
        }
        expect(attempts.length).toBeLessThanOrEqual(retries)
        const gaps = attempts.slice(1).map((at, i) => at - (attempts[i] ?? 0))
        expect(gaps.filter((gap) => gap < 5000)).toEqual([])
        const isOver = attempts.length === retries
        expect(evaluation.status?.overallStatus).toBe(isOver ? 'Failed' : 'Progressing')
      },
    ),
    { numRuns: 2000 },
  )
})

test('what has ended is never changed again', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('Succeeded', 'Failed', 'Deprecated'),
      values,
      (overallStatus, [value]) => {
        const status: Status = { retryCount: 3, evaluationStatus: {}, overallStatus }
        const definition = aDefinition([anObjective('>4')])
        const metrics = [metricWith(value ?? null, now)]
        const decision = decide(seenWith(anEvaluation({}, status), { definition, metrics }))
        expect(decision).toEqual({ actions: [], transitions: [] })
      },
    ),
  )
})

const keyOf = (text: string, among: readonly string[]): string =>
  among.length === 1 ? 'available-cpus' : `available-cpus ${text}`

test('every objective is met once, or the evaluation has not succeeded', () => {
  const targets = fc.array(fc.constantFrom('>4', '<4', '=4', 'about 4'), {
    minLength: 1,
    maxLength: 3,
  })
  fc.assert(
    fc.property(targets, values, (texts, given) => {
      const definition = aDefinition(texts.map((text) => anObjective(text)))
      const met = texts.map(() => false)
      let evaluation = anEvaluation({ retries: 20, retryInterval: '0s' })
      for (const value of given) {
        const { status } = decide(
          seenWith(evaluation, { definition, metrics: [metricWith(value, now)] }),
        )
        if (status === undefined) break
        for (const [i, text] of texts.entries()) {
          met[i] ||= value !== null && (comparisons[text]?.(value) ?? false)
        }
        evaluation = anEvaluation({ retries: 20, retryInterval: '0s' }, status)
        expect(status.overallStatus === 'Succeeded').toBe(met.every(Boolean))
        const shown = texts.map((text) => status.evaluationStatus[keyOf(text, texts)]?.status)
        expect(shown).toEqual(met.map((isMet) => (isMet ? 'Succeeded' : 'Failed')))
      }
    }),
    { numRuns: 3000 },
  )
})

test('no two objectives share a key, and Keptn knows those that are alone with their name', () => {
  const named = fc.record({
    name: fc.constantFrom('a', 'b', 'a.b', 'x'),
    namespace: fc.constantFrom('a', 'b', 'x'),
    target: fc.constantFrom('>1', '<1', '> 1', '1..2', 'x/a >1', ''),
  })
  const different = fc.uniqueArray(named, {
    selector: (one) => JSON.stringify([one.namespace, one.name, one.target]),
  })
  fc.assert(
    fc.property(different, (among) => {
      const keys = among.map((one) => outcomeKeyOf(one, among))
      expect(new Set(keys).size).toBe(keys.length)
      for (const [i, { name }] of among.entries()) {
        const isAlone = among.filter((other) => other.name === name).length === 1
        expect(keys[i] === name).toBe(isAlone)
      }
    }),
    { numRuns: 3000 },
  )
})
