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
import { startStandInSources, type StandInSources } from './stand-in-sources.ts'
import { median, quantile, ratioOfMedians } from './statistics.ts'
import { applyCrds } from '../kinds.ts'

const sourceCount = 20
const metricCount = 1_000
const intervalSeconds = 30
/** Of twenty, one each. */
const hangingSource = 0
const endlessSource = 1

/** Each metric is due twice in a turn. */
const turnMs = 2 * intervalSeconds * 1000
const pairsOfTurns = 4
/** So long that every metric is overdue. */
const awayMs = (intervalSeconds + 5) * 1000
const namespace = 'bench'

/** A query that came to a source. */
interface Asked {
  readonly source: number
  readonly name: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** After the instant it was due; `undefined`: the metric had no value yet. */
  readonly lagMs: number | undefined
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

/** When each metric was last asked, by what its status says. */
const followStatuses = async (
  client: Client,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> => {
  const lastUpdated = new Map<string, number>()
  const { resourceVersion } = await client.list(KeptnMetric, { namespace })
  const follow = async (): Promise<void> => {
    const query = { namespace, resourceVersion, timeoutSeconds: 3_600 }
    for await (const event of client.watch(KeptnMetric, query, { signal })) {
      if (event.type !== 'MODIFIED' && event.type !== 'ADDED') continue
      const { metadata, status } = event.object
      if (status?.lastUpdated !== undefined) {
        lastUpdated.set(metadata.name, Date.parse(status.lastUpdated))
      }
    }
  }
  // It ends with the benchmark.
  follow().catch(() => undefined)
  return lastUpdated
}

const createObjects = async (client: Client, { urls }: StandInSources): Promise<void> => {
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
      fetchIntervalSeconds: intervalSeconds,
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

const isHealthy = ({ source }: Asked): boolean =>
  source !== hangingSource && source !== endlessSource

const healthyLags = (asked: readonly Asked[]): readonly number[] =>
  asked.filter(isHealthy).flatMap(({ lagMs }) => (lagMs === undefined ? [] : [lagMs]))

/** What is measured with. */
interface Setting {
  readonly cluster: Cluster
  readonly sources: StandInSources
  /** Every query that came, in order. */
  readonly asked: readonly Asked[]
}

const takeTurn = async (
  { sources, asked }: Setting,
  child: ChildProcess,
  areBad: boolean,
): Promise<Turn> => {
  sources.set(hangingSource, areBad ? 'hanging' : 'well')
  sources.set(endlessSource, areBad ? 'endless' : 'well')
  const [before, from, begun] = [processorSeconds(child.pid ?? 0), asked.length, performance.now()]
  await pause(turnMs)
  const busy = processorSeconds(child.pid ?? 0) - before
  return {
    lags: healthyLags(asked.slice(from)),
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
  { cluster, asked }: Setting,
  child: ChildProcess,
): Promise<{ readonly child: ChildProcess; readonly beginning: Beginning }> => {
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
  await pause(awayMs)
  const from = asked.length
  const another = await startProcess(cluster, 'bench-1')
  await pause(turnMs)
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
 * every other turn hangs for 20 s and one sends 10 MB; counted are the metrics of the other 18. The part metrics is a process
 * of its own, whose processor time and memory are told. It is one that has found all metrics overdue when it began, and what
 * it asked then is told, too. The peer is itself, in the turns in which all sources answer.
 */
export const metricsFanout = async (): Promise<Result> => {
  const asked: Asked[] = []
  const ending = new AbortController()
  const cluster = await startCluster({ name: 'bench-fanout', node: false, network: 'own' })
  let lastUpdated: ReadonlyMap<string, number> = new Map()
  const sources = await startStandInSources(sourceCount, (source, name) => {
    const at = Date.now()
    const last = lastUpdated.get(name)
    const lagMs = last === undefined ? undefined : at - last - intervalSeconds * 1000
    asked.push({ source, name, at, lagMs })
  })
  const client = createClient(adminOf(cluster))
  try {
    await applyCrds(cluster)
    await createObjects(client, sources)
    lastUpdated = await followStatuses(client, ending.signal)
    const setting: Setting = { cluster, sources, asked }
    const first = await startProcess(cluster, 'bench-0')
    await pause(turnMs)
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
      megabytes: memory.all,
      beginning,
      busiest: busiestSecond(asked.slice(from)),
    })
  } finally {
    ending.abort()
    sources.close()
    await client.close()
    await cluster.down()
  }
}

const resultOf = (
  well: readonly Turn[],
  badly: readonly Turn[],
  also: { readonly megabytes: number; readonly beginning: Beginning; readonly busiest: number },
): Result => {
  const lags = (turns: readonly Turn[]) => turns.flatMap((turn) => turn.lags)
  const { megabytes, beginning, busiest } = also
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
      `${metricCount} metrics every ${intervalSeconds} s, ${sourceCount} sources; ${bad.length} queries to healthy ones beside bad ones, ${good.length} without; ${beginning.count} metrics after the restart.`,
    ],
    samples: { lagsBesideBad: bad, lagsWithout: good },
  }
}
