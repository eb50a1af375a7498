/**
 * The metrics that Keptn's dashboards ask for, under its names and labels.
 *
 * Gauges are computed from the stores each time that somebody asks. Counters and histograms count stored endings, and begin at 0
 * when their object is first seen unended, so that `increase()` sees the first ending too.
 *
 * @module
 */
import { Counter, Histogram, type Registry } from 'prom-client'
import {
  states,
  type KeptnAppVersion,
  type KeptnEvaluation,
  type KeptnTask,
  type KeptnWorkloadVersion,
  type State,
} from '../../api/index.ts'
import type { Store } from '../../kube/store.ts'
import type { ShownGauge } from '../process-metrics.ts'
import { follow, lengthOf, type Ending, type Leading } from './endings.ts'
import { createKeepers } from './keepers.ts'

/** The stores that the figures come from. */
export interface MeasuredStores {
  readonly appVersions: Store<KeptnAppVersion>
  readonly workloadVersions: Store<KeptnWorkloadVersion>
  readonly tasks: Store<KeptnTask>
  readonly evaluations: Store<KeptnEvaluation>
}

type Labels = Readonly<Record<string, string>>

/** What OpenTelemetry takes where nobody says otherwise. */
const buckets = [
  0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
] as const

/** How the objects of one kind are measured. */
interface Measure<T extends Ending> {
  /** `keptn_<name>_…` */
  readonly name: 'app' | 'deployment' | 'task' | 'evaluation'
  /** How people call the objects. */
  readonly things: string
  readonly labelNames: readonly string[]
  readonly labels: (object: T) => Labels
  readonly statusLabel: string
  readonly state: (object: T) => State
  /** Whether the length of this one counts. */
  readonly hasLength: (object: T) => boolean
}

const label = (name: string): string => `keptn_deployment_${name}`

const labelled = (values: Readonly<Record<string, string | undefined>>): Labels =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [label(name), value ?? '']))

const appLabels = ({ metadata, spec }: KeptnAppVersion): Labels =>
  labelled({
    app_name: spec.appName,
    app_version: spec.version,
    app_namespace: metadata.namespace,
  })

const workloadLabels = ({ metadata, spec }: KeptnWorkloadVersion): Labels =>
  labelled({
    app_name: spec.app,
    workload_name: spec.workloadName,
    workload_version: spec.version,
    workload_namespace: metadata.namespace,
  })

const apps: Measure<KeptnAppVersion> = {
  name: 'app',
  things: 'app versions',
  labelNames: ['app_name', 'app_version', 'app_namespace'].map(label),
  labels: appLabels,
  statusLabel: label('app_status'),
  state: ({ status }) => status?.status ?? 'Pending',
  hasLength: ({ status }) => status?.status === 'Succeeded',
}

const workloads: Measure<KeptnWorkloadVersion> = {
  name: 'deployment',
  things: 'workload versions',
  labelNames: ['app_name', 'workload_name', 'workload_version', 'workload_namespace'].map(label),
  labels: workloadLabels,
  statusLabel: label('workload_status'),
  state: ({ status }) => status?.status ?? 'Pending',
  hasLength: ({ status }) => status?.status === 'Succeeded',
}

const checkLabels = ['app_name', 'app_version', 'workload_name', 'workload_version']

const tasks: Measure<KeptnTask> = {
  name: 'task',
  things: 'tasks',
  labelNames: [...checkLabels, 'task_name', 'task_type'].map(label),
  labels: ({ metadata, spec: { context, checkType } }) =>
    labelled({
      app_name: context?.appName,
      app_version: context?.appVersion,
      workload_name: context?.workloadName,
      workload_version: context?.workloadVersion,
      task_name: metadata.name,
      task_type: checkType ?? context?.taskType,
    }),
  statusLabel: label('task_status'),
  state: ({ status }) => status?.status ?? 'Pending',
  hasLength: () => true,
}

