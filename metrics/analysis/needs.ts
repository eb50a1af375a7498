/**
 * Which numbers an analysis needs, and how it stands with each. Pure.
 *
 * A number is needed for each AnalysisValueTemplate that the definition names, over each span of time. It is *known*, *due*,
 * *waiting* for its next try, *lost* after its last one, or *blocked* until a person changes something. What is known or was
 * tried stands in the status of the analysis, beside the query that it answers: after a change of the query it is due anew.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import type {
  Analysis,
  AnalysisDefinition,
  AnalysisValueTemplate,
  Cell,
  KeptnMetricsProvider,
  StoredValue,
  TemplateReference,
} from '../../api/index.ts'
import { explain, type Outcome } from '../outcome.ts'
import { findSource, sourceTypes } from '../sources/index.ts'
import type { Question } from '../source.ts'
import { tlsRefusal } from '../tls.ts'
import { parseDecimal } from './quantity.ts'
import { fill } from './template.ts'

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

/** A span of time, with the arguments that hold for it. */
export interface Span {
  readonly from: Date
  readonly to: Date
  readonly args: Readonly<Record<string, string>>
}

/** Nothing can be asked until a person changes something. */
export interface Blocked {
  readonly kind: 'blocked'
  readonly reason:
    | 'ArgumentMissing'
    | 'DefinitionInvalid'
    | 'DefinitionNotFound'
    | 'InsecureTlsNotAllowed'
    | 'ProviderNotFound'
    | 'ProviderNotGranted'
    | 'ProviderUnsupported'
    | 'TemplateNotFound'
    | 'TemplateUnreadable'
    | 'TooLarge'
  readonly message: string
}

/** Something that can be asked. */
export interface Askable {
  readonly kind: 'askable'
  readonly provider: KeptnMetricsProvider
  readonly question: Question
}

/** How it stands with a number. */
export type State =
  | { readonly kind: 'known'; readonly value: string }
  | { readonly kind: 'due'; readonly ask: Askable; readonly attempts: number }
  | (Tried & { readonly kind: 'waiting'; readonly until: Date })
  | (Tried & { readonly kind: 'lost' })
  | Blocked

/** What came of asking in vain. */
export interface Tried {
  readonly attempts: number
  readonly lastAttemptTime: string
  readonly message: string
}

/** A number that is needed. */
export interface Need {
  /** Unlike that of any other need of the analysis. */
  readonly id: string
  readonly reference: TemplateReference
  /** How people call the objective. */
  readonly name: string
  /** Position of its span of time. */
  readonly span: number
  /** The query with its arguments; empty while there is none. */
  readonly query: string
  /** Stands for the query, and for whom it is asked. */
  readonly question: string
  readonly state: State
}

/** What the status says of a need. */
interface Stored {
  readonly question: string
  readonly value?: string | undefined
  readonly tried?: Tried
  /** Whether it is not asked for again. */
  readonly isFinal?: boolean
}

/** The spans of time of an analysis; `undefined` while it has not been decided which. */
export const spansOf = ({ spec, status }: Analysis): readonly Span[] | undefined => {
  const { args = {}, windows } = spec
  if (windows !== undefined) {
    return windows.map((window) => spanOf(window, { ...args, ...window.args }))
  }
  const { from, to } = status?.timeframe ?? {}
  return from === undefined || to === undefined ? undefined : [spanOf({ from, to }, args)]
}

const spanOf = (
  { from, to }: { readonly from: string; readonly to: string },
  args: Span['args'],
): Span => ({ from: new Date(from), to: new Date(to), args })

/** Whether an analysis tries a definition on the past. */
export const isBacktest = ({ spec }: Analysis): boolean => spec.windows !== undefined

/** How people call a template: with its namespace where the definition names that. */
export const nameOf = ({ name, namespace = '' }: TemplateReference): string =>
  namespace === '' ? name : `${namespace}/${name}`

/** The templates that a definition names, each once, in the order of its objectives. */
export const referencesOf = ({ spec }: AnalysisDefinition): readonly TemplateReference[] => [
  ...new Map(
    (spec.objectives ?? []).map(({ analysisValueTemplateRef: reference }) => [
      nameOf(reference),
      reference,
    ]),
  ).values(),
]

/** Under which key each value is stored, by the name of its template: Keptn's, unless two templates would share it. */
export const storageKeys = (
  references: readonly TemplateReference[],
): ReadonlyMap<string, string> => {
  const uses = new Map<string, number>()
  for (const key of references.map(keptnKey)) uses.set(key, (uses.get(key) ?? 0) + 1)
  return new Map(
    references.map((reference) => {
      const [name, key] = [nameOf(reference), keptnKey(reference)]
      return [name, (uses.get(key) ?? 0) > 1 ? name : key]
    }),
  )
}

const keptnKey = ({ name, namespace = '' }: TemplateReference): string =>
  namespace === '' ? name : `${name}-${namespace}`

