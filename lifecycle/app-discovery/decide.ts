/**
 * Which KeptnApp the workloads of an application make.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import {
  KeptnApp,
  KeptnAppCreationRequest,
  newObject,
  type KeptnWorkload,
  type WorkloadReference,
} from '../../api/index.ts'
import { keys } from '../../identity/keys.ts'
import { automaticAppVersion } from '../../identity/names.ts'
import { removal, settled, type Action, type Decision } from '../../kube/decision.ts'
import { automaticLabels, isAutomatic } from '../checks/automatic-app.ts'
import { isLeaving } from '../checks/leaving.ts'
import type { LifecycleConfig } from '../config.ts'

/** What a version of a workload still needs of an app. `nothing`: it has begun, and goes its way without one. */
export type AppNeeded = 'any' | 'written' | 'nothing'

/** A workload of the app at one version, and since when that is known. */
export interface DiscoveredWorkload {
  readonly workload: KeptnWorkload
  /** Its present version, or one that another owner of the same workload wants. */
  readonly version: string
  /** When its KeptnWorkloadVersion was made; `undefined`: it is not there yet. */
  readonly versionSince: Date | undefined
  /** `written`: a user wrote an app for it, and only a user's lets it begin. */
  readonly needs: AppNeeded
}

/** Everything that one decision needs. */
export interface AppDiscoverySeen {
  readonly now: Date
  readonly namespace: string
  /** Name of the KeptnApp. */
  readonly name: string
  readonly app: KeptnApp | undefined
  readonly workloads: readonly DiscoveredWorkload[]
  /** Whether the app has a version that is not deploying yet, which later workloads may join. */
  readonly isJoinable: boolean
  /** Made by hand, or left by Keptn: each asks for what is done here anyway, and goes once it is. */
  readonly requests: readonly KeptnAppCreationRequest[]
  readonly config: LifecycleConfig
}

/** Times of the API server are whole seconds, cut: what was made "now" may be almost a second younger than it says. */
const cutOffMs = 999

const byName = (a: DiscoveredWorkload, b: DiscoveredWorkload): number =>
  compare(a.workload.metadata.name, b.workload.metadata.name) || compare(a.version, b.version)

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The name by which an app lists a workload. */
export const nameWithin = (app: string, { metadata: { name } }: KeptnWorkload): string =>
  name.startsWith(`${app}-`) ? name.slice(app.length + 1) : name

const referencesOf = (seen: AppDiscoverySeen): readonly WorkloadReference[] =>
  seen.workloads.toSorted(byName).map(({ workload, version }) => ({
    name: nameWithin(seen.name, workload),
    version,
  }))

const automaticVersion = ({ workloads }: AppDiscoverySeen): string =>
  automaticAppVersion(
    workloads
      .toSorted(byName)
      .map(({ workload, version }) => ({ name: workload.metadata.name, version })),
  )

/** An app that was named after its only workload: there is nothing to wait for. */
const isSingleService = ({ workloads }: AppDiscoverySeen): boolean =>
  workloads.every(
    ({ workload }) => workload.metadata.annotations?.[keys.appType] === 'single-service',
  )

/**
 * When the window in which workloads may still appear is over. It ends when no new (workload, version) pair has appeared
 * for a while, at the latest some time after the first one that the app does not have yet.
 */
const windowEnd = (seen: AppDiscoverySeen, references: readonly WorkloadReference[]): Date => {
  const known = seen.app?.spec.workloads ?? []
  const fresh = seen.workloads.toSorted(byName).filter((_, index) => {
    const reference = references[index]
    return reference === undefined || !isListedIn(known, reference)
  })
  const since = fresh.map(({ versionSince }) => (versionSince ?? seen.now).getTime() + cutOffMs)
  if (since.length === 0) return seen.now
  const quiet = Math.max(...since) + seen.config.discoveryQuietMs
  const limit = Math.min(...since) + seen.config.discoveryLimitMs
  return new Date(Math.min(quiet, limit))
}

const create = (seen: AppDiscoverySeen, workloads: readonly WorkloadReference[]): Action => ({
  kind: 'create',
  type: KeptnApp,
  object: newObject(KeptnApp, {
    metadata: {
      name: seen.name,
      namespace: seen.namespace,
      labels: automaticLabels,
    },
    spec: { version: automaticVersion(seen), workloads },
  }),
})

const change = (
  seen: AppDiscoverySeen,
  app: KeptnApp,
  workloads: readonly WorkloadReference[],
): Action => ({
  kind: 'patch',
  type: KeptnApp,
  namespace: seen.namespace,
  name: seen.name,
  patchType: 'merge',
  patch: {
    metadata: { resourceVersion: app.metadata.resourceVersion },
    spec: joins(seen, workloads) ? { workloads } : { ...newVersion(seen, app), workloads },
  },
})

/** The revisions of a version begin anew with it. */
const newVersion = (seen: AppDiscoverySeen, app: KeptnApp) => {
  const version = automaticVersion(seen)
  return version === app.spec.version || app.spec.revision === 1
    ? { version }
    : { version, revision: 1 }
}

const isListedIn = (workloads: readonly WorkloadReference[], one: WorkloadReference): boolean =>
  workloads.some(({ name, version }) => name === one.name && version === one.version)

/** Whether nothing changes but that workloads come to a version that is not deploying yet. It keeps its name. */
const joins = (seen: AppDiscoverySeen, workloads: readonly WorkloadReference[]): boolean => {
  const known = seen.app?.spec.workloads ?? []
  return seen.isJoinable && known.every((reference) => isListedIn(workloads, reference))
}

/** Whether a version waits for an app that we may make. Without one, an app that is gone is not missed. */
const isWaitedFor = ({ workloads }: AppDiscoverySeen): boolean =>
  workloads.some(({ needs }) => needs === 'any')

/** An app that a user wrote, or one on its way out, is none that we may change. */
const isUntouchable = (app: KeptnApp): boolean => isLeaving(app) || !isAutomatic(app)

/** Requests that nothing is left to do for. One without workloads goes on waiting: an app is never made with none. */
const answered = ({ requests, workloads, app }: AppDiscoverySeen): readonly Action[] =>
  workloads.length === 0 && (app === undefined || isAutomatic(app))
    ? []
    : requests.map((request) => removal(KeptnAppCreationRequest, request))

/**
 * Decides whether the app is made or changed now, later or not at all.
 *
 * An app that a user wrote is never touched; one without workloads is never made. A version that a user wrote an app for
 * gets none from us when that one is deleted: it would let go what the user's checks hold. Workloads that come while the
 * app's checks before the deployment still run join them at once.
 */
export const decide = (seen: AppDiscoverySeen): Decision<never> => {
  const decision = decideApp(seen)
  const isDone = decision.actions.length === 0 && decision.wakeAt === undefined
  return isDone ? { ...decision, actions: answered(seen) } : decision
}

const decideApp = (all: AppDiscoverySeen): Decision<never> => {
  const { app, now } = all
  const seen = { ...all, workloads: all.workloads.filter(({ needs }) => needs !== 'written') }
  if (seen.workloads.length === 0) return settled
  if (app === undefined ? !isWaitedFor(seen) : isUntouchable(app)) return settled
  const references = referencesOf(seen)
  if (app !== undefined && isDeepStrictEqual(app.spec.workloads, references)) return settled
  if (!isSingleService(seen) && !joins(seen, references)) {
    const end = windowEnd(seen, references)
    if (now < end) return { ...settled, wakeAt: end }
  }
  const action = app === undefined ? create(seen, references) : change(seen, app, references)
  return { actions: [action], transitions: [] }
}
