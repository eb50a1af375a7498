/**
 * What is asked for an objective over a span of time, or what keeps it from being asked. Pure.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type {
  AnalysisDefinition,
  AnalysisValueTemplate,
  KeptnMetricsProvider,
  TemplateReference,
} from '../../api/index.ts'
import { typeProblem } from '../provider.ts'
import type { Question } from '../source.ts'
import { tlsRefusal } from '../tls.ts'
import {
  argumentsMissing,
  blocked,
  providerMissing,
  providerNotGranted,
  templateMissing,
  templateUnreadable,
  type Blocked,
} from './blocked.ts'
import type { Find } from './reference.ts'
import type { Span } from './span.ts'
import { fill } from './template.ts'

/** Something that can be asked. */
export interface Askable {
  readonly kind: 'askable'
  readonly provider: KeptnMetricsProvider
  readonly question: Question
}

/** Where questions come from: a definition, and what it leads to. */
export interface Origin {
  readonly definition: AnalysisDefinition
  readonly templates: Find<AnalysisValueTemplate>
  readonly providers: Find<KeptnMetricsProvider>
  readonly isBacktest: boolean
  /** Our own namespace: whoever writes there is an administrator. Missing: nobody is taken for one. */
  readonly ourNamespace?: string | undefined
  /** Whether providers may take any certificate. Missing: they may not. */
  readonly allowsInsecureTls?: boolean | undefined
}

/** What is asked for a template over a span of time, or what keeps it from being asked. */
export const askableOf = (
  origin: Origin,
  reference: TemplateReference,
  span: Span,
): Askable | Blocked => {
  const { definition, templates, providers, isBacktest } = origin
  const template = templates(reference)
  if (template === undefined) return templateMissing(definition, reference)
  const filled = fill(template.spec.query, span.args)
  if (filled.kind === 'missing') return argumentsMissing(template, filled.names, isBacktest)
  if (filled.kind === 'unreadable') return templateUnreadable(template, filled.place)
  const provider = providers(template.spec.provider)
  if (provider === undefined) return providerMissing(template, definition.metadata.namespace)
  const problem = problemOf(template, provider, origin)
  if (problem !== undefined) return problem
  return { kind: 'askable', provider, question: questionOf(filled.query, provider, span) }
}

const problemOf = (
  template: AnalysisValueTemplate,
  provider: KeptnMetricsProvider,
  { ourNamespace, allowsInsecureTls }: Origin,
): Blocked | undefined => {
  if (!isGranted(template, provider, ourNamespace)) return providerNotGranted(template, provider)
  const unsupported = typeProblem(provider)
  if (unsupported !== undefined) return blocked('ProviderUnsupported', unsupported)
  const refusal = tlsRefusal(provider, allowsInsecureTls)
  return refusal === undefined ? undefined : blocked('InsecureTlsNotAllowed', refusal)
}

/**
 * Whether a template may have its query asked with the Secret of a provider. One that it names in another namespace has to
 * grant it; where it names no namespace, the provider is of those who have chosen the template. Templates of our own namespace
 * need no grant: whoever writes them may read every Secret anyway.
 */
const isGranted = (
  template: AnalysisValueTemplate,
  { metadata, spec }: KeptnMetricsProvider,
  ourNamespace: string | undefined,
): boolean => {
  const { namespace: named = '' } = template.spec.provider
  const { namespace: asking = '' } = template.metadata
  const { grantedNamespaces: granted = [] } = spec
  return (
    named === '' ||
    asking === metadata.namespace ||
    asking === ourNamespace ||
    granted.includes('*') ||
    granted.includes(asking)
  )
}

/** More samples than this Prometheus does not answer with. */
const mostSamples = 11_000
const stepMs = 60_000

const questionOf = (
  query: string,
  { spec: { type = '' } }: KeptnMetricsProvider,
  { from, to, args }: Span,
): Question => {
  // The first sample counts, so the step tells how far from the beginning it may be; Keptn asked Prometheus for minutes.
  const step = Math.max(stepMs, Math.ceil((to.getTime() - from.getTime()) / mostSamples))
  const isPrometheus = ['prometheus', 'thanos', 'cortex'].includes(type.toLowerCase())
  const { metricPath } = args
  return {
    query,
    at: to,
    range: { from, to, ...(isPrometheus ? { stepMs: step } : {}) },
    ...(metricPath === undefined ? {} : { path: metricPath }),
  }
}

/**
 * Tells questions apart, by ten letters that stand for one: for its words, its span of time, and whom it is asked of. The same
 * words to another provider, to another address or with other credentials are another question, since another source, or
 * another account there, answers. Who else may ask is no part of it.
 */
export const fingerprints = (): ((asked: Askable) => string) => {
  // The spec of a provider may be long, and hundreds of questions may be for it.
  const marks = new Map<KeptnMetricsProvider, string>()
  return ({ provider, question: { query, path = '', range } }) => {
    const mark = marks.get(provider) ?? lettersFor(askedOf(provider))
    marks.set(provider, mark)
    return lettersFor([mark, query, path, range?.from, range?.to])
  }
}

const askedOf = ({ metadata, spec }: KeptnMetricsProvider): readonly unknown[] => {
  const fields = Object.entries(spec).filter(([field]) => field !== 'grantedNamespaces')
  return [metadata.namespace ?? '', metadata.name, Object.fromEntries(fields)]
}

const lettersFor = (value: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10)
