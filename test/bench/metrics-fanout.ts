import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { KeptnMetric, KeptnMetricsProvider, newObject } from '../../api/index.ts'
import { Namespace } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { createClient, type Client } from '../../kube/client.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import { adminOf } from '../connection.ts'
import type { Orders } from './metrics-process.ts'
import { processorSeconds, residentMegabytes } from './processes.ts'
import type { Result } from './result.ts'
import type { Sizes } from './sizes.ts'
import type { Orders as SourceOrders, Report } from './source-process.ts'
import type { Manner } from './stand-in-sources.ts'
import { median, quantile, ratioOfMedians } from './statistics.ts'
import { applyCrds } from '../kinds.ts'

const sourceCount = 20
/** Of twenty, one each, and in a process of their own. */
const badSources: readonly Manner[] = ['hanging', 'endless']

const metricsPerSecond = 1_000 / 30
const pairsOfTurns = 4
const namespace = 'bench'

/** How many metrics there are, and how long things take, in milliseconds. */
interface Pace {
  readonly intervalMs: number
  readonly metricCount: number
  /** Each metric is due twice in a turn. */
  readonly turnMs: number
  /** So long that every metric is overdue. */
  readonly awayMs: number
  /** So long that a process that begins has the lease, and has asked what was overdue. */
  readonly beginningMs: number
}

const paceOf = ({ interval }: Sizes): Pace => ({
  intervalMs: interval * 1000,
  metricCount: Math.round(interval * metricsPerSecond),
  turnMs: 2 * interval * 1000,
  awayMs: (interval + 5) * 1000,
  beginningMs: Math.max(2 * interval, 30) * 1000,
})

/** A query that came to a source. */
interface Asked {
  readonly isHealthy: boolean
  readonly name: string
  /** Milliseconds since the epoch, by the clock of the source's process. */
  readonly at: number
}

const flags = ['--optimize-for-size', '--heap-growing-percent=40', '--max-semi-space-size=1']

