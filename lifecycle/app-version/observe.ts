/**
 * Reads what a decision about an app version needs.
 *
 * @module
 */
import { KeptnWorkload, type KeptnAppVersion } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { workloadName, workloadVersionName } from '../../identity/names.ts'
import type { Client } from '../../kube/client.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import type { ActionsGuard } from '../actions/guard.ts'
import { presentOf } from '../app/generation.ts'
import { isAutomaticVersion } from '../checks/automatic-app.ts'
import { isLeaving } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { configOf } from '../config.ts'
import { hasLeft, namespaceOf } from '../namespaces.ts'
import { childrenOf, definitionsFor, type LifecycleStores } from '../stores.ts'
import { appVersionOf } from '../workload-version/belonging.ts'
import { isHeld, standingOf } from '../workload-version/standing.ts'
import type { AppVersionSeen, ListedWorkload, Place } from './seen.ts'

/** What `observe` reads from. */
export interface Reader {
  readonly stores: LifecycleStores
  readonly client: Pick<Client, 'get'>
  /** Our own namespace. */
  readonly namespace: string
  readonly guard: ActionsGuard
  readonly promotes: boolean
}

/** Everything about one app version; `undefined`: it is gone, or on its way. */
export const observe =
  ({ stores, client, namespace: ours, promotes, guard }: Reader) =>
  async (key: string, now: Date): Promise<AppVersionSeen | undefined> => {
    const { namespace = '', name } = parseKey(key)
    const version = staying(stores.appVersions.get(namespace, name))
    if (version === undefined) return undefined
    const workloads = listedBy(stores, version)
    return {
      now,
      version,
      place: placeOf(stores, version),
      hasLeft: hasLeft(await namespaceOf({ stores, client }, version)),
      workloads,
      isDeserted: await isDeserted(client, version, workloads),
      children: childrenOf(stores, version),
      definitions: definitionsFor(stores, version, ours),
      config: configOf(stores.configs.by('namespace', ours)),
      promotes,
      actionsGuard: guard.state(),
    }
  }

const listedBy = (
  stores: LifecycleStores,
  { metadata, spec }: KeptnAppVersion,
): readonly ListedWorkload[] => {
  const space = stores.namespaces.get(undefined, metadata.namespace ?? '')
  return (spec.workloads ?? []).map(({ name, version }) => {
    const ofWorkload = workloadName(spec.appName, name)
    // What is being deleted is made anew.
    const found = staying(
      stores.workloadVersions.get(metadata.namespace, workloadVersionName(ofWorkload, version)),
    )
    const present = staying(stores.workloads.get(metadata.namespace, ofWorkload))?.spec.version
    return {
      name,
      version,
      found,
      present,
      isHeld: found !== undefined && isHeld(stores, found),
      isLeftBehind:
        found?.status?.status === 'Failed' &&
        (appVersionOf(stores, found)?.metadata.uid !== metadata.uid ||
          standingOf(stores, found, space) === 'superseded'),
    }
  })
}

/** Only by one that is there: a store of apps that is ahead knows nothing of what becomes of this generation. */
const placeOf = ({ apps, appVersions }: LifecycleStores, version: KeptnAppVersion): Place => {
  const app = apps.get(version.metadata.namespace, version.spec.appName)
  const present = app && presentOf(app, appVersions.by('app', keyOf(app)))
  if (present === undefined) return 'unknown'
  if (present.metadata.uid === version.metadata.uid) return 'present'
  return present.spec.version === version.spec.version ? 'made-again' : 'outdated'
}

/**
 * Whether the workloads are gone that the app was made from; a user's app may be there before its workloads. Asked live where
 * the stores say so: one that is behind must not end what has just begun.
 */
const isDeserted = async (
  client: Pick<Client, 'get'>,
  version: KeptnAppVersion,
  workloads: readonly ListedWorkload[],
): Promise<boolean> => {
  const { metadata, spec, status } = version
  if (!isAutomaticVersion(version) || isTerminal(status?.status) || workloads.length === 0) {
    return false
  }
  if (workloads.some(({ found, present }) => found !== undefined || present !== undefined)) {
    return false
  }
  const { namespace = '' } = metadata
  const live = await Promise.all(
    workloads.map(({ name }) =>
      client.get(KeptnWorkload, { namespace, name: workloadName(spec.appName, name) }),
    ),
  )
  return live.every((workload) => staying(workload) === undefined)
}

const staying = <T extends KubeObject>(object: T | undefined): T | undefined =>
  object === undefined || isLeaving(object) ? undefined : object
