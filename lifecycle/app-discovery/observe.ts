/**
 * Reads which workloads an app has, and at which versions.
 *
 * @module
 */
import type { KeptnApp, KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { revisionOf } from '../../identity/revision.ts'
import { parseKey } from '../../kube/keys.ts'
import { isBeforeDeployment } from '../checks/app-checks.ts'
import { endingOf } from '../checks/ending.ts'
import { isLeaving } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { configOf } from '../config.ts'
import { presentOf } from '../app/generation.ts'
import { wantsNow } from '../owners.ts'
import { lifecycleIndexes, within, type LifecycleStores } from '../stores.ts'
import { versionNameOf } from '../workload/decide.ts'
import { hasGonePast, otherRevisionWanted } from '../workload-version/standing.ts'
import { saysAppAborted } from '../workload-version/waiting.ts'
import {
  nameWithin,
  type AppDiscoverySeen,
  type AppNeeded,
  type DiscoveredWorkload,
} from './decide.ts'

/** What `observeApp` reads from. */
export interface AppDiscoveryReader {
  readonly stores: Pick<
    LifecycleStores,
    | 'workloads'
    | 'workloadVersions'
    | 'apps'
    | 'appVersions'
    | 'appCreationRequests'
    | 'namespaces'
    | 'configs'
    | 'pods'
    | 'replicaSets'
    | 'statefulSets'
    | 'daemonSets'
  >
  /** Our own namespace: the one whose KeptnConfig counts. */
  readonly namespace: string
}

const needsOf = (version: KeptnWorkloadVersion | undefined): AppNeeded => {
  const { status } = version ?? {}
  if (status === undefined) return 'any'
  // One that has begun needs an app again once that was aborted: with the next one it goes on.
  const waits = status.currentPhase === undefined || saysAppAborted({ status })
  if (!waits || isTerminal(status.status)) return 'nothing'
  return status.writtenAppUID === undefined ? 'any' : 'written'
}

const discovered = (
  workload: KeptnWorkload,
  version: string,
  object: KeptnWorkloadVersion | undefined,
): DiscoveredWorkload => ({
  workload,
  version,
  versionSince: object && new Date(object.metadata.creationTimestamp),
  needs: needsOf(object),
})

const isListed = (
  app: KeptnApp | undefined,
  workload: KeptnWorkload,
  { spec }: KeptnWorkloadVersion,
): boolean =>
  app?.spec.workloads?.some(
    ({ name, version }) =>
      version === spec.version && name === nameWithin(app.metadata.name, workload),
  ) === true

/** Whether an owner other than the one that has the workload now holds pods of this version, and wants them. */
const isHeldByAnother = (
  { stores }: Pick<AppDiscoveryReader, 'stores'>,
  workload: KeptnWorkload,
  { metadata, spec }: KeptnWorkloadVersion,
): boolean => {
  const { namespace = '' } = metadata
  const isAnothers = (pod: KubeObject): boolean => {
    const revision = isLeaving(pod) ? undefined : revisionOf(pod)
    return (
      revision !== undefined &&
      revision.owner.uid !== workload.spec.resourceReference.uid &&
      wantsNow(stores, namespace, revision.owner, revision.key)
    )
  }
  return (spec.revisions ?? []).some((revision) =>
    stores.pods.by('revision', within(namespace, revision)).some(isAnothers),
  )
}

const isStillWanted = (
  { stores }: Pick<AppDiscoveryReader, 'stores'>,
  workload: KeptnWorkload,
  { metadata: { namespace = '' }, spec }: KeptnWorkloadVersion,
): boolean =>
  spec.resourceReference.uid !== workload.spec.resourceReference.uid &&
  wantsNow(stores, namespace, spec.resourceReference, spec.revision ?? '')

/**
 * Versions that another owner of the same workload wants: a KeptnWorkload names one version, and the pods of the other
 * would be held for ever. Once listed they stay so, or the app would change with each that begins. An older version of the
 * same owner is none of them: its pods make room for the newer ones.
 */
const ofOtherOwners = (
  reader: AppDiscoveryReader,
  key: string,
  app: KeptnApp | undefined,
): readonly DiscoveredWorkload[] =>
  reader.stores.workloadVersions.by('app', key).flatMap((object) => {
    const { metadata, spec } = object
    const workload = reader.stores.workloads.get(metadata.namespace, spec.workloadName)
    if (workload === undefined || isLeaving(workload) || isLeaving(object)) return []
    // One that was given up is listed again once it begins anew.
    if (workload.spec.version === spec.version || endingOf(object) !== undefined) return []
    const isWanted =
      (needsOf(object) !== 'nothing' && isHeldByAnother(reader, workload, object)) ||
      (isListed(app, workload, object) && isStillWanted(reader, workload, object))
    return isWanted ? [discovered(workload, spec.version, object)] : []
  })

/** Everything about one app; the key is its name in its namespace. */
export const observeApp =
  (reader: AppDiscoveryReader) =>
  (key: string, now: Date): AppDiscoverySeen => {
    const { stores } = reader
    const { namespace = '', name } = parseKey(key)
    const app = stores.apps.get(namespace, name)
    const present = (workload: KeptnWorkload): DiscoveredWorkload => {
      const version = stores.workloadVersions.get(namespace, versionNameOf(workload))
      // One that is being deleted is made anew.
      const object = version === undefined || isLeaving(version) ? undefined : version
      return discovered(workload, workload.spec.version, object)
    }
    const running = app && presentOf(app, stores.appVersions.by('app', key))
    const managed = stores.namespaces.get(undefined, namespace)
    /** Its owner may name another workload by now, or none: then this one is nobody's, until its owner is gone. */
    const isAbandoned = (workload: KeptnWorkload): boolean => {
      const version = stores.workloadVersions.get(namespace, versionNameOf(workload))
      return version !== undefined && hasGonePast(stores, version, managed)
    }
    const own = stores.workloads
      .by('app', key)
      .filter((workload) => !isLeaving(workload) && !isAbandoned(workload))
    return {
      now,
      namespace,
      name,
      app,
      workloads: [...own.map(present), ...ofOtherOwners(reader, key, app)],
      isJoinable: running !== undefined && isBeforeDeployment(running),
      requests: stores.appCreationRequests.by('app', key).filter((request) => !isLeaving(request)),
      config: configOf(stores.configs.by('namespace', reader.namespace)),
    }
  }

/** The app that a workload, or a version of one, belongs to. */
export const appKeys = (object: KeptnWorkload | KeptnWorkloadVersion): readonly string[] => [
  within(object.metadata.namespace, object.spec.app),
]

/**
 * Whether what its owner wants decides about the version: its workload has another one now, or its owner another revision; or
 * that was so, and its app does not list it any more.
 */
const isOfOtherOwner =
  ({ stores }: Pick<AppDiscoveryReader, 'stores'>) =>
  (version: KeptnWorkloadVersion): boolean => {
    const { metadata, spec } = version
    const workload = stores.workloads.get(metadata.namespace, spec.workloadName)
    if (workload?.spec.version !== spec.version) return true
    const app = stores.apps.get(metadata.namespace, spec.app)
    return otherRevisionWanted(stores, version) !== undefined || !isListed(app, workload, version)
  }

/** The apps in which this owner has a workload version beside that of another owner. */
export const ofOtherOwner =
  (reader: AppDiscoveryReader) =>
  ({ metadata }: KubeObject): readonly string[] =>
    reader.stores.workloadVersions
      .by('owner', metadata.uid)
      .filter(isOfOtherOwner(reader))
      .flatMap(appKeys)

/** The apps in which the version of this pod stands beside that of another owner. */
export const ofHeldPod =
  (reader: AppDiscoveryReader) =>
  (pod: KubeObject): readonly string[] =>
    lifecycleIndexes.pods
      .revision(pod)
      .flatMap((key) => reader.stores.workloadVersions.by('revision', key))
      .filter(isOfOtherOwner(reader))
      .flatMap(appKeys)

/** The apps with versions that what is released in the namespace decides about. */
export const ofNamespace =
  ({ stores }: Pick<AppDiscoveryReader, 'stores'>) =>
  ({ metadata }: Namespace): readonly string[] =>
    stores.workloadVersions
      .by('namespace', metadata.name)
      .filter((version) => otherRevisionWanted(stores, version) !== undefined)
      .flatMap(appKeys)
