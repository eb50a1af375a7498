import { describe, expect, test } from '@jest/globals'
import fc from '../../../fast-check.ts'
import type { Analysis, StatusOf } from '../../../../api/index.ts'
import { decide } from '../../../../metrics/analysis/decide.ts'
import { isFinished, neededNow, type Seen } from '../../../../metrics/analysis/stage.ts'
import type { Outcome } from '../../../../metrics/outcome.ts'
import { aProvider } from '../source-server.ts'
import { aDefinition, anAnalysis, anObjective, aTemplate } from './objects.ts'

const outcome = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Outcome>({ kind: 'value', value: '1', raw: '"1"' }) },
  fc.constantFrom<Outcome>(
    { kind: 'error', message: 'The source answered with status 500' },
    { kind: 'no-data' },
    { kind: 'not-a-number', text: 'NaN' },
    { kind: 'too-many-series', series: 2 },
    { kind: 'stale', newest: new Date(0) },
  ),
)
/** What happens to a decision: it is stored, it waits, or the process ends before that and forgets what it was told. */
const fate = fc.constantFrom('stored', 'stored', 'stored', 'waits', 'crash')
const windows = [
  { from: '2025-12-01T00:00:00Z', to: '2025-12-01T01:00:00Z' },
  { from: '2025-12-02T00:00:00Z', to: '2025-12-02T01:00:00Z' },
]

interface History {
  readonly templates: number
  readonly retries: number
  readonly isBacktest: boolean
  readonly outcomes: readonly Outcome[]
  readonly fates: readonly string[]
}
const history: fc.Arbitrary<History> = fc.record({
  templates: fc.integer({ min: 1, max: 4 }),
  retries: fc.nat(3),
  isBacktest: fc.boolean(),
  outcomes: fc.array(outcome, { minLength: 40, maxLength: 40 }),
  fates: fc.array(fate, { minLength: 40, maxLength: 40 }),
})

const analysisOf = ({ retries, isBacktest }: History): Analysis => {
  const whole = anAnalysis({ retries })
  if (!isBacktest) return whole
  const { analysisDefinition } = whole.spec
  return { ...whole, spec: { analysisDefinition, retries, windows } }
}

type Answers = Readonly<Record<string, Outcome>>

/** What is known of each query that is due: what was answered before, or now. What is not due any more is forgotten. */
const answerDue = (seen: Seen, before: Answers, ask: (id: string) => Outcome): Answers =>
  Object.fromEntries(
    neededNow(seen)
      .filter(({ state }) => state.kind === 'due')
      .map(({ id }) => [id, before[id] ?? ask(id)]),
  )

/** Runs an analysis to its end, as the controller would. */
const run = (story: History) => {
  const names = Array.from({ length: story.templates }, (_, at) => `t${at}`)
  const templates = names.map((name) => aTemplate(name))
  const definition = aDefinition(names.map((name) => anObjective(name)))
  const asked = new Map<string, number>()
  const given = new Map<string, Outcome[]>()
  let [analysis, now, crashes] = [analysisOf(story), Date.parse('2026-01-01T02:00:00Z'), 0]
  let answers: Answers = {}
  let next = 0
  for (let step = 0; step < 1000 && !isFinished(analysis); step += 1) {
    const seen: Seen = {
      ...{ now: new Date(now), analysis, definition, templates },
      ...{ providers: [aProvider({})], answers: {} },
    }
    answers = answerDue(seen, answers, (id) => {
      const got = story.outcomes[next++ % story.outcomes.length] as Outcome
      asked.set(id, (asked.get(id) ?? 0) + 1)
      given.set(id, [...(given.get(id) ?? []), got])
      return got
    })
    const { status, wakeAt } = decide({ ...seen, answers })
    const happens = step < story.fates.length ? story.fates[step] : 'stored'
    if (happens === 'crash') {
      answers = {}
      crashes += 1
    } else if (happens === 'stored' && status !== undefined) {
      analysis = { ...analysis, status: JSON.parse(JSON.stringify(status)) as StatusOf<Analysis> }
    }
    now = Math.max(now + 100, wakeAt?.getTime() ?? 0)
  }
  return { analysis, asked, given, crashes, definition, templates, now }
}

test('every analysis ends, asks no more often than it may, and stays as it ended', () => {
  const ends = new Map<string, number>()
  fc.assert(
    fc.property(history, (story) => {
      const { analysis, asked, crashes, definition, templates, now } = run(story)
      expect(isFinished(analysis)).toBe(true)
      // A crash costs a query that was not stored, and no other.
      for (const times of asked.values()) {
        expect(times).toBeLessThanOrEqual(story.retries + 1 + crashes)
      }
      const later = { now: new Date(now + 1e9), analysis, definition, templates }
      const again = decide({ ...later, providers: [], answers: {} })
      expect([again.status, again.actions, again.transitions]).toEqual([undefined, [], []])
      const { state = '', pass } = analysis.status ?? {}
      const end = story.isBacktest ? `backtest ${state}` : `${state} ${String(pass)}`
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }),
    { numRuns: 2000 },
  )
  expect([...ends.keys()].toSorted()).toEqual([
    'Completed true',
    'Failed undefined',
    'backtest Completed',
  ])
})

