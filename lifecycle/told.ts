/**
 * What was told of an object, read from what is stored of it: for who leads from now on, and can't know what the one before
 * had told when it ended.
 *
 * Each fact has the id under which it was told when it was stored, so that who was told already knows the repeat. What no
 * status keeps (that something was made, or waits for a person) is not among it.
 *
 * @module
 */
import {
  conditionTypes,
  type ActionRecord,
  type KeptnAppVersion,
  type KeptnEvaluation,
  type KeptnTask,
  type KeptnWorkloadVersion,
  type State,
} from '../api/index.ts'
import { findCondition } from '../kube/conditions.ts'
import type { Transition } from '../kube/decision.ts'
import { carriedOut } from './actions/records.ts'
import { actionFact } from './actions/telling.ts'
import { endingOf } from './checks/ending.ts'
import { isPassed } from './checks/roll-up.ts'
import { endFacts as evaluationEnd } from './evaluation/telling.ts'
import { appPhases, completedPhase, onFailurePhase, workloadPhases, type Phase } from './phases.ts'
import { endFacts as taskEnd, startFact } from './task/telling.ts'
import {
  completedTransition,
  factTransition,
  failedTransitions,
  phaseTransition,
  type EventNames,
  type Telling,
} from './transitions.ts'

type Version = KeptnAppVersion | KeptnWorkloadVersion

const levelOf = ({ kind }: Version): 'App' | 'Workload' =>
  kind === 'KeptnAppVersion' ? 'App' : 'Workload'

/** How many checks had been skipped by then in the present attempt. */
const skipsBy = ({ status }: Version, at: Date): number =>
  carriedOut(status, 'skip').filter(
    ({ attempt, time }) => attempt === (status?.attempt ?? 1) && new Date(time) <= at,
  ).length

const tellingAt = (version: Version, eventNames: EventNames, time: string): Telling => {
  const now = new Date(time)
  return {
    subject: version,
    version: version.spec.version,
    eventNames,
    now,
    attempt: version.status?.attempt ?? 1,
    skips: skipsBy(version, now),
  }
}

/** Whether a person has ended the phase, by a release: of that only the action is told. */
const isReleasedAt = ({ status }: Version, endTime: string): boolean =>
  carriedOut(status, 'release').some(
    ({ attempt, time }) => attempt === (status?.attempt ?? 1) && time === endTime,
  )

const stateIn = ({ status }: Version, phase: Phase): State | undefined =>
  (status as Readonly<Record<string, State | undefined>> | undefined)?.[phase.state]

const whyFailed = ({ status }: Version, phase: Phase): string | undefined => {
  const ready = findCondition(status?.conditions, conditionTypes.ready)
  return ready?.reason === `${phase.name}Failed` ? ready.message : undefined
}

const phaseTold = (
  version: Version,
  phase: Phase,
  eventNames: EventNames,
): readonly Transition[] => {
  const times = version.status?.phaseTimes?.[phase.name]
  if (times === undefined) return []
  const { startTime, endTime } = times
  const started = phaseTransition(tellingAt(version, eventNames, startTime), phase, 'Started')
  if (endTime === undefined) return [started]
  const telling = tellingAt(version, eventNames, endTime)
  const state = stateIn(version, phase)
  if (state === 'Failed') {
    const errored = phaseTransition(telling, phase, 'Errored', whyFailed(version, phase))
    const whole =
      phase.name === onFailurePhase.name ? [] : failedTransitions(telling, levelOf(version))
    return [started, errored, ...whole]
  }
  return isPassed(state) && !isReleasedAt(version, endTime)
    ? [started, phaseTransition(telling, phase, 'Succeeded')]
    : [started]
}

const endTold = (version: Version, eventNames: EventNames): readonly Transition[] => {
  const { status } = version
  const { endTime } = status ?? {}
  if (status === undefined || endTime === undefined) return []
  const telling = tellingAt(version, eventNames, endTime)
  if (status.status === 'Succeeded' && status.currentPhase === completedPhase) {
    return [completedTransition(telling, levelOf(version))]
  }
  const reason = endingOf(version)
  if (reason === undefined) return []
  const { message = '' } = findCondition(status.conditions, conditionTypes.ready) ?? {}
  return [factTransition(telling, { reason: 'Deprecated', what: reason, message })]
}

/** An attempt of its own, and the skips that were carried out before it. */
const actionsTold = (version: Version, eventNames: EventNames): readonly Transition[] => {
  const records: readonly ActionRecord[] = version.status?.actions ?? []
  return records.map((record, index) => {
    const { attempt } = record
    const before = carriedOut({ actions: records.slice(0, index) }, 'skip')
    const skips = before.filter((skip) => skip.attempt === attempt).length
    return actionFact({ ...tellingAt(version, eventNames, record.time), attempt, skips }, record)
  })
}

/** What was told of a version, in its present attempt, and of what people asked of it. */
export const toldOfVersion = (version: Version, eventNames: EventNames): readonly Transition[] => {
  const phases: readonly Phase[] =
    version.kind === 'KeptnAppVersion' ? [...appPhases, onFailurePhase] : workloadPhases
  return [
    ...phases.flatMap((phase) => phaseTold(version, phase, eventNames)),
    ...endTold(version, eventNames),
    ...actionsTold(version, eventNames),
  ]
}

/** What was told of a task. */
export const toldOfTask = (task: KeptnTask, eventNames: EventNames): readonly Transition[] => {
  const { startTime, endTime, jobName } = task.status ?? {}
  const settings = { eventNames }
  return [
    ...(startTime === undefined || jobName === undefined
      ? []
      : [startFact({ task, settings, now: new Date(startTime) }, jobName)]),
    ...(endTime === undefined ? [] : taskEnd({ task, settings, now: new Date(endTime) })),
  ]
}

/** What was told of an evaluation. */
export const toldOfEvaluation = (
  evaluation: KeptnEvaluation,
  eventNames: EventNames,
): readonly Transition[] => {
  const { endTime } = evaluation.status ?? {}
  return endTime === undefined
    ? []
    : evaluationEnd({ evaluation, eventNames, now: new Date(endTime) })
}
