/**
 * Which version of its app a workload version begins with.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { keyOf } from '../../kube/keys.ts'
import { isOfPresent } from '../app/generation.ts'
import { newestFirst } from '../checks/history.ts'
import { isLeaving, isOnItsWayOut } from '../checks/leaving.ts'
import type { LifecycleStores } from '../stores.ts'

const generationOf = ({ spec }: KeptnAppVersion): number => spec.generation ?? 0

/** The app version that this workload version belongs to: the newest one that is not deprecated. */
export const appVersionOf = (
  { appVersions, apps }: Pick<LifecycleStores, 'appVersions' | 'apps'>,
  version: KeptnWorkloadVersion,
): KeptnAppVersion | undefined => {
  const app = apps.get(version.metadata.namespace, version.spec.app)
  /** Its app was made again, or it is being deleted: what it comes to says nothing about the app that is there now. */
  const isGoing = (candidate: KeptnAppVersion): boolean =>
    app === undefined ? isLeaving(candidate) : isOnItsWayOut(candidate, app)
  // Times are whole seconds: of two that were made in one, the app knows which is its own now, and which was before.
  const presentFirst = (one: KeptnAppVersion, other: KeptnAppVersion): number =>
    newestFirst(one, other) ||
    Number(isPresent(other)) - Number(isPresent(one)) ||
    generationOf(other) - generationOf(one)
  const isPresent = (candidate: KeptnAppVersion): boolean =>
    app !== undefined && isOfPresent(app, candidate)
  return appVersions
    .by('lists', keyOf(version))
    .filter((candidate) => candidate.status?.status !== 'Deprecated' && !isGoing(candidate))
    .toSorted(presentFirst)[0]
}
