/**
 * A process that serves figures to Prometheus and does nothing else: ours of a large cluster, or as many of a bare registry.
 *
 * Started with an IPC channel, on which it waits for its `Orders`, says where it serves, and then answers how it has been
 * since it was last asked.
 *
 * @module
 */
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Gauge, Registry } from 'prom-client'
import type { KubeObject } from '../../api/object.ts'
import type { Feed } from '../../kube/store.ts'
import { buildFiguresServer, buildProcessMetrics } from '../../telemetry/process-metrics.ts'
import { serveLifecycleMetrics } from '../../telemetry/prometheus/index.ts'
import {
  anAppVersion,
  aTask,
  aWorkloadVersion,
  measuredFeeds,
  storesOf,
} from '../unit/telemetry/objects.ts'

/** What the process serves. */
export type Orders =
  | {
      readonly kind: 'ours'
      /** How many versions of each workload are stored; there are 1,000 workloads, in apps of ten. */
      readonly versions: number
      /** Whether this replica has led since before they ended, and so has counted them all. */
      readonly led: boolean
    }
  | { readonly kind: 'bare'; readonly series: number }

/** How it has been. */
export interface Report {
  /** The longest time in which nothing else was done, in milliseconds. */
  readonly stallMs: number
  /** The most memory that it had in RAM so far, in MB. */
  readonly peakMegabytes: number
}

const apps = 100
const workloadsOfApp = 10
const tasksOfVersion = 3

const startTime = '2026-01-05T10:00:00Z'
const endTime = '2026-01-05T10:05:00Z'
const ended = { status: 'Succeeded', startTime, endTime } as const

type Feeds = ReturnType<typeof measuredFeeds>

/** Adds it on its way, and ends it at once. */
const run = <T extends KubeObject>(feed: Feed<T>, make: (status: object) => T, led: boolean) => {
  if (led) feed.apply('ADDED', make({ status: 'Progressing', startTime }))
  feed.apply(led ? 'MODIFIED' : 'ADDED', make(ended))
}

/** The names of all things of one app, version by version. */
const versionsOf = (app: number, versions: number) =>
  Array.from({ length: versions }, (_, index) => ({
    appName: `application-${app}`,
    version: `1.0.${index + 1}`,
    previousVersion: `1.0.${index}`,
  }))

type Names = ReturnType<typeof versionsOf>[number]

const addWorkload = (feeds: Feeds, names: Names, workload: number, led: boolean): void => {
  const { appName, version, previousVersion } = names
  const workloadName = `${appName}-workload-${workload}`
  const name = `${workloadName}-${version}`
  const spec = { app: appName, workloadName, version, previousVersion }
  run(feeds.workloadVersions, (status) => aWorkloadVersion(name, status, spec), led)
  const context = { appName, workloadName, workloadVersion: version, taskType: 'pre' } as const
  for (let task = 0; task < tasksOfVersion; task += 1) {
    const own = { context } as unknown as Parameters<typeof aTask>[2]
    run(feeds.tasks, (status) => aTask(`pre-smoke-${task}-${name}`, status, own), led)
  }
}

const fill = (feeds: Feeds, versions: number, led: boolean): void => {
  const all = Array.from({ length: apps }, (_, app) => versionsOf(app, versions)).flat()
  for (const names of all) {
    const name = `${names.appName}-${names.version}`
    run(feeds.appVersions, (status) => anAppVersion(name, names, status), led)
    for (let index = 0; index < workloadsOfApp; index += 1) addWorkload(feeds, names, index, led)
  }
}

const serveOurs = (versions: number, led: boolean) => {
  const { registry, show, server } = buildProcessMetrics()
  const feeds = measuredFeeds()
  serveLifecycleMetrics({
    stores: storesOf(feeds),
    leading: () => ({ since: new Date(0), stillLeading: () => true }),
    promotes: true,
    reflectors: [],
    holding: {
      pods: { all: () => [] },
      isHeld: () => true,
      hasVersion: () => true,
      condition: '',
    },
    figures: registry,
    show,
  })
  fill(feeds, versions, led)
  return server
}

const serveBare = (series: number) => {
  const registry = new Registry()
  const labelNames = ['app', 'app_version', 'workload', 'workload_version', 'task', 'type']
  const gauge = new Gauge({ name: 'bare', help: 'Any', labelNames, registers: [registry] })
  for (let index = 0; index < series; index += 1) {
    const labels = labelNames.map((name) => [name, `of-some-length-${name}-${index}`] as const)
    gauge.set(Object.fromEntries(labels), index)
  }
  return buildFiguresServer(registry)
}

const serve = (orders: Orders): void => {
  const server =
    orders.kind === 'ours' ? serveOurs(orders.versions, orders.led) : serveBare(orders.series)
  const delays = monitorEventLoopDelay({ resolution: 1 })
  server.listen(0, '127.0.0.1', () => {
    process.send?.((server.address() as AddressInfo).port)
    delays.enable()
  })
  process.on('message', () => {
    const report: Report = {
      stallMs: delays.max / 1e6,
      peakMegabytes: (process.resourceUsage().maxRSS * 1_024) / 1e6,
    }
    delays.reset()
    process.send?.(report)
  })
}

process.once('message', (orders) => {
  serve(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
