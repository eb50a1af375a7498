/**
 * What the status of a version says once it has come to its end. Written down here once more, not taken from the engine:
 * these words are what Keptn's users compare.
 *
 * @module
 */

/** Phase by phase: what `currentPhase` says, and where the status has its state. */
const appPhases = [
  ['AppPreDeployTasks', 'preDeploymentStatus'],
  ['AppPreDeployEvaluations', 'preDeploymentEvaluationStatus'],
  ['AppDeploy', 'workloadOverallStatus'],
  ['AppPostDeployTasks', 'postDeploymentStatus'],
  ['AppPostDeployEvaluations', 'postDeploymentEvaluationStatus'],
  ['PromotionTasks', 'promotionStatus'],
] as const

const workloadPhases = [
  ['WorkloadPreDeployTasks', 'preDeploymentStatus'],
  ['WorkloadPreDeployEvaluations', 'preDeploymentEvaluationStatus'],
  ['WorkloadDeploy', 'deploymentStatus'],
  ['WorkloadPostDeployTasks', 'postDeploymentStatus'],
  ['WorkloadPostDeployEvaluations', 'postDeploymentEvaluationStatus'],
] as const

type AppPhase = (typeof appPhases)[number][0]
type WorkloadPhase = (typeof workloadPhases)[number][0]
type Phases = readonly (readonly [string, string])[]

/** All phases in one state. */
const allIn = (phases: Phases, state: string): Readonly<Record<string, string>> =>
  Object.fromEntries(phases.map(([, field]) => [field, state]))

/** Everything before the phase has succeeded, and nothing after it will happen. */
const failed = (phases: Phases, phase: string): Readonly<Record<string, string>> => {
  const at = phases.findIndex(([name]) => name === phase)
  const before = allIn(phases.slice(0, at), 'Succeeded')
  const later = allIn(phases.slice(at), 'Deprecated')
  const own = allIn(phases.slice(at, at + 1), 'Failed')
  return { ...before, ...later, ...own, currentPhase: phase, status: 'Failed' }
}

/** A KeptnAppVersion that went through all its phases. Promotion is off, so its state stays as it began. */
export const completedApp: Readonly<Record<string, string>> = {
  ...allIn(appPhases, 'Succeeded'),
  promotionStatus: 'Pending',
  currentPhase: 'Completed',
  status: 'Succeeded',
}

/** A KeptnWorkloadVersion that went through all its phases. */
export const completedWorkload: Readonly<Record<string, string>> = {
  ...allIn(workloadPhases, 'Succeeded'),
  currentPhase: 'Completed',
  status: 'Succeeded',
}

/** A KeptnAppVersion that failed in this phase. */
export const failedApp = (phase: AppPhase) => failed(appPhases, phase)

/** A KeptnWorkloadVersion that failed in this phase. */
export const failedWorkload = (phase: WorkloadPhase) => failed(workloadPhases, phase)

/** A KeptnAppVersion of which nothing counts any more; `currentPhase` is where it had come to. */
export const deprecatedApp = (
  currentPhase: AppPhase | 'Completed',
): Readonly<Record<string, string>> => ({
  ...allIn(appPhases, 'Deprecated'),
  currentPhase,
  status: 'Deprecated',
})
