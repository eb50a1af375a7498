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
 * Completed and Failed are ends: whatever changes later, an ended analysis says what it said.
 *
 * @module
 */
import {
  Analysis,
  conditionTypes,
  type AnalysisDefinition,
  type Condition,
  type StatusOf,
  type TemplateReference,
  type Verdict,
} from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { removal, settled, type Decision, type Transition } from '../../kube/decision.ts'
import { parseDuration } from '../../api/duration.ts'
import { grade, lostKeys, readCriterion, type Grades } from './grade.ts'
import {
  blocked,
  firstOf,
  isBacktest,
  nameOf,
  needsOf,
  patienceMs,
  rfc3339,
  spansOf,
  type Blocked,
  type Need,
  type Seen,
  type Span,
} from './needs.ts'
import { foundFor, isOver, rowOf, storedValuesOf, summaryOf } from './progress.ts'
import { rawOf } from './raw.ts'
import { sizeProblem } from './size.ts'

type Status = StatusOf<Analysis>

/** Whether an analysis has come to its end. */
export const isFinished = ({ status }: Analysis): boolean =>
  status?.state === 'Completed' || status?.state === 'Failed'

/** How far an analysis is, as far as that follows from what is stored. */
type Stage =
  | { readonly kind: 'finished' | 'new' }
  | { readonly kind: 'early'; readonly end: Date }
  | { readonly kind: 'blocked'; readonly problem: Blocked }
  | {
      readonly kind: 'open'
      readonly definition: AnalysisDefinition
      readonly needs: readonly Need[]
    }

const stageOf = (seen: Seen): Stage => {
  const { analysis, now, definition } = seen
  if (isFinished(analysis)) return { kind: 'finished' }
  const spans = spansOf(analysis)
  if (spans === undefined || analysis.status?.startTime === undefined) return { kind: 'new' }
  const over = endOf(spans)
  if (over > now) return { kind: 'early', end: over }
  if (definition === undefined) return { kind: 'blocked', problem: definitionMissing(analysis) }
  const invalid = definitionProblem(definition)
  if (invalid !== undefined) return { kind: 'blocked', problem: invalid }
  const needs = needsOf(seen, definition, spans)
  const size = sizeProblem(analysis, definition, needs)
  return size === undefined
    ? { kind: 'open', definition, needs }
    : { kind: 'blocked', problem: size }
}

/** The numbers that an analysis needs now; none while its span of time is not decided, or not over. */
export const neededNow = (seen: Seen): readonly Need[] => {
  const stage = stageOf(seen)
  return stage.kind === 'open' ? stage.needs : []
}

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
      return block(seen, stage.problem)
    case 'open':
      return goOn(seen, stage.definition, stage.needs)
  }
}

const endOf = (spans: readonly Span[]): Date =>
  new Date(Math.max(0, ...spans.map(({ to }) => to.getTime())))

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
const begin = (seen: Seen): Decision<Status> => {
  const { analysis, now } = seen
  const { status = {}, spec } = analysis
  const timeframe = status.timeframe?.from === undefined ? frozen(analysis, now) : status.timeframe
  return {
    ...settled,
    status: {
      ...status,
      ...(spec.windows === undefined ? { timeframe } : {}),
      state: 'Pending',
      startTime: rfc3339(now),
      conditions: ready(seen, status.conditions, {
        status: 'Unknown',
        reason: 'Pending',
        message: 'The span of time is decided',
      }),
    },
  }
}

const frozen = ({ spec }: Analysis, now: Date): NonNullable<Status['timeframe']> => {
  const { from, to, recent = '' } = spec.timeframe ?? {}
  const recentMs = parseDuration(recent) ?? 0
  if (recentMs <= 0 && from !== undefined && to !== undefined) return { from, to }
  return { from: rfc3339(new Date(now.getTime() - recentMs)), to: rfc3339(now) }
}

const waitForEnd = (seen: Seen, end: Date): Decision<Status> => {
  const { status } = seen.analysis
  return {
    ...settled,
    status: {
      ...status,
      conditions: ready(seen, status?.conditions, {
        status: 'Unknown',
        reason: 'NotOverYet',
        message: `The span of time ends at ${rfc3339(end)}, and nothing is asked before`,
      }),
    },
    wakeAt: end,
  }
}

const definitionMissing = ({ metadata, spec }: Analysis): Blocked => {
  const { name, namespace = metadata.namespace ?? '' } = spec.analysisDefinition
  return {
    kind: 'blocked',
    reason: 'DefinitionNotFound',
    message: `Create the AnalysisDefinition "${name}" in namespace "${namespace}", or name another one in spec.analysisDefinition`,
  }
}

