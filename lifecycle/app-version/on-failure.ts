/**
 * The tasks of an app that run once one of its tasks or evaluations has failed, before or after the deployment: to clean up,
 * or to call somebody. They decide nothing: the version has failed already, or goes on with a warning. So they run beside
 * the phases, once in an attempt, though the version may have ended.
 *
 * They are made on what is stored, and not in the pass that finds the failure. Those of a version that is `Deprecated` are
 * not made any more, and are stopped like all of its tasks; so are those of one that a person has aborted.
 *
 * @module
 */
import type { ItemStatus, State } from '../../api/index.ts'
import { traceOfAppVersion, type VersionTrace } from '../../identity/trace.ts'
import type { Decision, Transition } from '../../kube/decision.ts'
import { checkPhase, type PhaseProgress } from '../checks/check-phase.ts'
import { attemptOf, isAborted } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { namesIn, type Parent } from '../children.ts'
import { withoutStalled } from '../held-up.ts'
import { madeFacts } from '../made.ts'
import { withPhaseBegun, withPhasesEnded } from '../phase-times.ts'
import { withPhaseTraced } from '../phase-traces.ts'
import { appPhases, onFailurePhase, promotionPhase } from '../phases.ts'
import { factTransition, phaseTransition, type Telling } from '../transitions.ts'
import type { AppVersionSeen, AppVersionStatus } from './seen.ts'

/** The spans of an app version; `undefined` while nobody is told of spans. */
export const traceOf = (
  { version, config }: AppVersionSeen,
  attempt: number,
): VersionTrace | undefined => (config.traced ? traceOfAppVersion(version, attempt) : undefined)

/** An app version as what its tasks are told of. */
export const appParent = (seen: AppVersionSeen, attempt: number): Parent => {
  const { version } = seen
  return {
    object: version,
    objectType: 'App',
    appName: version.spec.appName,
    appVersion: version.spec.version,
    workloadName: '',
    workloadVersion: '',
    metadata: version.spec.metadata ?? {},
    attempt,
    trace: traceOf(seen, attempt),
  }
}

const phases = appPhases.filter(
  (phase) => phase.runs !== 'deployment' && phase.name !== promotionPhase.name,
)

/** Whether a check around the deployment has failed, for good or as a warning. What people have skipped or released has not. */
const hasFailedCheck = (status: AppVersionStatus): boolean =>
  phases.some((phase) => {
    const state = status[phase.state]
    const items = status[phase.items] ?? []
    const isWarned = state === 'Warning' && items.some((item) => item.status === 'Failed')
    return state === 'Failed' || isWarned
  })

/** The item of a definition that cannot be run as it is. */
const heldItem = (definitionName: string, { stuck }: PhaseProgress): ItemStatus => ({
  definitionName,
  status: 'Pending',
  message:
    stuck.get(definitionName)?.message ??
    `No KeptnTaskDefinition "${definitionName}" exists: create it in this namespace or in the namespace of Gatekept`,
})

/** An item for each definition, whether it can be run or not. */
const itemsOf = (listed: readonly string[], progress: PhaseProgress): readonly ItemStatus[] =>
  listed.map(
    (name) =>
      progress.items.find(({ definitionName }) => definitionName === name) ??
      heldItem(name, progress),
  )

/** One that fails ends nothing: all of them come to their end. */
const stateOf = (items: readonly ItemStatus[]): State => {
  if (!items.every(({ status }) => isTerminal(status))) return 'Progressing'
  return items.every(({ status }) => status === 'Succeeded') ? 'Succeeded' : 'Failed'
}

/** What there is to tell of the step from one state to the other. */
const phaseFacts = (
  telling: Telling,
  before: State | undefined,
  now: State,
  detail: string,
): readonly Transition[] => {
  const started = before === undefined ? [phaseTransition(telling, onFailurePhase, 'Started')] : []
  if (!isTerminal(now)) return started
  const ended =
    now === 'Succeeded'
      ? phaseTransition(telling, onFailurePhase, 'Succeeded')
      : phaseTransition(telling, onFailurePhase, 'Errored', detail)
  return [...started, ended]
}

