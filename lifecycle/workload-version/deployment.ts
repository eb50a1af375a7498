/**
 * The phase in which a workload version is rolled out, by whoever controls its pods.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import type { Transition } from '../../kube/decision.ts'
import { rolloutOf } from '../checks/rollout.ts'
import type { PhaseResult } from '../progress.ts'
import { factTransition } from '../transitions.ts'
import { tellingOf, type WorkloadVersionSeen, type WorkloadVersionStatus } from './seen.ts'

/** The part of a revision's key after the owner's UID. */
const hashOf = (version: KeptnWorkloadVersion): string | undefined =>
  version.spec.revision?.split('/')[1]

/** Watches the rollout, which has as long as `observabilityTimeout` says. */
export const runDeployment = (
  seen: WorkloadVersionSeen,
  status: WorkloadVersionStatus,
): PhaseResult<WorkloadVersionStatus> => {
  const isNew = status.deploymentStartTime === undefined
  const startTime = status.deploymentStartTime ?? wholeSeconds(seen.now)
  const changes = { deploymentStartTime: startTime }
  const rollout = rolloutOf(seen.owner, hashOf(seen.version))
  if (rollout.kind === 'ready') return { state: 'Succeeded', changes }
  const deadline = new Date(Date.parse(startTime) + seen.config.observabilityTimeoutMs)
  if (seen.now < deadline) {
    const transitions = isNew ? awaited(seen, rollout.message) : []
    return { state: 'Progressing', detail: rollout.message, changes, transitions, wakeAt: deadline }
  }
  const detail = `has reached timeout: ${rollout.message}`
  return { state: 'Failed', detail, changes, transitions: timedOut(seen, detail) }
}

const deployment = { what: 'rollout', phase: 'WorkloadDeploy' } as const

/** A rollout that is waited for is told once, however long it takes. Keptn has no word for it. */
const awaited = (seen: WorkloadVersionSeen, detail: string): readonly Transition[] => {
  if (seen.config.eventNames === 'keptn') return []
  const message = `Workload Deployment: is under way: ${detail}`
  const reason = 'WorkloadDeployReconcile'
  return [factTransition(tellingOf(seen), { ...deployment, reason, message })]
}

/** It is told twice, first by this reason; in Keptn's words by one of its own (spec/lifecycle 15.6, 47). */
const timedOut = (seen: WorkloadVersionSeen, detail: string): readonly Transition[] => {
  const isKeptn = seen.config.eventNames === 'keptn'
  const fact = {
    ...deployment,
    reason: isKeptn ? 'WorkloadDeployFinished' : 'WorkloadDeployReconcileErrored',
    what: 'timeout',
    message: `Workload Deployment: ${detail}`,
    severity: 'Warning',
  } as const
  return [factTransition(tellingOf(seen), fact)]
}
