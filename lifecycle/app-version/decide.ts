/**
 * What a KeptnAppVersion does next: its checks, then its workloads, then its checks again.
 *
 * @module
 */
import {
  conditionTypes,
  type KeptnAppVersion,
  type KeptnWorkloadVersion,
  type StatusOf,
} from '../../api/index.ts'
import { withCondition } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import { isTerminal, rollUp } from '../checks/roll-up.ts'
import type { Children, Definitions, Parent } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'
import { appPhases } from '../phases.ts'
import { runChecks, timeOf, walkPhases, withoutStalled, type PhaseResult } from '../progress.ts'
import { factTransition, type Telling } from '../transitions.ts'

export type AppVersionStatus = StatusOf<KeptnAppVersion>

/** A workload that the app version lists, with the version of it that exists. */
export interface ListedWorkload {
  readonly name: string
  readonly version: string
  readonly found: KeptnWorkloadVersion | undefined
}

/** Everything that one decision needs. */
export interface AppVersionSeen {
  readonly now: Date
  readonly version: KeptnAppVersion
  /** Whether the same version of the app has been made again since: by a new revision or another change of the KeptnApp. */
  readonly replaced: boolean
  readonly workloads: readonly ListedWorkload[]
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
}

type AppPhase = (typeof appPhases)[number]

const begin: AppVersionStatus = {
  preDeploymentStatus: 'Pending',
  preDeploymentEvaluationStatus: 'Pending',
  workloadOverallStatus: 'Pending',
  postDeploymentStatus: 'Pending',
  postDeploymentEvaluationStatus: 'Pending',
  promotionStatus: 'Pending',
  status: 'Pending',
}

const parentOf = ({ version }: AppVersionSeen): Parent => ({
  object: version,
  objectType: 'App',
  appName: version.spec.appName,
  appVersion: version.spec.version,
  workloadName: '',
  workloadVersion: '',
  metadata: version.spec.metadata ?? {},
})

const describeWorkloads = (workloads: readonly ListedWorkload[]): string =>
  workloads
    .flatMap(({ name, version, found }) => {
      if (found === undefined) return [`workload "${name}" has no version "${version}" yet`]
      const state = found.status?.status ?? 'Pending'
      if (state === 'Succeeded') return []
      const phase = found.status?.currentPhase ?? 'waiting'
      return [`workload "${name}" version "${version}" is ${state} (${phase})`]
    })
    .join('; ')

const runWorkloads = ({ workloads }: AppVersionSeen): PhaseResult<AppVersionStatus> => {
  const workloadStatus = workloads.map(({ name, version, found }) => ({
    workload: { name, version },
    status: found?.status?.status ?? 'Pending',
  }))
  const states = workloadStatus.map(({ status }) => status)
  return {
    state: rollUp(states, workloads.length),
    detail: describeWorkloads(workloads),
    changes: { workloadStatus },
  }
}

const run = (
  seen: AppVersionSeen,
  phase: AppPhase,
  status: AppVersionStatus,
): PhaseResult<AppVersionStatus> =>
  phase.runs === 'deployment' ? runWorkloads(seen) : runChecks(seen, parentOf(seen), phase, status)

/** An app version that was made again: nothing of it counts any more. `currentPhase` stays where it was. */
const deprecate = (seen: AppVersionSeen, telling: Telling): Decision<AppVersionStatus> => {
  const status = seen.version.status ?? begin
  if (status.status === 'Deprecated') return settled
  const states = Object.fromEntries(appPhases.map((phase) => [phase.state, 'Deprecated']))
  const message = 'The same version of the app was made again'
  const deprecated: AppVersionStatus = {
    ...status,
    ...states,
    promotionStatus: 'Deprecated',
    status: 'Deprecated',
    endTime: status.endTime ?? timeOf(seen.now),
  }
  const ready = {
    type: conditionTypes.ready,
    status: 'False',
    reason: 'Deprecated',
    message,
  } as const
  const conditions = withCondition(status.conditions, ready, seen.now)
  return {
    status: withoutStalled({ ...deprecated, conditions }, seen.now),
    actions: [],
    transitions: [factTransition(telling, { reason: 'Deprecated', what: 'version', message })],
  }
}

/** Decides what an app version does next. One that has ended answers itself, unless the same version was made again. */
export const decide = (seen: AppVersionSeen): Decision<AppVersionStatus> => {
  const { version, now, config } = seen
  const telling: Telling = {
    subject: version,
    version: version.spec.version,
    eventNames: config.eventNames,
    now,
  }
  if (seen.replaced) return deprecate(seen, telling)
  const status = version.status ?? begin
  if (isTerminal(status.status)) return settled
  const decision = walkPhases({
    level: 'App',
    phases: appPhases,
    status,
    run: (phase, current) => run(seen, phase as AppPhase, current),
    telling,
  })
  // Promotion comes after all phases of the table, so no failure leads to it.
  return decision.status?.status === 'Failed'
    ? { ...decision, status: { ...decision.status, promotionStatus: 'Deprecated' } }
    : decision
}
