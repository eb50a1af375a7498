/**
 * How far an app version has come with what must pass before its workloads begin.
 *
 * @module
 */
import type { KeptnAppVersion } from '../../api/index.ts'
import { isPassed, isTerminal } from './roll-up.ts'

/** Whether its workloads may begin. */
export const haveAppChecksPassed = ({ status }: KeptnAppVersion): boolean =>
  isPassed(status?.preDeploymentStatus) && isPassed(status?.preDeploymentEvaluationStatus)

/** Whether it may still come to that, and has not. */
export const isBeforeDeployment = (version: KeptnAppVersion): boolean =>
  !isTerminal(version.status?.status) && !haveAppChecksPassed(version)