const evaluations: Measure<KeptnEvaluation> = {
  name: 'evaluation',
  things: 'evaluations',
  labelNames: [...checkLabels, 'evaluation_name', 'evaluation_type'].map(label),
  labels: ({ metadata, spec }) =>
    labelled({
      app_name: spec.appName,
      app_version: spec.appVersion,
      workload_name: spec.workload,
      workload_version: spec.workloadVersion,
      evaluation_name: metadata.name,
      evaluation_type: spec.checkType,
    }),
  statusLabel: label('evaluation_status'),
  state: ({ status }) => status?.overallStatus ?? 'Pending',
  hasLength: () => true,
}

/** States in which things end as a rule: their series begin at 0. */
const usualEnds: readonly State[] = ['Succeeded', 'Failed']

/** Serves all metrics with Keptn's names. Whoever doesn't lead shows no gauge, so that a sum over replicas is right. */
export const serveKeptnMetrics = (from: {
  readonly stores: MeasuredStores
  readonly registry: Registry
  readonly leading: () => Leading | undefined
  /** Whether app versions are promoted at all. */
  readonly promotes: boolean
}): readonly ShownGauge[] => {
  const { stores, registry, leading } = from
  const isLeading = (): boolean => leading()?.stillLeading() === true
  const context = { registry, leading }
  count(apps, stores.appVersions, context)
  count(workloads, stores.workloadVersions, context)
  count(tasks, stores.tasks, context)
  count(evaluations, stores.evaluations, context)
  countPromotions(stores.appVersions, { ...context, promotes: from.promotes })
  const own: Counter = new Counter({
    name: 'keptn_lifecycle_active_total',
    help: '1 in the replica that leads',
    registers: [registry],
    collect: () => {
      own.reset()
      if (isLeading()) own.inc()
    },
  })
  return keptnGauges(stores).map((gauge) => ({
    ...gauge,
    series: () => (isLeading() ? gauge.series() : []),
  }))
}

interface Context {
  readonly registry: Registry
  readonly leading: () => Leading | undefined
}

const count = <T extends Ending>(
  { name, things, labelNames, labels, statusLabel, state, hasLength }: Measure<T>,
  store: Store<T>,
  { registry, leading }: Context,
): void => {
  const names = [...labelNames, statusLabel]
  const registers = [registry]
  const total = new Counter({
    name: `keptn_${name}_count_total`,
    help: `Endings of ${things}`,
    labelNames: names,
    registers,
  })
  const length = new Histogram({
    name: `keptn_${name}_duration_seconds`,
    help: `How long ${things} took`,
    labelNames: names,
    buckets: [...buckets],
    registers,
  })
  const keepers = createKeepers()
  const keep = (object: T): Labels => {
    const own = labels(object)
    keepers.keep(object.metadata.uid, JSON.stringify(own), () => {
      for (const each of states) {
        total.remove({ ...own, [statusLabel]: each })
        length.remove({ ...own, [statusLabel]: each })
      }
    })
    return own
  }
  follow(store, leading, {
    open: (object) => {
      const own = keep(object)
      for (const end of usualEnds) total.inc({ ...own, [statusLabel]: end }, 0)
    },
    ended: (object) => {
      const own = { ...keep(object), [statusLabel]: state(object) }
      total.inc(own)
      const seconds = lengthOf(object)
      if (seconds !== undefined && hasLength(object)) length.observe(own, seconds)
    },
    gone: ({ metadata }) => {
      keepers.leave(metadata.uid)
    },
  })
}

const countPromotions = (
  store: Store<KeptnAppVersion>,
  { registry, leading, promotes }: Context & { readonly promotes: boolean },
): void => {
  const { labelNames, labels, statusLabel, state } = apps
  const total = new Counter({
    name: 'keptn_promotion_count_total',
    help: 'Endings of app versions that have promotion tasks',
    labelNames: [...labelNames, statusLabel],
    registers: [registry],
  })
  const keepers = createKeepers()
  const isPromoted = ({ spec }: KeptnAppVersion): boolean =>
    promotes && (spec.promotionTasks ?? []).length > 0
  const keep = (version: KeptnAppVersion): Labels => {
    const own = labels(version)
    keepers.keep(version.metadata.uid, JSON.stringify(own), () => {
      for (const each of states) total.remove({ ...own, [statusLabel]: each })
    })
    return own
  }
  follow(store, leading, {
    open: (version) => {
      if (!isPromoted(version)) return
      const own = keep(version)
      for (const end of usualEnds) total.inc({ ...own, [statusLabel]: end }, 0)
    },
    ended: (version) => {
      if (isPromoted(version)) total.inc({ ...keep(version), [statusLabel]: state(version) })
    },
    gone: ({ metadata }) => {
      keepers.leave(metadata.uid)
    },
  })
}

