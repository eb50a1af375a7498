import { expect, test } from '@jest/globals'
import type { Analysis } from '../../../../api/index.ts'
import { analysisGauges, keepAnalysis } from '../../../../metrics/analysis/gauges.ts'
import { grade } from '../../../../metrics/analysis/grade.ts'
import { rawOf } from '../../../../metrics/analysis/raw.ts'
import { aDefinition, anAnalysis, anObjective } from './objects.ts'

// 7 is a pass of weight 3, 2 fails: 3 of 4, 75 %.
const definition = aDefinition([
  anObjective('load', {
    analysisValueTemplateRef: { name: 'load', namespace: 'lib' },
    weight: 3,
    keyObjective: true,
  }),
  anObjective('errors', { target: { failure: { greaterThan: { fixedValue: 1 } } } }),
])
const raw = rawOf(
  grade(definition, [
    { query: 'load', value: '7' },
    { query: 'errors', value: '2' },
  ]),
)
const status: NonNullable<Analysis['status']> = {
  state: 'Completed',
  timeframe: { from: '2023-09-14T07:33:19Z', to: '2023-09-14T08:33:19.5Z' },
  raw,
  endTime: '2026-01-01T02:00:00Z',
}

const shown = (...analyses: readonly Analysis[]): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    analysisGauges({ all: () => analyses.map(keepAnalysis) }).map(({ name, series }) => [
      name,
      [...series()],
    ]),
  )

const span = { from: '2023-09-14 07:33:19 +0000 UTC', to: '2023-09-14 08:33:19.5 +0000 UTC' }
const analysis = { analysis_name: 'check', analysis_namespace: 'shop' }

test('an analysis with a verdict has its share and its values, under the names and labels of Keptn', () => {
  expect(shown(anAnalysis({}, status))).toEqual({
    keptn_analysis_result: [{ labels: { name: 'check', namespace: 'shop', ...span }, value: 75 }],
    keptn_objective_result: [
      {
        labels: {
          ...{ name: 'load', namespace: 'lib', ...analysis },
          ...{ key_objective: 'true', weight: '3', ...span },
        },
        value: 7,
      },
      {
        labels: {
          ...{ name: 'errors', namespace: '', ...analysis },
          ...{ key_objective: 'false', weight: '1', ...span },
        },
        value: 2,
      },
    ],
  })
})

test.each<[string, Partial<typeof status>]>([
  ['without a verdict', { state: 'Failed' }],
  ['that goes on', { state: 'Progressing' }],
  ['whose text somebody has changed', { raw: '{"totalScore":"all"}' }],
  ['whose text is none', { raw: 'none' }],
])('an analysis %s has none', (_what, over) => {
  expect(shown(anAnalysis({}, { ...status, ...over }))).toEqual({
    keptn_analysis_result: [],
    keptn_objective_result: [],
  })
})

test('the texts of an ended analysis take no memory, those of one that goes on are kept whole', () => {
  const kept = keepAnalysis(anAnalysis({}, { ...status, windows: [], storedValues: {} }))
  expect(Object.keys(kept.status ?? {})).toEqual(['state', 'timeframe', 'endTime'])
  const goesOn = anAnalysis({}, { ...status, state: 'Progressing', storedValues: {} })
  expect(keepAnalysis(goesOn)).toBe(goesOn)
})
