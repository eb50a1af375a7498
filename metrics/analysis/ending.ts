/**
 * How an analysis ends, and what it says then. Pure.
 *
 * - With all numbers it is *Completed*, with a verdict. Of a backtest each window has its verdict, and the whole has none.
 * - Without one of them it is *Failed*: there is no verdict, and never a pass.
 *
 * @module
 */
import type { Analysis, AnalysisDefinition, Condition, StatusOf, Verdict } from '../../api/index.ts'
import { firstOf, wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Decision, type Transition } from '../../kube/decision.ts'
import { factOf, unstalled, withReady } from '../telling.ts'
import type { Blocked } from './blocked.ts'
import { grade, lostKeys, shownPercentage, type Grades } from './grade.ts'
import { foundFor, type Need } from './need.ts'
import { rawOf } from './raw.ts'
import { nameOf } from './reference.ts'
import { isBacktest } from './span.ts'
import { knownOf } from './stored.ts'

type Status = StatusOf<Analysis>

/** An analysis, and the instant at which it ends. */
interface Moment {
  readonly analysis: Analysis
  readonly now: Date
}

/** The end of an analysis all of whose numbers are known or lost. */
export const finish = (
  moment: Moment,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  if (isBacktest(moment.analysis)) return endBacktest(moment, definition, needs)
  if (needs.some(({ state }) => state.kind === 'lost')) return giveUp(moment, definition, needs)
  const grades = grade(definition, foundFor(definition, needs))
  const { verdict } = grades
  return end(moment, {
    state: 'Completed',
    values: {
      ...(verdict === 'pass' ? { pass: true } : {}),
      ...(verdict === 'warning' ? { warning: true } : {}),
      raw: rawOf(grades),
    },
    condition: {
      status: 'True',
      reason: verdictReasons[verdict],
      message: sentenceOf(grades, definition),
    },
    told: `Analysis${verdictReasons[verdict]}`,
    severity: verdict === 'pass' ? 'Normal' : 'Warning',
  })
}

const verdictReasons: Readonly<Record<Verdict, string>> = {
  pass: 'Passed',
  warning: 'Warned',
  fail: 'NotPassed',
  unknown: 'NotPassed',
}

const sentenceOf = (grades: Grades, { spec }: AnalysisDefinition): string => {
  const { totalScore, maximumScore } = grades
  const { passPercentage, warningPercentage } = spec.totalScore
  const keys = lostKeys(grades.objectives).map(
    ({ objective }) => `"${nameOf(objective.analysisValueTemplateRef)}"`,
  )
  const nothing = grades.objectives.length === 0 ? 'there are no objectives' : 'every weight is 0'
  return [
    `${totalScore} of ${maximumScore} earned, ${shownPercentage(grades)} %: ${passPercentage} % is a pass, ${warningPercentage} % a warning`,
    ...(maximumScore === 0 ? [`and nothing can be earned: ${nothing}`] : []),
    ...(keys.length === 0 ? [] : [`but key objectives earned nothing: ${firstOf(keys, ', ')}`]),
  ].join(', ')
}

const endBacktest = (
  moment: Moment,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  const values = knownOf(moment.analysis, definition, needs, true)
  const message = `Windows: ${values.windowSummary ?? 'none'}`
  return end(moment, {
    state: 'Completed',
    values,
    condition: { status: 'True', reason: 'BacktestCompleted', message },
    told: 'BacktestCompleted',
    severity: 'Normal',
  })
}

/** The end without a verdict. It says which numbers are missing and why, and keeps those that are known. */
export const giveUp = (
  moment: Moment,
  definition: AnalysisDefinition,
  needs: readonly Need[],
  reason: Blocked['reason'] | 'NoValue' = 'NoValue',
): Decision<Status> => {
  const { analysis } = moment
  const grades = grade(definition, foundFor(definition, needs))
  return end(moment, {
    state: 'Failed',
    values: {
      ...knownOf(analysis, definition, needs, true),
      ...(isBacktest(analysis) ? {} : { raw: rawOf(grades) }),
    },
    ...withoutVerdict(reason, lossesOf(needs)),
  })
}

/** The end of an analysis of which nothing could be asked, because nobody changed what had to be. */
export const giveUpUnasked = (
  moment: Moment,
  { reason, message }: Pick<Blocked, 'reason' | 'message'>,
): Decision<Status> => end(moment, { state: 'Failed', ...withoutVerdict(reason, message) })

type Ended = Pick<Ending, 'condition' | 'told' | 'severity'>

const withoutVerdict = (reason: string, why: string): Ended => ({
  condition: {
    status: 'False',
    reason,
    // An ended analysis stays as it is.
    message: `${why}. Create another Analysis once that is mended`,
  },
  told: 'AnalysisFailed',
  severity: 'Warning',
})

/** As many as a person reads; all of them are among the values. */
const mostLosses = 3

/** The templates without a value, each with the reason. */
const lossesOf = (needs: readonly Need[]): string => {
  const losses = new Map(
    needs.flatMap(({ name, state }) => ('message' in state ? [[name, state.message]] : [])),
  )
  const named = [...losses].map(([name, message]) => `"${name}": ${message}`)
  const all = new Set(needs.map(({ name }) => name))
  return `There is no value for ${losses.size} of ${all.size} templates. ${firstOf(named, '; ', mostLosses)}`
}

/** What there is to say at the end. */
interface Ending {
  readonly state: 'Completed' | 'Failed'
  readonly values?: Partial<Status>
  readonly condition: Pick<Condition, 'status' | 'reason' | 'message'>
  /** The reason of the event. */
  readonly told: string
  readonly severity: Transition['severity']
}

const end = ({ analysis, now }: Moment, ending: Ending): Decision<Status> => {
  const { timeframe, startTime } = analysis.status ?? {}
  const { state, values, condition, told: reason, severity } = ending
  return {
    ...settled,
    status: {
      ...(timeframe === undefined ? {} : { timeframe }),
      ...(startTime === undefined ? {} : { startTime }),
      state,
      ...values,
      endTime: wholeSeconds(now),
      conditions: withReady(analysis, unstalled(analysis), condition, now),
    },
    transitions: [factOf(analysis, { reason, message: condition.message, severity }, now)],
  }
}
