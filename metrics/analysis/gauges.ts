/**
 * The gauges of ended analyses, under Keptn's names. They follow from what is stored: they are there after a restart, and go with
 * their analysis. Pure.
 *
 * @module
 */
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { Analysis, StatusOf } from '../../api/index.ts'
import { isFinished } from './stage.ts'

/** One series of a gauge. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A gauge, with what there is to tell at the moment of asking. */
export interface GaugeFamily {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly series: () => Iterable<Series>
}

/** The values of an ended analysis. */
export interface Results {
  readonly result: Series
  readonly objectives: readonly Series[]
}

/** An analysis as it is kept in memory: of one that has ended, what the gauges tell, in the place of its texts. */
export type KeptAnalysis = Analysis & { readonly results?: Results }

/** What `status.raw` holds, as far as gauges tell it. */
const raw = Type.Object({
  totalScore: Type.Number(),
  maximumScore: Type.Number(),
  objectiveResults: Type.Array(
    Type.Object({
      value: Type.Number(),
      error: Type.Optional(Type.Unknown()),
      objective: Type.Object({
        analysisValueTemplateRef: Type.Object({
          name: Type.String(),
          namespace: Type.Optional(Type.String()),
        }),
        weight: Type.Optional(Type.Number()),
        keyObjective: Type.Optional(Type.Boolean()),
      }),
    }),
  ),
})

/** Leaves the texts of an ended analysis out: nothing reads them any more, and they may have hundreds of kilobytes. */
export const keepAnalysis = (analysis: Analysis): KeptAnalysis => {
  const { status } = analysis
  if (status === undefined || !isFinished(analysis)) return analysis
  const results = resultsOf(analysis, status.raw ?? '')
  const kept = Object.entries(status).filter(([field]) => !texts.includes(field))
  return {
    ...analysis,
    status: Object.fromEntries(kept),
    ...(results === undefined ? {} : { results }),
  }
}

const texts: readonly string[] = [
  'raw',
  'storedValues',
  'windows',
] satisfies (keyof StatusOf<Analysis>)[]

const resultsOf = (analysis: Analysis, text: string): Results | undefined => {
  const read = parse(text)
  // What has failed has no result: a gauge would be taken for one.
  if (read === undefined || analysis.status?.state !== 'Completed') return undefined
  const { from = '', to = '' } = analysis.status.timeframe ?? {}
  const span = { from: goTime(from), to: goTime(to) }
  const { name, namespace = '' } = analysis.metadata
  const { totalScore: total, maximumScore: most, objectiveResults } = read
  return {
    result: { labels: { name, namespace, ...span }, value: most === 0 ? 0 : (100 * total) / most },
    objectives: objectiveResults
      .filter(({ error }) => error === undefined)
      .map(({ value, objective }) => {
        const { analysisValueTemplateRef: template, keyObjective = false, weight = 0 } = objective
        const labels = {
          ...{ name: template.name, namespace: template.namespace ?? '' },
          ...{ analysis_name: name, analysis_namespace: namespace },
          ...{ key_objective: String(keyObjective), weight: String(weight), ...span },
        }
        return { labels, value }
      }),
  }
}

const parse = (text: string): Static<typeof raw> | undefined => {
  try {
    const json: unknown = JSON.parse(text)
    return Value.Check(raw, json) ? json : undefined
  } catch {
    // Somebody else's text, or none: there is nothing to tell.
    return undefined
  }
}

/** An instant as Go prints it. */
const goTime = (text: string): string => {
  const instant = new Date(text)
  if (Number.isNaN(instant.getTime())) return ''
  return instant
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, ' +0000 UTC')
}

/** The gauges of all analyses that have ended with a verdict. */
export const analysisGauges = (analyses: {
  readonly all: () => Iterable<KeptAnalysis>
}): readonly GaugeFamily[] => {
  const results = (): readonly Results[] =>
    [...analyses.all()].flatMap(({ results: found }) => found ?? [])
  return [
    {
      name: 'keptn_analysis_result',
      help: 'How much of what could be earned an analysis has earned, in percent',
      labelNames: ['name', 'namespace', 'from', 'to'],
      series: () => results().map(({ result }) => result),
    },
    {
      name: 'keptn_objective_result',
      help: 'The value of an objective of an analysis',
      labelNames: [
        ...['name', 'namespace', 'analysis_name', 'analysis_namespace'],
        ...['key_objective', 'weight', 'from', 'to'],
      ],
      series: () => results().flatMap(({ objectives }) => objectives),
    },
  ]
}