/** The gauges, from what is stored. */
export const keptnGauges = (stores: MeasuredStores): readonly ShownGauge[] => [
  active(apps, stores.appVersions),
  ...lengths({
    measure: apps,
    store: stores.appVersions,
    previousLabel: label('app_previousversion'),
    nameOf: ({ spec }) => spec.appName,
  }),
  active(workloads, stores.workloadVersions),
  ...lengths({
    measure: workloads,
    store: stores.workloadVersions,
    previousLabel: label('workload_previousversion'),
    nameOf: ({ spec }) => spec.workloadName,
  }),
  active(tasks, stores.tasks),
  active(evaluations, stores.evaluations),
]

const active = <T extends Ending>(measure: Measure<T>, store: Store<T>): ShownGauge => ({
  name: `keptn_${measure.name}_active`,
  help: `1 while one of the ${measure.things} with these labels has not ended, else 0`,
  labelNames: measure.labelNames,
  series: () => {
    // Several objects may share their labels: as long as one is under way, that is what there is to say.
    const found = new Map<string, { readonly labels: Labels; value: number }>()
    for (const object of store.all()) {
      const labels = measure.labels(object)
      const key = JSON.stringify(labels)
      const value = object.status?.endTime === undefined ? 1 : 0
      const held = found.get(key)
      if (held === undefined) found.set(key, { labels, value })
      else held.value = Math.max(held.value, value)
    }
    return found.values()
  },
})

interface Version extends Ending {
  readonly spec: { readonly version: string; readonly previousVersion?: string }
}

const lengths = <T extends Version>(of: {
  readonly measure: Measure<T>
  readonly store: Store<T>
  readonly previousLabel: string
  readonly nameOf: (version: T) => string
}): readonly ShownGauge[] => {
  const { measure, store, previousLabel, nameOf } = of
  const { name, things } = measure
  const labelNames = [...measure.labelNames, previousLabel]
  const labels = (version: T): Labels => ({
    ...measure.labels(version),
    [previousLabel]: version.spec.previousVersion ?? '',
  })
  return [
    {
      name: `keptn_${name}_deploymentduration`,
      help: `How many seconds ${things} took that have ended`,
      labelNames,
      series: () =>
        [...store.all()].flatMap((version) => {
          const value = lengthOf(version)
          return value === undefined ? [] : [{ labels: labels(version), value }]
        }),
    },
    {
      name: `keptn_${name}_deploymentinterval`,
      help: `How many seconds after the version before them ${things} ended`,
      labelNames,
      series: () =>
        intervalsOf([...store.all()], nameOf).map(({ version, seconds }) => ({
          labels: labels(version),
          value: seconds,
        })),
    },
  ]
}

/** When each version ended after the one before it, of the same name and namespace. Of several, the one that began first. */
export const intervalsOf = <T extends Version>(
  versions: readonly T[],
  nameOf: (version: T) => string,
): readonly { readonly version: T; readonly seconds: number }[] => {
  const keyOf = (version: T, which: string): string =>
    JSON.stringify([version.metadata.namespace, nameOf(version), which])
  const first = new Map<string, T>()
  for (const version of versions) {
    const startTime = version.status?.startTime
    if (startTime === undefined) continue
    const key = keyOf(version, version.spec.version)
    const held = first.get(key)?.status?.startTime
    if (held === undefined || Date.parse(startTime) < Date.parse(held)) first.set(key, version)
  }
  return versions.flatMap((version) => {
    const { previousVersion } = version.spec
    const endTime = version.status?.endTime
    if (previousVersion === undefined || previousVersion === '' || endTime === undefined) return []
    const before = first.get(keyOf(version, previousVersion))?.status?.endTime
    if (before === undefined) return []
    return [{ version, seconds: (Date.parse(endTime) - Date.parse(before)) / 1_000 }]
  })
}
