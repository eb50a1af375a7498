/**
 * What a workload version begins with: the app version that lets it, and what it takes along from that.
 *
 * @module
 */
import type { KeptnAppVersion } from '../../api/index.ts'
import { appDeploy, carrierOf, traceOfAppVersion } from '../../identity/trace.ts'
import { retriesOf } from '../actions/records.ts'
import { isAutomaticVersion } from '../checks/automatic-app.ts'
import { attemptOf } from '../checks/ending.ts'
import type { WorkloadVersionSeen, WorkloadVersionStatus } from './seen.ts'
import { writtenAppOf } from './waiting.ts'

/** What a version takes along from its app when it begins. */
export const contextOf = (
  { config }: WorkloadVersionSeen,
  appVersion: KeptnAppVersion,
): Partial<WorkloadVersionStatus> => ({
  begunFor: beginningOf(appVersion),
  ...(config.traced ? { phaseTraceIDs: spanOf(appVersion) } : {}),
  ...(appVersion.spec.metadata === undefined
    ? {}
    : { appContextMetadata: appVersion.spec.metadata }),
})

/** The span that all of its own are below. */
const spanOf = (
  appVersion: KeptnAppVersion,
): NonNullable<WorkloadVersionStatus['phaseTraceIDs']> => ({
  [appDeploy]: carrierOf(traceOfAppVersion(appVersion, attemptOf(appVersion)), appDeploy),
})

/** What lets a version begin, and another attempt of it once it is raised. */
export const beginningOf = (
  appVersion: KeptnAppVersion,
): NonNullable<WorkloadVersionStatus['begunFor']> => {
  const { version, revision } = appVersion.spec
  const retries = retriesOf(appVersion)
  return { version, revision, ...(retries === 0 ? {} : { retries }) }
}

/** The app version that lets a version begin, if there is one. */
export const beginsWith = (seen: WorkloadVersionSeen): KeptnAppVersion | undefined => {
  const { appVersion } = seen
  const isBarred =
    writtenAppOf(seen) !== undefined && appVersion !== undefined && isAutomaticVersion(appVersion)
  return isBarred ? undefined : appVersion
}
