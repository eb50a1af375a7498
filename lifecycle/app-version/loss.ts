/**
 * When an app version ends before its time, because it will never be deployed as it is.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { isBeforeDeployment } from '../checks/app-checks.ts'
import { endingOf, endings } from '../checks/ending.ts'
import { isPassed } from '../checks/roll-up.ts'
import type { AppVersionSeen, ListedWorkload } from './seen.ts'

/** Why this app version will never be deployed as it is; nothing to do with its checks. */
interface Loss {
  readonly reason: string
  readonly message: string
  readonly isVoid: boolean
}

/** Whether the workload version ended while the app version was there: times are whole seconds. */
const endedSince = (found: KeptnWorkloadVersion, { metadata }: KeptnAppVersion): boolean =>
  Date.parse(found.status?.endTime ?? '') >= Date.parse(metadata.creationTimestamp)

/** What this workload version, which has ended before its release, means for its app version. */
const lossBy = (seen: AppVersionSeen, listed: ListedWorkload): Loss | undefined => {
  const { name, version, found, present } = listed
  const { place } = seen
  const what = `Workload "${name}" version "${version}"`
  if (found === undefined) {
    // The app went on without it: nobody will make this version.
    const isGone = present === undefined && place === 'outdated'
    const message = `${what} was deleted, and the app has gone over to another version`
    return isGone ? { reason: endings.superseded, message, isVoid: false } : undefined
  }
  const ending = endingOf(found)
  return ending === undefined ? undefined : lossByEnding(seen, { ...listed, found }, ending)
}

/** What it means that a workload version ended before its time. */
const lossByEnding = (
  { version: appVersion, hasLeft }: AppVersionSeen,
  { name, version, found, present }: ListedWorkload & { readonly found: KeptnWorkloadVersion },
  ending: string,
): Loss | undefined => {
  const what = `Workload "${name}" version "${version}"`
  if (ending === endings.optedOut) {
    // The namespace has come back: what was let go meanwhile keeps nothing else from its checks.
    if (!hasLeft) return undefined
    const message = `${what} is not checked any more: its namespace is not managed`
    return { reason: ending, message, isVoid: false }
  }
  // One that ended earlier, and is wanted again, is about to begin anew.
  if (present === version && !endedSince(found, appVersion)) return undefined
  const message = `${what} was superseded before its release`
  return { reason: endings.superseded, message, isVoid: false }
}

/** Why an app version ends before its time, if it does. */
export const lossOf = (seen: AppVersionSeen): Loss | undefined => {
  const { version, place, workloads } = seen
  if (place === 'made-again') {
    const message = 'The same version of the app was made again'
    return { reason: endings.madeAgain, message, isVoid: true }
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
  return workloads.map((listed) => lossBy(seen, listed)).find((loss) => loss !== undefined)
}
