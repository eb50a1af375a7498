/**
 * A number that an analysis needs, and how it stands with it. Pure.
 *
 * - *Due*: it is to be asked for. So it is at first, when its next try has come, and when the question has become another one.
 * - *Known*: a source has answered. It is not asked for again.
 * - *Waiting*: a source was asked in vain, and is asked again later: after 10 seconds, and then after twice as long each
 *   time, at most 5 minutes.
 * - *Lost*: it could not be had in all tries. Of a backtest also when a source has no data: what it says of the past it will
 *   say again.
 * - *Blocked*: a person has to change something first. It is due as soon as that is done, also when it was known before.
 *
 * Known and lost are ends, unless the question becomes another one. All that is remembered of a number is in the status of its
 * analysis, beside the question that it answers: `Stored`.
 *
 * @module
 */
import type { Analysis, AnalysisDefinition, TemplateReference } from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { explain, type Outcome } from '../outcome.ts'
import type { Blocked } from './blocked.ts'
import type { Found } from './grade.ts'
import type { Askable } from './question.ts'
import { nameOf } from './reference.ts'
import { isBacktest } from './span.ts'

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
  /** Stands for the query, its span of time and whom it is asked of; empty while there is none. */
  readonly question: string
  readonly state: State
}

/** How it stands with a number. */
export type State =
  | { readonly kind: 'due'; readonly ask: Askable; readonly attempts: number }
  | { readonly kind: 'known'; readonly value: string }
  | (Tried & { readonly kind: 'waiting'; readonly until: Date })
  | (Tried & { readonly kind: 'lost' })
  | Blocked

/** What came of asking in vain. */
interface Tried {
  readonly attempts: number
  readonly lastAttemptTime: string
  readonly message: string
}

/** What the status says of a number. */
export interface Stored {
  readonly value?: string | undefined
  readonly tried?: Tried
  /** Whether it is not asked for again. */
  readonly isFinal?: boolean
}

/** Why there is no value, and how often it was asked for. */
export const troubleOf = (
  state: State,
): {
  readonly message?: string
  readonly tries: Partial<Pick<Tried, 'attempts' | 'lastAttemptTime'>>
} => {
  if (isBlocked(state)) return { message: state.message, tries: {} }
  if (state.kind !== 'waiting' && state.kind !== 'lost') return { tries: {} }
  const { attempts, lastAttemptTime, message } = state
  return { message, tries: { attempts, lastAttemptTime } }
}

/** What was found for each objective of a definition, in their order: `needs` are of one span of time. */
export const foundFor = (
  { spec }: AnalysisDefinition,
  needs: readonly Need[],
): readonly Found[] => {
  const byName = new Map(needs.map((need) => [need.name, need]))
  return (spec.objectives ?? []).map(({ analysisValueTemplateRef: reference }) => {
    const { query = '', state } = byName.get(nameOf(reference)) ?? {}
    return { query, value: state?.kind === 'known' ? state.value : undefined }
  })
}

/** Whether nothing will be asked any more. */
export const isOver = ({ state }: Need): boolean => state.kind === 'known' || state.kind === 'lost'

/** Whether a person has to change something first. */
export const isBlocked = (state: State): state is Blocked => state.kind === 'blocked'

/** An analysis at an instant. */
interface Moment {
  readonly analysis: Analysis
  readonly now: Date
}

/** How it stands with a number, by what is stored of it, and by what a source has answered since. */
export const stateOf = (
  moment: Moment,
  ask: Askable,
  { stored, answer }: { readonly stored: Stored; readonly answer: Outcome | undefined },
): State => {
  const state = storedState(moment, ask, stored)
  return state.kind === 'due' && answer !== undefined
    ? afterAnswer(moment, answer, state.attempts)
    : state
}

const storedState = (
  { analysis, now }: Moment,
  ask: Askable,
  { value, tried, isFinal }: Stored,
): State => {
  if (value !== undefined) return { kind: 'known', value }
  if (tried === undefined) return { kind: 'due', ask, attempts: 0 }
  const next = isFinal === true ? lost(tried) : afterTry(analysis, tried)
  const isNow = next.kind === 'waiting' && next.until <= now
  return isNow ? { kind: 'due', ask, attempts: tried.attempts } : next
}

const afterAnswer = ({ analysis, now }: Moment, answer: Outcome, attempts: number): State => {
  if (answer.kind === 'value') return { kind: 'known', value: answer.value }
  const tried = {
    attempts: attempts + 1,
    lastAttemptTime: wholeSeconds(now),
    message: explain(answer).message,
  }
  const isFinal = isBacktest(analysis) && answer.kind !== 'error'
  return isFinal ? lost(tried) : afterTry(analysis, tried)
}

const lost = (tried: Tried): State => ({ kind: 'lost', ...tried })

const afterTry = ({ spec }: Analysis, tried: Tried): State => {
  if (tried.attempts > spec.retries) return lost(tried)
  const until = new Date(Date.parse(tried.lastAttemptTime) + waitMs(tried.attempts))
  return { kind: 'waiting', ...tried, until }
}

const firstWaitMs = 10_000
const longestWaitMs = 5 * 60_000

const waitMs = (attempts: number): number =>
  Math.min(firstWaitMs * 2 ** (attempts - 1), longestWaitMs)

/** How long a person has for changing what keeps an analysis from asking: a little longer than tries may take. */
export const patienceMs = ({ spec }: Analysis): number =>
  Array.from({ length: spec.retries + 1 }, (_, at) => waitMs(at + 1)).reduce((a, b) => a + b, 0)