/** What admission refuses in a definition, but an older API server may have stored. */
const definitionProblem = ({ metadata, spec }: AnalysisDefinition): Blocked | undefined => {
  const problem = (reference: TemplateReference, field: string, wanted: string): Blocked =>
    blocked(
      'DefinitionInvalid',
      `Set ${field} of objective "${nameOf(reference)}" in AnalysisDefinition "${metadata.name}" to ${wanted}`,
    )
  for (const { analysisValueTemplateRef: reference, target = {}, weight } of spec.objectives ??
    []) {
    // Keptn stored weights below zero, with which a failure would earn more than a pass.
    if (weight < 0 || weight > mostWeight) {
      return problem(reference, 'weight', `a number from 0 to ${mostWeight}`)
    }
    for (const part of ['failure', 'warning'] as const) {
      const criterion = target[part]
      if (criterion === undefined || readCriterion(criterion) !== undefined) continue
      return problem(
        reference,
        `target.${part}`,
        'one operator with numbers, a lower bound below a higher one',
      )
    }
  }
  return undefined
}

/** As many as an analysis may have of these are still counted to the last one. */
const mostWeight = 1_000_000_000

type Known = Pick<Status, 'storedValues' | 'windows' | 'windowSummary'>

/** What is known, in the places that it has in the status. */
const knownOf = (
  { analysis }: Seen,
  definition: AnalysisDefinition,
  needs: readonly Need[],
  isEnding = false,
): Known => {
  if (!isBacktest(analysis)) return { storedValues: storedValuesOf(definition, needs) }
  const windows = (analysis.spec.windows ?? []).map((_window, at) =>
    rowOf(analysis, definition, { at, isEnding, needs: needs.filter(({ span }) => span === at) }),
  )
  return { windows, windowSummary: summaryOf(windows) }
}

/** Stores what is known, waits for the rest, and ends when there is none. */
const goOn = (
  seen: Seen,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  const { analysis, now } = seen
  if (needs.every(isOver)) return finish(seen, definition, needs)
  const known = knownOf(seen, definition, needs)
  const waits = needs.flatMap(({ state }) => (state.kind === 'waiting' ? [state.until] : []))
  const problem = needs.map(({ state }) => state).find(isBlocked)
  if (problem !== undefined) {
    const isAlone = needs.every((need) => isOver(need) || isBlocked(need.state))
    if (isAlone && patienceEnds(seen) <= now) return giveUp(seen, definition, { needs, problem })
    return stall(seen, problem, { known: { ...known, state: 'Progressing' }, waits })
  }
  const { status } = analysis
  const count = needs.filter(({ state }) => state.kind === 'known').length
  return {
    ...settled,
    status: {
      ...status,
      ...known,
      state: 'Progressing',
      conditions: ready(seen, others(status), {
        status: 'Unknown',
        reason: 'Progressing',
        message: `${count} of ${needs.length} values are known`,
      }),
    },
    mayWait: true,
    wakeAt: earliest(waits),
  }
}

const isBlocked = (state: Need['state']): state is Blocked => state.kind === 'blocked'

const earliest = (instants: readonly Date[]): Date | undefined =>
  instants.length === 0 ? undefined : new Date(Math.min(...instants.map(Number)))

/** When nobody is waited for any more who might change what keeps the analysis from asking. */
const patienceEnds = ({ analysis, now }: Seen): Date => {
  const stalled = findCondition(analysis.status?.conditions, conditionTypes.stalled)
  const since = stalled?.status === 'True' ? Date.parse(stalled.lastTransitionTime) : Number(now)
  return new Date(since + patienceMs(analysis))
}

/** Nothing at all can be asked: waits for a person, and gives up in time. */
const block = (seen: Seen, problem: Blocked): Decision<Status> =>
  patienceEnds(seen) <= seen.now
    ? end(seen, {
        state: 'Failed',
        ...withoutVerdict(problem.reason, `${problem.message}. ${again}`),
      })
    : stall(seen, problem, { known: {}, waits: [] })

const stall = (
  seen: Seen,
  { reason, message }: Blocked,
  { known, waits }: { readonly known: Partial<Status>; readonly waits: readonly Date[] },
): Decision<Status> => {
  const { analysis, now } = seen
  const { status } = analysis
  const type = conditionTypes.stalled
  const before = findCondition(status?.conditions, type)
  const conditions = withCondition(
    ready(seen, status?.conditions, { status: 'Unknown', reason, message }),
    { type, status: 'True', reason, message, ...generationOf(analysis) },
    now,
  )
  const isKnown =
    before?.status === 'True' && before.reason === reason && before.message === message
  return {
    ...settled,
    status: { ...status, ...known, conditions },
    transitions: isKnown ? [] : [told(seen, { reason, message, severity: 'Warning' })],
    mayWait: true,
    // Where patience is over, others are still asked for: their end is what is waited for.
    wakeAt: earliest([...waits, patienceEnds(seen)].filter((at) => at > now)),
  }
}

