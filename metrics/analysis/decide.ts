/**
 * What the status of an Analysis says. Pure.
 *
 * - *Pending*: its span of time is decided, once, and stored before anything is asked. A span that is not over yet is waited
 *   for: what is said of a part of it would be said of another span.
 * - *Progressing*: each number that is needed is asked for, and stored once known. One that can't be had is tried again, later
 *   each time. Where a person has to change something first the analysis is `Stalled`, and says what.
 * - *Completed*: all numbers are known, and graded. Of a backtest each window has its verdict, and the whole has none.
 * - *Failed*: a number could not be had, in all tries, or nobody changed what had to be. There is no verdict, and never a pass.
 *
 * Completed and Failed are ends: whatever changes later, an ended analysis says what it said. How far it is follows from what
 * is stored (`stage.ts`); how it stands with each number, likewise (`need.ts`).
 *
 * @module
 */
import {
  Analysis,
  conditionTypes,
  type AnalysisDefinition,
  type Condition,
  type StatusOf,
} from '../../api/index.ts'
import { findCondition, wholeSeconds } from '../../kube/conditions.ts'
import { removal, settled, type Decision } from '../../kube/decision.ts'
import { stalled, unstalled, withReady } from '../telling.ts'
import type { Blocked } from './blocked.ts'
import { finish, giveUp, giveUpUnasked } from './ending.ts'
import { isBlocked, isOver, patienceMs, type Need } from './need.ts'
import { timeframeAt } from './span.ts'
import { stageOf, type Seen } from './stage.ts'
import { knownOf } from './stored.ts'

type Status = StatusOf<Analysis>

/** Tells what to store of an analysis, and when to look again. */
export const decide = (seen: Seen): Decision<Status> => {
  const stage = stageOf(seen)
  switch (stage.kind) {
    case 'finished':
      return afterEnd(seen)
    case 'new':
      return begin(seen)
    case 'early':
      return waitForEnd(seen, stage.end)
    case 'blocked':
      return waitForChange(seen, stage.problem)
    case 'open':
      return goOn(seen, stage.definition, stage.needs)
  }
}

/** An ended analysis goes when its author said so. */
const afterEnd = ({ analysis, now }: Seen): Decision<Status> => {
  const { ttlSecondsAfterFinished: ttl } = analysis.spec
  if (ttl === undefined) return settled
  // Keptn stored no end.
  const ended = analysis.status?.endTime ?? analysis.metadata.creationTimestamp
  const goesAt = new Date(Date.parse(ended) + ttl * 1000)
  return goesAt <= now
    ? { ...settled, actions: [removal(Analysis, analysis)] }
    : { ...settled, wakeAt: goesAt }
}

/** Decides the span of time. Nothing is asked before it is stored: another look would decide another one. */
const begin = ({ analysis, now }: Seen): Decision<Status> => {
  const { status = {}, spec } = analysis
  const timeframe =
    status.timeframe?.from === undefined ? timeframeAt(analysis, now) : status.timeframe
  const message = 'The span of time is decided'
  return {
    ...settled,
    status: {
      ...status,
      ...(spec.windows === undefined ? { timeframe } : {}),
      state: 'Pending',
      startTime: wholeSeconds(now),
      conditions: goingOn(analysis, status.conditions, { reason: 'Pending', message }, now),
    },
  }
}

const waitForEnd = ({ analysis, now }: Seen, end: Date): Decision<Status> => {
  const { status } = analysis
  const message = `The span of time ends at ${wholeSeconds(end)}, and nothing is asked before`
  const conditions = goingOn(analysis, status?.conditions, { reason: 'NotOverYet', message }, now)
  return { ...settled, status: { ...status, conditions }, wakeAt: end }
}

/** Stores what is known, waits for the rest, and ends when there is none. */
const goOn = (
  seen: Seen,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  const { analysis, now } = seen
  if (needs.every(isOver)) return finish(seen, definition, needs)
  const known = { ...knownOf(analysis, definition, needs), state: 'Progressing' } as const
  const waits = needs.flatMap(({ state }) => (state.kind === 'waiting' ? [state.until] : []))
  const problem = needs.map(({ state }) => state).find(isBlocked)
  if (problem !== undefined) {
    const isAlone = needs.every((need) => isOver(need) || isBlocked(need.state))
    if (isAlone && patienceEnds(seen) <= now) {
      return giveUp(seen, definition, needs, problem.reason)
    }
    return stall(seen, problem, { known, waits })
  }
  const count = needs.filter(({ state }) => state.kind === 'known').length
  const message = `${count} of ${needs.length} values are known`
  const words = { reason: 'Progressing', message }
  const conditions = goingOn(analysis, unstalled(analysis), words, now)
  return {
    ...settled,
    status: { ...analysis.status, ...known, conditions },
    mayWait: true,
    wakeAt: earliest(waits),
  }
}

/** The conditions of an analysis that is under way. */
const goingOn = (
  analysis: Analysis,
  conditions: Status['conditions'],
  words: { readonly reason: string; readonly message: string },
  now: Date,
): readonly Condition[] => withReady(analysis, conditions, { status: 'Unknown', ...words }, now)

const earliest = (instants: readonly Date[]): Date | undefined =>
  instants.length === 0 ? undefined : new Date(Math.min(...instants.map(Number)))

/** Nothing at all can be asked: waits for a person, and gives up in time. */
const waitForChange = (seen: Seen, problem: Blocked): Decision<Status> =>
  patienceEnds(seen) <= seen.now
    ? giveUpUnasked(seen, problem)
    : stall(seen, problem, { known: {}, waits: [] })

/** When nobody is waited for any more who might change what keeps the analysis from asking. */
const patienceEnds = ({ analysis, now }: Seen): Date => {
  const before = findCondition(analysis.status?.conditions, conditionTypes.stalled)
  const since = before?.status === 'True' ? Date.parse(before.lastTransitionTime) : Number(now)
  return new Date(since + patienceMs(analysis))
}

const stall = (
  seen: Seen,
  problem: Blocked,
  { known, waits }: { readonly known: Partial<Status>; readonly waits: readonly Date[] },
): Decision<Status> => {
  const { analysis, now } = seen
  const { conditions, transitions } = stalled(analysis, 'Unknown', problem, now)
  return {
    ...settled,
    status: { ...analysis.status, ...known, conditions },
    transitions,
    mayWait: true,
    // Where patience is over, others are still asked for: their end is what is waited for.
    wakeAt: earliest([...waits, patienceEnds(seen)].filter((at) => at > now)),
  }
}
