/**
 * Which KeptnApp the workloads of an application make.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import { KeptnApp, newObject, type KeptnWorkload, type WorkloadReference } from '../../api/index.ts'
import { keys } from '../../identity/keys.ts'
import { automaticAppVersion } from '../../identity/names.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import type { LifecycleConfig } from '../config.ts'

/** A workload of the app, and since when its present version is known. */
export interface DiscoveredWorkload {
  readonly workload: KeptnWorkload
  /** When its KeptnWorkloadVersion was made; `undefined`: it is not there yet. */
  readonly versionSince: Date | undefined
}

/** Everything that one decision needs. */
export interface AppDiscoverySeen {
  readonly now: Date
  readonly namespace: string
  /** Name of the KeptnApp. */
  readonly name: string
  readonly app: KeptnApp | undefined
  readonly workloads: readonly DiscoveredWorkload[]
  readonly config: LifecycleConfig
}

/** Times of the API server are whole seconds, cut: what was made "now" may be almost a second younger than it says. */
const cutOffMs = 999

/** kubectl's copy of what a person applied. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** What we made, and nobody has taken over: a person who is later than we are finds our label on the app. */
const isOurs = ({ metadata, spec }: KeptnApp): boolean =>
  metadata.labels?.[keys.managedBy] === 'keptn' &&
  metadata.annotations?.[lastApplied] === undefined &&
  lists.every((list) => (spec[list] ?? []).length === 0)

/** We never list checks. */
const lists = [
  'preDeploymentTasks',
  'preDeploymentEvaluations',
  'postDeploymentTasks',
  'postDeploymentEvaluations',
] as const

const byName = (a: DiscoveredWorkload, b: DiscoveredWorkload): number =>
  a.workload.metadata.name < b.workload.metadata.name ? -1 : 1

const referencesOf = (seen: AppDiscoverySeen): readonly WorkloadReference[] =>
  seen.workloads.toSorted(byName).map(({ workload }) => ({
    name: workload.metadata.name.startsWith(`${seen.name}-`)
      ? workload.metadata.name.slice(seen.name.length + 1)
      : workload.metadata.name,
    version: workload.spec.version,
  }))

const automaticVersion = ({ workloads }: AppDiscoverySeen): string =>
  automaticAppVersion(
    workloads
      .toSorted(byName)
      .map(({ workload }) => ({ name: workload.metadata.name, version: workload.spec.version })),
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
    return !known.some(
      ({ name, version }) => name === reference?.name && version === reference.version,
    )
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
      labels: { [keys.managedBy]: 'keptn' },
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
    spec: { version: automaticVersion(seen), workloads },
  },
})

/**
 * Decides whether the app is made or changed now, later or not at all.
 *
 * An app that a user wrote is never touched; one without workloads is never made.
 */
export const decide = (seen: AppDiscoverySeen): Decision<never> => {
  const { app, workloads, now } = seen
  if (workloads.length === 0) return settled
  if (app !== undefined && !isOurs(app)) return settled
  const references = referencesOf(seen)
  if (app !== undefined && isDeepStrictEqual(app.spec.workloads, references)) return settled
  if (!isSingleService(seen)) {
    const end = windowEnd(seen, references)
    if (now < end) return { ...settled, wakeAt: end }
  }
  const action = app === undefined ? create(seen, references) : change(seen, app, references)
  return { actions: [action], transitions: [] }
}