/** All that is needed, each once. */
export const needsOf = (
  seen: Seen,
  definition: AnalysisDefinition,
  spans: readonly Span[],
): readonly Need[] => {
  const references = referencesOf(definition)
  const storedFor = storedOf(seen.analysis, references)
  const home = definition.metadata.namespace
  const templates = byPlace(seen.templates, home)
  const providers = byPlace(seen.providers, home)
  return spans.flatMap((span, at) =>
    references.map((reference) => {
      const found = askableOf({ seen, definition, templates, providers, reference, span })
      const question = fingerprint(found)
      const id = `${at}/${nameOf(reference)}`
      const stored = storedFor(at, reference, found)
      const before = stored?.question === question ? stored : undefined
      const state = stateOf(seen, found, { before, answer: seen.answers[id] })
      const query = found.kind === 'askable' ? found.question.query : ''
      return { id, reference, name: nameOf(reference), span: at, query, question, state }
    }),
  )
}

/** Ten letters that stand for a query, its span of time and its provider. */
const fingerprint = (found: Askable | Blocked): string => {
  if (found.kind === 'blocked') return ''
  const { namespace = '', name } = found.provider.metadata
  const { query, path = '', range } = found.question
  const text = JSON.stringify([namespace, name, query, path, range?.from, range?.to])
  return createHash('sha256').update(text).digest('hex').slice(0, 10)
}

type FindStored = (
  span: number,
  reference: TemplateReference,
  found: Askable | Blocked,
) => Stored | undefined

/** Where the status says what is known: in the rows of a backtest, else among the stored values. */
const storedOf = (analysis: Analysis, references: readonly TemplateReference[]): FindStored => {
  const { windows = [], storedValues = {} } = analysis.status ?? {}
  if (isBacktest(analysis)) {
    const rows = windows.map(
      ({ objectives }) => new Map(objectives.map((cell) => [cell.name, cell])),
    )
    return (span, reference) => fromCell(rows[span]?.get(nameOf(reference)))
  }
  const keys = storageKeys(references)
  return (_span, reference, found) => {
    const stored = storedValues[keys.get(nameOf(reference)) ?? '']
    return stored !== undefined && nameOf(stored.objectiveReference) === nameOf(reference)
      ? fromStoredValue(stored, found)
      : undefined
  }
}

const fromCell = (cell: Cell | undefined): Stored | undefined => {
  if (cell === undefined) return undefined
  const { question = '', value, verdict, message } = cell
  return { question, value, isFinal: verdict === 'unknown', ...triedOf(cell, message) }
}

/** Keptn stored the words of the query, and texts that are no numbers. */
const fromStoredValue = (stored: StoredValue, found: Askable | Blocked): Stored => {
  const { query, value, errMsg = '' } = stored
  const isSame = found.kind === 'askable' && query === found.question.query
  // What no double holds can't be written into `raw`.
  const isNumber = parseDecimal(value) !== undefined && Number.isFinite(Number(value))
  const isValue = errMsg === '' && isNumber
  return {
    question: isSame ? fingerprint(found) : '',
    ...(isValue ? { value } : {}),
    ...triedOf(stored, errMsg),
  }
}

const triedOf = (
  from: { readonly attempts?: number; readonly lastAttemptTime?: string },
  message = '',
): Pick<Stored, 'tried'> => {
  const { attempts, lastAttemptTime } = from
  if (attempts === undefined || lastAttemptTime === undefined) return {}
  return { tried: { attempts, lastAttemptTime, message } }
}

/** How it stands with a number, by what is stored and what a source has answered since. */
const stateOf = (
  seen: Seen,
  found: Askable | Blocked,
  { before, answer }: { readonly before: Stored | undefined; readonly answer: Outcome | undefined },
): State => {
  const state = found.kind === 'blocked' ? found : storedState(seen, found, before)
  return state.kind === 'due' && answer !== undefined
    ? afterAnswer(seen, answer, state.attempts)
    : state
}

const storedState = (seen: Seen, ask: Askable, before: Stored = { question: '' }): State => {
  const { value, tried, isFinal } = before
  if (value !== undefined) return { kind: 'known', value }
  if (tried === undefined) return { kind: 'due', ask, attempts: 0 }
  const next = isFinal === true ? lost(tried) : afterTry(seen.analysis, tried)
  const isOver = next.kind === 'waiting' && next.until <= seen.now
  return isOver ? { kind: 'due', ask, attempts: tried.attempts } : next
}

const lost = (tried: Tried): State => ({ kind: 'lost', ...tried })

const afterAnswer = ({ analysis, now }: Seen, answer: Outcome, attempts: number): State => {
  if (answer.kind === 'value') return { kind: 'known', value: answer.value }
  const tried = {
    attempts: attempts + 1,
    lastAttemptTime: rfc3339(now),
    message: explain(answer).message,
  }
  // What a source says of the past it will say again.
  const isFinal = isBacktest(analysis) && answer.kind !== 'error'
  return isFinal ? lost(tried) : afterTry(analysis, tried)
}

const afterTry = ({ spec }: Analysis, tried: Tried): State =>
  tried.attempts > spec.retries
    ? lost(tried)
    : {
        kind: 'waiting',
        ...tried,
        until: new Date(Date.parse(tried.lastAttemptTime) + waitMs(tried.attempts)),
      }

