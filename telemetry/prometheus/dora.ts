/**
 * The four figures of DORA for each app: how often it is deployed, how long a change takes, how many changes fail, and how long
 * until one has succeeded again. https://dora.dev/guides/dora-metrics-four-keys/
 *
 * A version that its checks have stopped before anything was let go has not failed: that is what checks are for. One that nobody
 * wants any more is no deployment at all.
 *
 * @module
 */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { KeptnAppVersion } from '../../api/index.ts'
import type { Store } from '../../kube/store.ts'
import type { ShownGauge } from '../process-metrics.ts'
import { follow, type Leading } from './endings.ts'
import { createKeepers } from './keepers.ts'

/** What a version was as a deployment of its app. */
export type DeploymentOutcome = 'succeeded' | 'failed' | 'held_back'
const outcomes: readonly DeploymentOutcome[] = ['succeeded', 'failed', 'held_back']

const labelNames = ['app_namespace', 'app_name'] as const
type AppLabels = Readonly<Record<(typeof labelNames)[number], string>>

const labelsOf = ({ metadata, spec }: KeptnAppVersion): AppLabels => ({
  app_namespace: metadata.namespace ?? '',
  app_name: spec.appName,
})

/** What the version was as a deployment, if it was one and has ended. */
export const deploymentOf = ({ status }: KeptnAppVersion): DeploymentOutcome | undefined => {
  if (status?.endTime === undefined) return undefined
  if (status.status === 'Succeeded') return 'succeeded'
  if (status.status !== 'Failed') return undefined
  const before = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]
  const isLetGo = before.every((state) => state === 'Succeeded' || state === 'Warning')
  return isLetGo ? 'failed' : 'held_back'
}

/** What an app has come to so far: when it last succeeded, and when it has failed since, in milliseconds since 1970. */
export interface History {
  readonly succeededAt: number
  readonly failuresAt: readonly number[]
}

const noHistory: History = { succeededAt: -Infinity, failuresAt: [] }

/** Only the first failure since a success is ever asked for; the others count while a list tells the past in any order. */
const mostFailures = 100

/** The history with one more ending, whenever that was. */
export const withEnding = (
  { succeededAt, failuresAt }: History,
  ending: { readonly outcome: DeploymentOutcome; readonly at: number },
): History => {
  const { outcome, at } = ending
  if (outcome === 'held_back') return { succeededAt, failuresAt }
  const until = outcome === 'succeeded' ? Math.max(succeededAt, at) : succeededAt
  const failures = outcome === 'failed' ? [...failuresAt, at] : failuresAt
  return {
    succeededAt: until,
    failuresAt: failures
      .filter((failedAt) => failedAt > until)
      .toSorted((a, b) => a - b)
      .slice(0, mostFailures),
  }
}

/** How many seconds the app had failed for when it succeeded at this time; `undefined`: it had not. */
export const restoredAfter = ({ failuresAt }: History, at: number): number | undefined => {
  const [first] = failuresAt
  return first === undefined || first > at ? undefined : (at - first) / 1_000
}

/** How many of the deployments that are stored have failed; no series for apps without any. */
export const failureRatios = (
  versions: Iterable<KeptnAppVersion>,
): readonly { readonly labels: AppLabels; readonly value: number }[] => {
  const apps = new Map<string, { readonly labels: AppLabels; failed: number; all: number }>()
  for (const version of versions) {
    const outcome = deploymentOf(version)
    if (outcome === undefined || outcome === 'held_back') continue
    const labels = labelsOf(version)
    const app = apps.get(JSON.stringify(labels)) ?? { labels, failed: 0, all: 0 }
    app.all += 1
    if (outcome === 'failed') app.failed += 1
    apps.set(JSON.stringify(labels), app)
  }
  return [...apps.values()].map(({ labels, failed, all }) => ({ labels, value: failed / all }))
}

const minute = 60
const hour = 60 * minute
const day = 24 * hour
const buckets = [
  ...[minute, 5 * minute, 15 * minute, 30 * minute],
  ...[hour, 3 * hour, 6 * hour, 12 * hour],
  ...[day, 3 * day, 7 * day, 30 * day],
]

/** Serves the figures of every app, for as long as there is a version of it. */
export const serveDora = (from: {
  readonly store: Store<KeptnAppVersion>
  readonly registry: Registry
  readonly leading: () => Leading | undefined
}): readonly ShownGauge[] => {
  const { store, registry, leading } = from
  const registers = [registry]
  const deployments = new Counter({
    name: 'gatekept_deployments_total',
    help: 'Deployments of an app; held back: its checks have stopped it before anything was let go',
    labelNames: [...labelNames, 'outcome'],
    registers,
  })
  const leadTime = new Histogram({
    name: 'gatekept_lead_time_seconds',
    help: 'From when a version of an app was made until it had succeeded',
    labelNames,
    buckets,
    registers,
  })
  const restoreTime = new Histogram({
    name: 'gatekept_restore_seconds',
    help: 'From the first failed deployment of an app until one has succeeded again',
    labelNames,
    buckets,
    registers,
  })
  const keepers = createKeepers()
  const histories = new Map<string, History>()
  const keep = (version: KeptnAppVersion): AppLabels => {
    const labels = labelsOf(version)
    const key = JSON.stringify(labels)
    if (!keepers.has(key)) {
      for (const outcome of outcomes) deployments.inc({ ...labels, outcome }, 0)
      leadTime.zero(labels)
      restoreTime.zero(labels)
    }
    keepers.keep(version.metadata.uid, key, () => {
      for (const outcome of outcomes) deployments.remove({ ...labels, outcome })
      leadTime.remove(labels)
      restoreTime.remove(labels)
      histories.delete(key)
    })
    return labels
  }
  follow(store, leading, {
    open: keep,
    ended: (version) => {
      const labels = keep(version)
      const outcome = deploymentOf(version)
      if (outcome === undefined) return
      deployments.inc({ ...labels, outcome })
      if (outcome !== 'succeeded') return
      const at = Date.parse(version.status?.endTime ?? '')
      leadTime.observe(labels, (at - Date.parse(version.metadata.creationTimestamp)) / 1_000)
      const seconds = restoredAfter(histories.get(JSON.stringify(labels)) ?? noHistory, at)
      if (seconds !== undefined) restoreTime.observe(labels, seconds)
    },
    gone: ({ metadata }) => {
      keepers.leave(metadata.uid)
    },
  })
  // After the counting, which asks for what was before this ending.
  store.subscribe(({ before, now }) => {
    if (now === undefined) return
    const key = JSON.stringify(keep(now))
    const outcome = deploymentOf(now)
    const endTime = now.status?.endTime
    if (outcome === undefined || endTime === undefined) return
    if (before?.status?.endTime === endTime) return
    const ending = { outcome, at: Date.parse(endTime) }
    histories.set(key, withEnding(histories.get(key) ?? noHistory, ending))
  })
  return [
    {
      name: 'gatekept_change_failure_ratio',
      help: 'How many of the stored deployments of an app have failed',
      labelNames: [...labelNames],
      series: () => (leading()?.stillLeading() === true ? failureRatios(store.all()) : []),
    },
  ]
}