/** How an analysis ends. */
interface Ending {
  readonly state: 'Completed' | 'Failed'
  readonly values?: Partial<Status>
  readonly condition: Pick<Condition, 'status' | 'reason' | 'message'>
  /** The reason of the event. */
  readonly told: string
  readonly severity: Transition['severity']
}

const end = (seen: Seen, ending: Ending): Decision<Status> => {
  const { status = {} } = seen.analysis
  const { timeframe, startTime } = status
  const { message } = ending.condition
  return {
    ...settled,
    status: {
      ...(timeframe === undefined ? {} : { timeframe }),
      ...(startTime === undefined ? {} : { startTime }),
      state: ending.state,
      ...ending.values,
      endTime: rfc3339(seen.now),
      conditions: ready(seen, others(status), ending.condition),
    },
    transitions: [told(seen, { reason: ending.told, message, severity: ending.severity })],
  }
}

const withoutVerdict = (
  reason: string,
  message: string,
): Pick<Ending, 'condition' | 'told' | 'severity'> => ({
  condition: { status: 'False', reason, message },
  told: 'AnalysisFailed',
  severity: 'Warning',
})

/** All is known that will be. */
const finish = (
  seen: Seen,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  if (isBacktest(seen.analysis)) return endBacktest(seen, definition, needs)
  if (needs.some(({ state }) => state.kind === 'lost')) {
    return giveUp(seen, definition, { needs })
  }
  const grades = grade(definition, foundFor(definition, needs))
  const { verdict } = grades
  return end(seen, {
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
  const { totalScore, maximumScore, percentage } = grades
  const { passPercentage, warningPercentage } = spec.totalScore
  const keys = lostKeys(grades.objectives).map(({ objective }) =>
    nameOf(objective.analysisValueTemplateRef),
  )
  return [
    `${totalScore} of ${maximumScore} earned, ${Number(percentage.toFixed(2))} %: ${passPercentage} % is a pass, ${warningPercentage} % a warning`,
    ...(keys.length === 0 ? [] : [`but key objectives earned nothing: ${firstOf(keys)}`]),
  ].join(', ')
}

const endBacktest = (
  seen: Seen,
  definition: AnalysisDefinition,
  needs: readonly Need[],
): Decision<Status> => {
  const values = knownOf(seen, definition, needs, true)
  const message = `Windows: ${values.windowSummary ?? 'none'}`
  return end(seen, {
    state: 'Completed',
    values,
    condition: { status: 'True', reason: 'BacktestCompleted', message },
    told: 'BacktestCompleted',
    severity: 'Normal',
  })
}

/** Ends without a verdict, and says which objectives have no value, and why. */
const giveUp = (
  seen: Seen,
  definition: AnalysisDefinition,
  { needs, problem }: { readonly needs: readonly Need[]; readonly problem?: Blocked },
): Decision<Status> => {
  const known = knownOf(seen, definition, needs, true)
  const grades = grade(definition, foundFor(definition, needs))
  const raw = isBacktest(seen.analysis) ? {} : { raw: rawOf(grades) }
  const reason = problem?.reason ?? 'NoValue'
  return end(seen, {
    state: 'Failed',
    values: { ...known, ...raw },
    ...withoutVerdict(reason, lossesOf(needs)),
  })
}

/** An end is an end. */
const again = 'Create another Analysis once that is mended'

const mostNamed = 3

/** The objectives without a value, each with the reason. */
const lossesOf = (needs: readonly Need[]): string => {
  const losses = new Map(
    needs.flatMap(({ name, state }) => ('message' in state ? [[name, state.message]] : [])),
  )
  const named = [...losses].slice(0, mostNamed).map(([name, message]) => `"${name}": ${message}`)
  const rest = losses.size - named.length
  return `There is no value for ${losses.size} of ${new Set(needs.map(({ name }) => name)).size} templates. ${named.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}. ${again}`
}

const others = (status: Status | undefined): Status['conditions'] =>
  // Its absence says that nobody has to change anything.
  status?.conditions?.filter(({ type }) => type !== conditionTypes.stalled)

const ready = (
  { analysis, now }: Seen,
  list: Status['conditions'],
  verdict: Pick<Condition, 'status' | 'reason' | 'message'>,
): NonNullable<Status['conditions']> =>
  withCondition(list, { type: conditionTypes.ready, ...verdict, ...generationOf(analysis) }, now)

const generationOf = ({ metadata: { generation } }: Analysis) =>
  generation === undefined ? {} : { observedGeneration: generation }

const told = (
  { analysis, now }: Seen,
  fact: Pick<Transition, 'reason' | 'message' | 'severity'>,
): Transition => {
  const { namespace, name, uid } = analysis.metadata
  return {
    id: `${uid}/${fact.reason}/${rfc3339(now)}`,
    subject: {
      apiVersion: analysis.apiVersion,
      kind: analysis.kind,
      name,
      uid,
      ...(namespace === undefined ? {} : { namespace }),
    },
    ...fact,
    at: now,
  }
}
