import type {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnMetricsProvider,
} from '../../api/index.ts'
import { joinKey, keyOf, parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { Measure } from '../ask.ts'
import type { Measurements } from '../measurements.ts'
import type { Outcome } from '../outcome.ts'
import type { Need } from './need.ts'
import type { Askable } from './question.ts'
import { namespaceOf, referencesOf } from './reference.ts'
import { isFinished, neededNow, type Seen } from './stage.ts'

/** Where an analysis is read from. */
export interface Cluster {
  readonly analyses: Store<Analysis>
  readonly definitions: Store<AnalysisDefinition>
  readonly templates: Store<AnalysisValueTemplate>
  readonly providers: Store<KeptnMetricsProvider>
  /** Our own namespace, whose templates may name any provider. */
  readonly ourNamespace?: string
  readonly allowsInsecureTls?: boolean
  /** For analyses alone, so that many objectives take no place from metrics. */
  readonly measurements: Measurements
  readonly measure: Measure
}

/** The analysis that an inquiry belongs to: names have no blanks. */
export const analysisOf = (inquiry: string): string => inquiry.split(' ')[0] ?? ''

/** Reads an analysis with all that it names, and sends off the queries that are due; their outcomes wake it. */
export const observe = (cluster: Cluster): ((key: string, now: Date) => Seen | undefined) => {
  const inquiries = new Map<string, ReadonlySet<string>>()
  /** Gives up what is not asked for any more. */
  const keep = (key: string, wanted: ReadonlySet<string>): void => {
    for (const inquiry of inquiries.get(key) ?? []) {
      if (!wanted.has(inquiry)) cluster.measurements.forget(inquiry)
    }
    if (wanted.size === 0) inquiries.delete(key)
    else inquiries.set(key, wanted)
  }
  return (key, now) => {
    const { namespace, name } = parseKey(key)
    const analysis = cluster.analyses.get(namespace, name)
    if (analysis === undefined || analysis.metadata.deletionTimestamp !== undefined) {
      keep(key, new Set())
      return undefined
    }
    const { ourNamespace, allowsInsecureTls = false } = cluster
    const seen = {
      now,
      allowsInsecureTls,
      ...(ourNamespace === undefined ? {} : { ourNamespace }),
      analysis,
      ...namedBy(cluster, analysis),
      answers: {},
    }
    const due = neededNow(seen).flatMap((need) =>
      need.state.kind === 'due'
        ? [{ need, ask: need.state.ask, attempts: need.state.attempts }]
        : [],
    )
    keep(key, new Set(due.map(({ need }) => inquiryOf(key, need))))
    const answers = due.flatMap((one): [string, Outcome][] => {
      const answer = answerTo(cluster, analysis, one)
      return answer === undefined ? [] : [[one.need.id, answer]]
    })
    return { ...seen, answers: Object.fromEntries(answers) }
  }
}

const inquiryOf = (key: string, need: Need): string => `${key} ${need.id}`

/** The definition of an analysis, its templates and their providers, as far as they exist. */
const namedBy = (
  { definitions, templates, providers }: Cluster,
  analysis: Analysis,
): Pick<Seen, 'definition' | 'templates' | 'providers'> => {
  if (isFinished(analysis)) return { definition: undefined, templates: [], providers: [] }
  const { analysisDefinition } = analysis.spec
  const home = namespaceOf(analysisDefinition, analysis.metadata.namespace)
  const definition = present(definitions.get(home, analysisDefinition.name))
  if (definition === undefined) return { definition, templates: [], providers: [] }
  const found = allOf(templates, referencesOf(definition), home)
  const named = found.map(({ spec }) => spec.provider)
  return { definition, templates: found, providers: allOf(providers, named, home) }
}

const present = <T extends { readonly metadata: { readonly deletionTimestamp?: string } }>(
  object: T | undefined,
): T | undefined => (object?.metadata.deletionTimestamp === undefined ? object : undefined)

const allOf = <T extends AnalysisValueTemplate | KeptnMetricsProvider>(
  store: Store<T>,
  references: readonly { readonly name: string; readonly namespace?: string }[],
  home: string | undefined,
): readonly T[] => {
  const keys = new Map(
    references.map((reference) => {
      const { name } = reference
      const namespace = namespaceOf(reference, home)
      return [joinKey(namespace, name), { namespace, name }] as const
    }),
  )
  return [...keys.values()].flatMap(
    ({ namespace, name }) => present(store.get(namespace, name)) ?? [],
  )
}

interface Due {
  readonly need: Need
  readonly ask: Askable
  readonly attempts: number
}

/** What the source has answered; the query is sent off if it was not yet. */
const answerTo = (
  { measurements, measure }: Cluster,
  analysis: Analysis,
  { need, ask: { provider, question }, attempts }: Due,
): Outcome | undefined => {
  const { uid, generation = 0 } = provider.metadata
  const { from, to } = question.range ?? {}
  const key = inquiryOf(keyOf(analysis), need)
  const id = [
    ...[analysis.metadata.uid, uid, generation, need.question, attempts],
    ...[from, to].map((at) => Number(at)),
  ].join(' ')
  const progress = measurements.progress(key)
  if (progress.kind !== 'none' && progress.id === id) {
    return progress.kind === 'done' ? progress.measurement.outcome : undefined
  }
  measurements.ask({
    key,
    id,
    source: uid,
    run: (_at, signal) => measure(provider, question, signal),
  })
  return undefined
}
