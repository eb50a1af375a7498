/**
 * How far an analysis is, as far as that follows from what is stored, and which numbers it needs. Pure.
 *
 * A number is needed for each AnalysisValueTemplate that the definition names, over each span of time.
 *
 * @module
 */
import type {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnMetricsProvider,
  TemplateReference,
} from '../../api/index.ts'
import type { Outcome } from '../outcome.ts'
import { definitionMissing, definitionProblem, type Blocked } from './blocked.ts'
import { stateOf, type Need } from './need.ts'
import { askableOf, fingerprints, type Askable } from './question.ts'
import { byReference, nameOf, referencesOf } from './reference.ts'
import { sizeProblem } from './size.ts'
import { endOf, isBacktest, spansOf, type Span } from './span.ts'
import { storedOf } from './stored.ts'

/** Everything that a decision about an Analysis needs. */
export interface Seen {
  readonly now: Date
  /** Our own namespace: whoever writes there is an administrator. Missing: nobody is taken for one. */
  readonly ourNamespace?: string
  /** Whether providers may take any certificate. Missing: they may not. */
  readonly allowsInsecureTls?: boolean
  readonly analysis: Analysis
  readonly definition: AnalysisDefinition | undefined
  /** Those that the definition names, as far as they exist. */
  readonly templates: readonly AnalysisValueTemplate[]
  /** Those that the templates name, as far as they exist. */
  readonly providers: readonly KeptnMetricsProvider[]
  /** What sources have answered and the status does not say yet, by the id of the need. */
  readonly answers: Readonly<Record<string, Outcome>>
}

/** How far an analysis is. */
export type Stage =
  | { readonly kind: 'finished' }
  /** Its span of time is not decided. */
  | { readonly kind: 'new' }
  /** Its span of time is not over. */
  | { readonly kind: 'early'; readonly end: Date }
  /** Nothing can be asked, for none of its numbers. */
  | { readonly kind: 'blocked'; readonly problem: Blocked }
  | {
      readonly kind: 'open'
      readonly definition: AnalysisDefinition
      readonly needs: readonly Need[]
    }

/** Tells how far an analysis is. */
export const stageOf = (seen: Seen): Stage => {
  const { analysis, now, definition } = seen
  if (isFinished(analysis)) return { kind: 'finished' }
  const spans = spansOf(analysis)
  if (spans === undefined || analysis.status?.startTime === undefined) return { kind: 'new' }
  const end = endOf(spans)
  if (end > now) return { kind: 'early', end }
  if (definition === undefined) return { kind: 'blocked', problem: definitionMissing(analysis) }
  const invalid = definitionProblem(definition)
  if (invalid !== undefined) return { kind: 'blocked', problem: invalid }
  const needs = needsOf(seen, definition, spans)
  const problem = sizeProblem(analysis, definition, needs)
  return problem === undefined ? { kind: 'open', definition, needs } : { kind: 'blocked', problem }
}

/** Whether an analysis has come to its end. */
export const isFinished = ({ status }: Analysis): boolean =>
  status?.state === 'Completed' || status?.state === 'Failed'

/** The numbers that an analysis needs now; none while its span of time is not decided, or not over. */
export const neededNow = (seen: Seen): readonly Need[] => {
  const stage = stageOf(seen)
  return stage.kind === 'open' ? stage.needs : []
}

/** All that is needed, each once. */
const needsOf = (
  seen: Seen,
  definition: AnalysisDefinition,
  spans: readonly Span[],
): readonly Need[] => {
  const { analysis, templates, providers } = seen
  const home = definition.metadata.namespace
  const origin = {
    definition,
    templates: byReference(templates, home),
    providers: byReference(providers, home),
    isBacktest: isBacktest(analysis),
    ourNamespace: seen.ourNamespace,
    allowsInsecureTls: seen.allowsInsecureTls,
  }
  const questionOf = fingerprints()
  const findStored = storedOf(analysis, definition)
  const needOf = (reference: TemplateReference, span: number, found: Askable | Blocked): Need => {
    const name = nameOf(reference)
    const id = `${span}/${name}`
    if (found.kind === 'blocked') {
      return { id, reference, name, span, query: '', question: '', state: found }
    }
    const asked = { name, span, query: found.question.query, question: questionOf(found) }
    const stored = findStored(asked)
    const state = stateOf(seen, found, { stored, answer: seen.answers[id] })
    return { id, reference, ...asked, state }
  }
  const references = referencesOf(definition)
  return spans.flatMap((span, at) =>
    references.map((reference) => needOf(reference, at, askableOf(origin, reference, span))),
  )
}
