/**
 * When an app version ends before its time, because it will never be deployed as it is.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { isBeforeDeployment } from '../checks/app-checks.ts'
import { endingOf, endings } from '../checks/ending.ts'
import { isPassed } from '../checks/roll-up.ts'
import { isWaitedFor, type AppVersionSeen, type ListedWorkload } from './seen.ts'

/** Why this app version will never be deployed as it is; nothing to do with its checks. */
interface Loss {
  readonly reason: string
  readonly message: string
  readonly isVoid: boolean
}

/** Whether the workload version ended while the app version was there: times are whole seconds. */
const endedSince = (found: KeptnWorkloadVersion, { metadata }: KeptnAppVersion): boolean =>
  Date.parse(found.status?.endTime ?? '') >= Date.parse(metadata.creationTimestamp)

/** A workload version that was never made, or is gone, and that nobody makes any more: else it would be waited for, for ever. */
const lossByAbsence = (
  { place, version: { status } }: AppVersionSeen,
  { name, version, found, present }: ListedWorkload,
): Loss | undefined => {
  if (place !== 'outdated' || isPassed(status?.workloadOverallStatus)) return undefined
  if (found !== undefined || present === version) return undefined
  const message = `Workload "${name}" has no version "${version}", and the app has gone over to another version`
  return { reason: endings.superseded, message, isVoid: false }
}

/**
 * What this workload version, which has ended before its release, means for its app version. While others wait to begin with
 * the app version it goes on, for them: unless the app has gone over to another one, which they can begin with.
 */
const lossBy = (
  seen: AppVersionSeen,
  { name, version, found, present }: ListedWorkload,
): Loss | undefined => {
  const { version: appVersion, place } = seen
  const ending = found && endingOf(found)
  if (place !== 'outdated' && isWaitedFor(seen)) return undefined
  if (found === undefined || ending === undefined) return undefined
  // What was let go when the namespace left keeps nothing else from its checks, now that it has come back.
  if (ending === endings.optedOut) return undefined
  // One that ended earlier, and is wanted again, is about to begin anew.
  if (present === version && !endedSince(found, appVersion)) return undefined
  const message = `Workload "${name}" version "${version}" was superseded before its release`
  return { reason: endings.superseded, message, isVoid: false }
}

/** Why an app version ends before its time, if it does. */
export const lossOf = (seen: AppVersionSeen): Loss | undefined => {
  const { version, place, workloads } = seen
  if (place === 'made-again') {
    const message = 'The same version of the app was made again'
    return { reason: endings.madeAgain, message, isVoid: true }
  }
  if (seen.hasLeft && workloads.some(({ found }) => found?.spec.revision !== undefined)) {
    const message = 'The namespace is not managed any more'
    return { reason: endings.optedOut, message, isVoid: false }
  }
  // A version that deploys already goes on: its workloads tell what becomes of it.
  if (place === 'outdated' && isBeforeDeployment(version)) {
    const message = 'The app has gone over to another version before this one was deployed'
    return { reason: endings.superseded, message, isVoid: false }
  }
  if (seen.isDeserted && !isPassed(version.status?.workloadOverallStatus)) {
    const message = 'All workloads of the app were deleted before they were deployed'
    return { reason: endings.deserted, message, isVoid: false }
  }
  return workloads
    .map((listed) => lossBy(seen, listed) ?? lossByAbsence(seen, listed))
    .find((loss) => loss !== undefined)
}