const startProcess = async (cluster: Cluster, holder: string): Promise<ChildProcess> => {
  const { ca, cert, key } = cluster.credentials
  const child = fork(join(import.meta.dirname, 'metrics-process.ts'), {
    execArgv: [...process.execArgv, ...flags],
    env: { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' },
  })
  const ready = once(child, 'message')
  child.send({ server: cluster.server, ca, cert, key, holder } satisfies Orders)
  await ready
  return child
}

/** Sources in a process of their own. */
interface Sources {
  readonly urls: readonly string[]
  readonly set: (source: number, manner: Manner) => void
  readonly close: () => void
}

const startSources = async (
  count: number,
  asked: (query: Pick<Asked, 'name' | 'at'>) => void,
): Promise<Sources> => {
  const child = fork(join(import.meta.dirname, 'source-process.ts'))
  const order = (orders: SourceOrders): void => {
    child.send(orders)
  }
  const started = new Promise<readonly string[]>((resolve) => {
    child.on('message', (message) => {
      const report = message as Report
      if (report.kind === 'started') resolve(report.urls)
      else asked({ name: report.query, at: report.at })
    })
  })
  order({ kind: 'start', count })
  return {
    urls: await started,
    set: (source, manner) => order({ kind: 'set', source, manner }),
    close: () => child.disconnect(),
  }
}

/** When each metric was asked, by what its status said, in order. */
type Updates = ReadonlyMap<string, readonly number[]>

const followStatuses = async (client: Client, signal: AbortSignal): Promise<Updates> => {
  const updates = new Map<string, number[]>()
  const { resourceVersion } = await client.list(KeptnMetric, { namespace })
  const follow = async (): Promise<void> => {
    const query = { namespace, resourceVersion, timeoutSeconds: 3_600 }
    for await (const event of client.watch(KeptnMetric, query, { signal })) {
      if (event.type !== 'MODIFIED' && event.type !== 'ADDED') continue
      const { metadata, status } = event.object
      if (status?.lastUpdated !== undefined) {
        const instants = updates.get(metadata.name) ?? []
        updates.set(metadata.name, instants)
        instants.push(Date.parse(status.lastUpdated))
      }
    }
  }
  // It ends with the benchmark.
  follow().catch(() => undefined)
  return updates
}

const createObjects = async (
  client: Client,
  urls: readonly string[],
  { metricCount, intervalMs }: Pace,
): Promise<void> => {
  for (const name of [namespace, 'keptn-system']) {
    await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
  for (const [source, targetServer] of urls.entries()) {
    const spec = { type: 'prometheus', targetServer }
    const metadata = { namespace, name: `source-${source}` }
    await client.create<KubeObject>(
      KeptnMetricsProvider,
      newObject(KeptnMetricsProvider, { metadata, spec }),
    )
  }
  for (let index = 0; index < metricCount; index++) {
    // No two metrics ask the same.
    const name = `metric-${index}`
    const spec = {
      provider: { name: `source-${index % sourceCount}` },
      query: name,
      fetchIntervalSeconds: intervalMs / 1000,
    }
    await client.create<KubeObject>(
      KeptnMetric,
      newObject(KeptnMetric, { metadata: { namespace, name }, spec }),
    )
  }
}

/** How often the sources were asked in the busiest second. */
const busiestSecond = (asked: readonly Asked[]): number => {
  const counts = new Map<number, number>()
  for (const { at } of asked) {
    const second = Math.floor(at / 1000)
    counts.set(second, (counts.get(second) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}

interface Turn {
  readonly lags: readonly number[]
  /** Of one core, in percent. */
  readonly processor: number
}

/**
 * How long after the instant at which they were due queries came to healthy sources. What a status said before is what was
 * said half of an interval ago: two queries are never closer to each other.
 */
const healthyLags = (
  asked: readonly Asked[],
  updates: Updates,
  { intervalMs }: Pace,
): readonly number[] =>
  asked.flatMap(({ isHealthy, name, at }) => {
    const last = updates.get(name)?.findLast((instant) => instant <= at - intervalMs / 2)
    return isHealthy && last !== undefined ? [at - last - intervalMs] : []
  })

/** What is measured with. */
interface Setting {
  readonly pace: Pace
  readonly cluster: Cluster
  /** Those that are bad at times. */
  readonly bad: Sources
  /** Every query that came, in order. */
  readonly asked: readonly Asked[]
  readonly updates: Updates
}

const takeTurn = async (
  { pace, bad, asked, updates }: Setting,
  child: ChildProcess,
  areBad: boolean,
): Promise<Turn> => {
  for (const [source, manner] of badSources.entries()) bad.set(source, areBad ? manner : 'well')
  const [before, from, begun] = [processorSeconds(child.pid ?? 0), asked.length, performance.now()]
  await pause(pace.turnMs)
  const busy = processorSeconds(child.pid ?? 0) - before
  return {
    lags: healthyLags(asked.slice(from), updates, pace),
    processor: (100_000 * busy) / (performance.now() - begun),
  }
}

/** What a process asks when it begins, while every metric is overdue. */
interface Beginning {
  readonly count: number
  readonly allAskedMs: number
  readonly busiest: number
}

/** Ends the process, waits until all is overdue, starts another one, and tells what it asks at first. */
const restart = async (
  { pace, cluster, asked }: Setting,
  child: ChildProcess,
): Promise<{ readonly child: ChildProcess; readonly beginning: Beginning }> => {
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
  await pause(pace.awayMs)
  const from = asked.length
  const another = await startProcess(cluster, 'bench-1')
  await pause(pace.beginningMs)
  const firsts = [
    ...new Map(
      asked
        .slice(from)
        .toReversed()
        .map((one) => [one.name, one]),
    ).values(),
  ]
  const instants = firsts.map(({ at }) => at)
  const beginning = {
    count: firsts.length,
    allAskedMs: Math.max(...instants) - Math.min(...instants),
    busiest: busiestSecond(firsts),
  }
  return { child: another, beginning }
}

/**
 * How late metrics are asked while some of their sources are bad.
 *
 * From the instant at which a metric is due, which is its interval after the `lastUpdated` in its status, to the instant at
 * which the query has come to its source. 1,000 metrics, each every 30 s, over 20 sources on this machine, of which one in
 * every other turn hangs for 20 s and one sends 10 MB; counted are the metrics of the other 18, which are in another process
 * than these two. The part metrics is a process of its own, whose processor time and memory are told. It is one that has found all metrics overdue when it began, and what
 * it asked then is told, too. The peer is itself, in the turns in which all sources answer.
 */
export const metricsFanout = async (sizes: Sizes): Promise<Result> => {
  const pace = paceOf(sizes)
  const asked: Asked[] = []
  const ending = new AbortController()
  const cluster = await startCluster({ name: 'bench-fanout', node: false, network: 'own' })
  const bad = await startSources(badSources.length, (query) => {
    asked.push({ ...query, isHealthy: false })
  })
  const healthy = await startSources(sourceCount - badSources.length, (query) => {
    asked.push({ ...query, isHealthy: true })
  })
  const client = createClient(adminOf(cluster))
  try {
    await applyCrds(cluster)
    await createObjects(client, [...bad.urls, ...healthy.urls], pace)
    const updates = await followStatuses(client, ending.signal)
    const setting: Setting = { pace, cluster, bad, asked, updates }
    const first = await startProcess(cluster, 'bench-0')
    await pause(pace.beginningMs)
    const { child, beginning } = await restart(setting, first)
    const from = asked.length
    const [well, badly]: [Turn[], Turn[]] = [[], []]
    for (let pair = 0; pair < pairsOfTurns; pair++) {
      well.push(await takeTurn(setting, child, false))
      badly.push(await takeTurn(setting, child, true))
    }
    const memory = residentMegabytes(child.pid ?? 0)
    child.disconnect()
    return resultOf(well, badly, {
      pace,
      megabytes: memory.all,
      beginning,
      busiest: busiestSecond(asked.slice(from)),
    })
  } finally {
    ending.abort()
    bad.close()
    healthy.close()
    await client.close()
    await cluster.down()
  }
}

const resultOf = (
  well: readonly Turn[],
  badly: readonly Turn[],
  also: {
    readonly pace: Pace
    readonly megabytes: number
    readonly beginning: Beginning
    readonly busiest: number
  },
): Result => {
  const lags = (turns: readonly Turn[]) => turns.flatMap((turn) => turn.lags)
  const { pace, megabytes, beginning, busiest } = also
  const [good, bad] = [lags(well), lags(badly)]
  const p99 = { good: quantile(good, 0.99), bad: quantile(bad, 0.99) }
  const lists = (turns: readonly Turn[]) => turns.map((turn) => turn.lags)
  return {
    name: 'metrics-fanout',
    figures: [
      {
        metric: 'lag beside bad sources, p50',
        value: median(bad),
        unit: 'ms',
        peer: median(good),
        ratio: ratioOfMedians(lists(badly), lists(well)),
      },
      {
        metric: 'lag beside bad sources, p99',
        value: p99.bad,
        unit: 'ms',
        limit: 500,
        peer: p99.good,
      },
      {
        metric: 'p99 beside bad sources to p99 without',
        value: p99.bad / p99.good,
        unit: 'times',
        limit: 1.1,
      },
      {
        metric: 'processor, of one core',
        value: Math.max(...badly.map(({ processor }) => processor)),
        unit: '%',
        limit: 15,
        peer: median(well.map(({ processor }) => processor)),
      },
      { metric: 'memory', value: megabytes, unit: 'MB' },
      {
        metric: 'after a restart: until all are asked',
        value: beginning.allAskedMs / 1000,
        unit: 's',
      },
      {
        metric: 'after a restart: queries in the busiest second',
        value: beginning.busiest,
        unit: 'calls',
      },
      { metric: 'from then on: queries in the busiest second', value: busiest, unit: 'calls' },
    ],
    notes: [
      `${pace.metricCount} metrics every ${pace.intervalMs / 1000} s, ${sourceCount} sources; ${bad.length} queries to healthy ones beside bad ones, ${good.length} without; ${beginning.count} metrics after the restart.`,
    ],
    samples: { lagsBesideBad: bad, lagsWithout: good },
  }
}