test('there is no pass without a value for each objective, and no failure with all of them', () => {
  fc.assert(
    fc.property(history, (story) => {
      const { analysis, given } = run({ ...story, isBacktest: false })
      const hasAll = [...given.values()].every((all) => all.some(({ kind }) => kind === 'value'))
      if (analysis.status?.pass === true) expect(hasAll).toBe(true)
      const endedWithValues = [...given.values()].every((all) => all.at(-1)?.kind === 'value')
      expect(analysis.status?.state).toBe(endedWithValues ? 'Completed' : 'Failed')
      expect(analysis.status?.raw).toContain(`"pass":${String(analysis.status?.pass === true)},"w`)
    }),
    { numRuns: 2000 },
  )
})

describe('an analysis with long queries', () => {
  /** As many objectives as templates have names for, one after the other. */
  const seenWith = (query: string, templates: number, objectives: number): Seen => {
    const names = Array.from({ length: templates }, (_, at) => `template-${at}`)
    const named = Array.from({ length: objectives }, (_, at) => names[at % templates] ?? '')
    return {
      now: new Date('2026-01-01T02:00:00Z'),
      analysis: anAnalysis(
        { args: { long: query } },
        {
          timeframe: { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' },
          startTime: '2026-01-01T02:00:00Z',
        },
      ),
      definition: aDefinition(named.map((name) => anObjective(name))),
      templates: names.map((name) => aTemplate(name, '{{.long}}')),
      providers: [aProvider({})],
      answers: {},
    }
  }
  const mostBytes = 1.5 * 1024 * 1024 - 256 * 1024

  test.each([
    ['one that is half as large as an object', 'x'.repeat(600_000), 1, 1],
    ['one of signs that are escaped twice', '<'.repeat(150_000), 1, 1],
    ['one that many objectives share', 'x'.repeat(5_000), 1, 500],
    ['many', 'x'.repeat(2_000), 500, 500],
  ])('that would not fit is not asked for: %s', (_name, query, templates, objectives) => {
    const seen = seenWith(query, templates, objectives)
    expect(neededNow(seen)).toEqual([])
    const { status } = decide(seen)
    expect(status?.conditions).toMatchObject([
      { type: 'Ready', status: 'Unknown' },
      { type: 'Stalled', status: 'True', reason: 'TooLarge' },
    ])
    expect(JSON.stringify(status).length).toBeLessThan(2000)
  })

  const size = fc.integer({ min: 1, max: 500 })
  test('that is asked for fits into its object, with values and without', () => {
    let asked = 0
    const query = fc.tuple(fc.constantFrom('x', '"', '<', 'é', '\u2028'), fc.nat(200_000))
    fc.assert(
      fc.property(query, size, size, fc.boolean(), ([sign, length], templates, more, isKnown) => {
        const times = Math.max(1, Math.floor(length / (templates + more)))
        const seen = seenWith(sign.repeat(times), templates, Math.min(500, templates + more))
        const needs = neededNow(seen)
        if (needs.length === 0) return
        asked++
        const answer: Outcome = isKnown
          ? { kind: 'value', value: '1.7976931348623157', raw: '1' }
          : { kind: 'error', message: 'x'.repeat(300) }
        const answers = Object.fromEntries(needs.map(({ id }) => [id, answer]))
        const analysis = { ...seen.analysis, spec: { ...seen.analysis.spec, retries: 0 } }
        const { status } = decide({ ...seen, analysis, answers })
        expect(status?.state).toBe(isKnown ? 'Completed' : 'Failed')
        expect(Buffer.byteLength(JSON.stringify({ ...analysis, status }))).toBeLessThan(mostBytes)
      }),
      { numRuns: 200 },
    )
    expect(asked).toBeGreaterThan(20)
  })
})

describe('of many names the first are told, and how many more there are', () => {
  const begun = {
    timeframe: { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' },
    startTime: '2026-01-01T02:00:00Z',
  }
  const messageOf = (seen: Partial<Seen>): string | undefined =>
    decide({
      now: new Date('2026-01-01T02:00:00Z'),
      analysis: anAnalysis({}, begun),
      definition: undefined,
      templates: [],
      providers: [aProvider({})],
      answers: {},
      ...seen,
    }).status?.conditions?.[0]?.message
  const names = Array.from({ length: 300 }, (_, at) => `name-${at}`)

  test('key objectives that have earned nothing', () => {
    const target = { failure: { greaterThan: { fixedValue: 1 } } }
    const objectives = names.map((name) => anObjective(name, { keyObjective: true, target }))
    const answer: Outcome = { kind: 'value', value: '2', raw: '2' }
    const message = messageOf({
      definition: aDefinition(objectives),
      templates: names.map((name) => aTemplate(name)),
      answers: Object.fromEntries(names.map((name) => [`0/${name}`, answer])),
    })
    expect(message).toMatch(/earned nothing: "name-0", .*"name-19", and 280 more$/)
  })

  test('arguments that are missing', () => {
    const query = names.map((name) => `{{index . "${name}"}}`).join('')
    const message = messageOf({
      definition: aDefinition([anObjective('a')]),
      templates: [aTemplate('a', query)],
    })
    expect(message).toMatch(/^Set "name-0", .*"name-19", and 280 more in spec.args/)
  })
})
