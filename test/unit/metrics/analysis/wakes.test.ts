import { expect, test } from '@jest/globals'
import type { Analysis } from '../../../../api/index.ts'
import type { KubeObject } from '../../../../api/object.ts'
import { analysisController, analysisIndexes } from '../../../../metrics/analysis/index.ts'
import { createMeasurements } from '../../../../metrics/measurements.ts'
import { filledStore } from '../../filled-store.ts'
import { aProvider } from '../source-server.ts'
import { aDefinition, anAnalysis, aTemplate } from './objects.ts'

const named = (name: string, over: Partial<Analysis> = {}): Analysis => {
  const analysis = anAnalysis()
  return { ...analysis, metadata: { ...analysis.metadata, name }, ...over }
}
const elsewhere = { ...anAnalysis().spec, analysisDefinition: { name: 'other' } }
const analyses = [
  named('open'),
  named('under-way', { status: { state: 'Progressing' } }),
  named('completed', { status: { state: 'Completed' } }),
  named('failed', { status: { state: 'Failed' } }),
  named('of-another', { spec: elsewhere }),
]

const term = new AbortController()
const stores = {
  analyses: filledStore(analyses, analysisIndexes),
  definitions: filledStore([aDefinition([])]),
  templates: filledStore([aTemplate('a')]),
  providers: filledStore([aProvider({})]),
}
const { wakes } = analysisController({
  ...stores,
  measurements: createMeasurements({ now: () => new Date(), signal: term.signal }),
  measure: () => Promise.resolve({ kind: 'no-data' }),
})

const wokenBy = (store: unknown, object: KubeObject | string): readonly string[] =>
  wakes.filter((one) => one.store === store).flatMap(({ keys }) => [...keys(object)])

test('what an analysis names wakes it while it has not ended', () => {
  expect(wokenBy(stores.definitions, aDefinition([]))).toEqual(['shop/open', 'shop/under-way'])
  const all = ['shop/open', 'shop/under-way', 'shop/of-another']
  expect(wokenBy(stores.templates, aTemplate('a'))).toEqual(all)
  expect(wokenBy(stores.providers, aProvider({}))).toEqual(all)
})

test('the end of a query wakes its analysis', () => {
  const others = Object.values(stores) as unknown[]
  const [ended] = wakes.filter(({ store }) => !others.includes(store))
  expect(ended?.keys('shop/open 3/lib/errors')).toEqual(['shop/open'])
})