/** What waits for a person is told once, and stands in its item. */
const heldFacts = (
  telling: Telling,
  before: readonly ItemStatus[],
  { missing, stuck }: PhaseProgress,
  items: readonly ItemStatus[],
): readonly Transition[] =>
  items
    .filter(
      ({ definitionName = '' }) => missing.includes(definitionName) || stuck.has(definitionName),
    )
    .filter(
      ({ definitionName, message }) =>
        !before.some((item) => item.definitionName === definitionName && item.message === message),
    )
    .map(({ definitionName = '', message = '' }) =>
      factTransition(telling, {
        reason: `${onFailurePhase.name}${stuck.get(definitionName)?.reason ?? 'DefinitionNotFound'}`,
        phase: onFailurePhase.name,
        what: definitionName,
        message: `${onFailurePhase.longName}: ${message}`,
        severity: 'Warning',
      }),
    )

const begunFrom = (seen: AppVersionSeen, status: AppVersionStatus): AppVersionStatus =>
  withPhaseTraced(
    withPhaseBegun(status, onFailurePhase, seen.now),
    onFailurePhase,
    traceOf(seen, attemptOf(seen.version)),
  )

/** When they began, and ended if they have. */
const withTimes = (
  seen: AppVersionSeen,
  status: AppVersionStatus,
  before: State | undefined,
): AppVersionStatus => {
  const { now } = seen
  const begun = before === undefined ? begunFrom(seen, status) : status
  return isTerminal(status.onFailureStatus) ? withPhasesEnded(begun, [onFailurePhase], now) : begun
}

/** Whether on-failure tasks have to be run, or looked after, unless the version is given up. */
const areDue = (stored: AppVersionStatus, isGivenUp: boolean): boolean =>
  (hasFailedCheck(stored) || stored.onFailureStatus !== undefined) &&
  !isGivenUp &&
  !isTerminal(stored.onFailureStatus)

/** Those of a version that is given up are stopped, like all of its tasks. */
const givenUp = (
  decision: Decision<AppVersionStatus>,
  { stored, current, now }: { stored: AppVersionStatus; current: AppVersionStatus; now: Date },
): Decision<AppVersionStatus> => {
  if (stored.onFailureStatus === undefined) return decision
  const stopped: AppVersionStatus = { ...current, onFailureStatus: 'Deprecated' }
  return { ...decision, status: withPhasesEnded(stopped, [onFailurePhase], now) }
}

/** Adds to a decision what the on-failure tasks of the version need, if they are to be run. */
export const withFailureTasks = (
  seen: AppVersionSeen,
  decision: Decision<AppVersionStatus>,
  telling: Telling,
): Decision<AppVersionStatus> => {
  const { version, children, definitions } = seen
  const { status: stored, spec } = version
  const listed = namesIn(spec.onFailure)
  if (stored === undefined || listed.length === 0) return decision
  const current = decision.status ?? stored
  const isGivenUp = stored.status === 'Deprecated' || isAborted(version)
  if (!areDue(stored, isGivenUp)) return decision
  if (current.status === 'Deprecated') {
    return givenUp(decision, { stored, current, now: telling.now })
  }
  const recorded = stored.onFailureTaskStatus ?? []
  const progress = checkPhase({
    parent: appParent(seen, attemptOf(version)),
    phase: onFailurePhase,
    listed,
    recorded,
    children,
    definitions,
    blocking: false,
  })
  const items = itemsOf(listed, progress)
  const state = stateOf(items)
  // What was refused of a version that has ended is taken by now, or will be refused again.
  const base = isTerminal(current.status) ? withoutStalled(current, telling.now) : current
  return {
    ...decision,
    mayWait: false,
    status: withTimes(
      seen,
      { ...base, onFailureStatus: state, onFailureTaskStatus: items },
      stored.onFailureStatus,
    ),
    actions: [...decision.actions, ...progress.actions],
    transitions: [
      ...decision.transitions,
      ...phaseFacts(telling, stored.onFailureStatus, state, progress.detail),
      ...madeFacts(telling, onFailurePhase, progress.actions),
      ...heldFacts(telling, recorded, progress, items),
    ],
  }
}
