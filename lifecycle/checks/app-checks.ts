/**
 * How far an app version has come with what must pass before its workloads begin.
 *
 * @module
 */
import type { KeptnAppVersion } from '../../api/index.ts'
import { isAborted } from './ending.ts'
import { isPassed, isTerminal } from './roll-up.ts'

/** Whether its workloads may begin: an app version that was aborted lets none begin. */
export const haveAppChecksPassed = (version: KeptnAppVersion): boolean =>
  isPassed(version.status?.preDeploymentStatus) &&
  isPassed(version.status?.preDeploymentEvaluationStatus) &&
  !isAborted(version)

/** Whether it may still come to that, and has not. */
export const isBeforeDeployment = (version: KeptnAppVersion): boolean =>
  !isTerminal(version.status?.status) && !haveAppChecksPassed(version)