const firstWaitMs = 10_000
const longestWaitMs = 5 * 60_000

/** How long to wait after so many tries in vain. */
export const waitMs = (attempts: number): number =>
  Math.min(firstWaitMs * 2 ** (attempts - 1), longestWaitMs)

/** How long a person has for changing what keeps an analysis from asking: a little longer than tries may take. */
export const patienceMs = ({ spec }: Analysis): number =>
  Array.from({ length: spec.retries + 1 }, (_, at) => waitMs(at + 1)).reduce((a, b) => a + b, 0)

/** An instant as Kubernetes writes it: in whole seconds. */
export const rfc3339 = (instant: Date): string => instant.toISOString().replace(/\.\d+Z$/, 'Z')

type Find<T> = (reference: TemplateReference) => T | undefined

/** Finds objects as a definition of this namespace names them. */
const byPlace = <T extends AnalysisValueTemplate | KeptnMetricsProvider>(
  objects: readonly T[],
  home = '',
): Find<T> => {
  const found = new Map(
    objects.map((object) => [`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]),
  )
  return ({ name, namespace = '' }) => found.get(`${namespace === '' ? home : namespace}/${name}`)
}

interface Asked {
  readonly seen: Seen
  readonly definition: AnalysisDefinition
  readonly templates: Find<AnalysisValueTemplate>
  readonly providers: Find<KeptnMetricsProvider>
  readonly reference: TemplateReference
  readonly span: Span
}

/** What is asked for an objective over a span of time, or what keeps it from being asked. */
const askableOf = (asked: Asked): Askable | Blocked => {
  const { seen, definition, templates, providers, reference, span } = asked
  const template = templates(reference)
  if (template === undefined) return templateMissing(asked)
  const filled = fill(template.spec.query, span.args)
  const { name } = template.metadata
  if (filled.kind === 'missing') {
    return argumentMissing(name, filled.names, isBacktest(seen.analysis))
  }
  if (filled.kind === 'unreadable') return templateUnreadable(name, filled.place)
  const provider = providers(template.spec.provider)
  if (provider === undefined) return providerMissing(template, definition.metadata.namespace)
  if (!isGranted(template, provider, seen.ourNamespace))
    return providerNotGranted(template, provider)
  if (findSource(provider.spec.type ?? '') === undefined) return providerUnsupported(provider)
  const refusal = tlsRefusal(provider, seen.allowsInsecureTls)
  if (refusal !== undefined) return blocked('InsecureTlsNotAllowed', refusal)
  return { kind: 'askable', provider, question: questionOf(filled.query, provider, span) }
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

/** Something that a person has to change. */
export const blocked = (reason: Blocked['reason'], message: string): Blocked => ({
  kind: 'blocked',
  reason,
  message,
})

const mostNamed = 20

/** The first of many names: a condition has place for some. */
export const firstOf = (names: readonly string[]): string => {
  const rest = names.length - mostNamed
  const first = names.slice(0, mostNamed).map((name) => `"${name}"`)
  return [...first, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')
}

const templateMissing = ({ definition, reference }: Asked): Blocked => {
  const { name, namespace = definition.metadata.namespace ?? '' } = reference
  return blocked(
    'TemplateNotFound',
    `Create the AnalysisValueTemplate "${name}" in namespace "${namespace}", or name another one in the objectives of AnalysisDefinition "${definition.metadata.name}"`,
  )
}

const argumentMissing = (template: string, names: readonly string[], backtest: boolean): Blocked =>
  blocked(
    'ArgumentMissing',
    `Set ${firstOf(names)} in spec.args${backtest ? ', or in the args of each window' : ''}: the query of AnalysisValueTemplate "${template}" has a place for it`,
  )

const templateUnreadable = (template: string, place: string): Blocked =>
  blocked(
    'TemplateUnreadable',
    `Change the query of AnalysisValueTemplate "${template}": "${place}" is neither {{.name}} nor {{index . "name"}}, and no more of Go's templates is read`,
  )

const providerMissing = (
  { metadata, spec }: AnalysisValueTemplate,
  home: string | undefined,
): Blocked => {
  const { name, namespace = home ?? '' } = spec.provider
  return blocked(
    'ProviderNotFound',
    `Create the KeptnMetricsProvider "${name}" in namespace "${namespace}", or name another one in AnalysisValueTemplate "${metadata.name}"`,
  )
}

const providerNotGranted = (
  { metadata: { name, namespace = '' } }: AnalysisValueTemplate,
  { metadata: provider }: KeptnMetricsProvider,
): Blocked =>
  blocked(
    'ProviderNotGranted',
    `Add "${namespace}" to spec.grantedNamespaces of KeptnMetricsProvider "${provider.name}" in namespace "${provider.namespace ?? ''}", or name another one in AnalysisValueTemplate "${name}"`,
  )

const providerUnsupported = ({ metadata, spec }: KeptnMetricsProvider): Blocked =>
  blocked(
    'ProviderUnsupported',
    `Set spec.type of KeptnMetricsProvider "${metadata.name}" to one of ${sourceTypes.join(', ')}: it is "${spec.type ?? ''}"`,
  )
