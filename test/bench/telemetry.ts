import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { KeptnConfig } from '../../api/index.ts'
import { systemNamespace } from '../../deploy/chart.ts'
import { watchGates, type Gates } from './gates.ts'
import {
  checkedDeployment,
  createNamespace,
  watchCompletions,
  withLifecycles,
  type Completion,
} from './lifecycles.ts'
import { processesOf, processorSeconds } from './processes.ts'
import type * as queue from './queue-process.ts'
import type * as receiver from './receiver-process.ts'
import type { Figure, Result } from './result.ts'
import { mean, median, quantile, ratioOfMedians } from './statistics.ts'
import { releaseOne, type World } from './world.ts'

const rounds = 10
/** So many Deployments in a turn, and so many of them at a time. */
const lifecycles = 48
const sideBySide = 6
/** What a process that was told of other settings, and what follows a completion, takes at most. */
const settleMs = 3_000
const timeoutMs = 60_000
const queued = 10_000
/** A port that nobody listens on. */
const nowhere = 9

const namespace = 'bench-telemetry'
const configName = 'bench-telemetry'

/** How telemetry is, from one turn to the next. */
const ways = ['off', 'on', 'dead'] as const
type Way = (typeof ways)[number]

/** What was measured in one turn. */
interface Turn {
  /** Of all replicas of the lifecycle operator, for one lifecycle. */
  readonly processorMs: number
  readonly releasedMs: readonly number[]
  readonly completedMs: readonly number[]
}

/** Who takes what is told. */
interface Receiver {
  readonly port: number
  readonly posted: () => Promise<Readonly<Record<string, number>>>
  readonly close: () => void
}

const startReceiver = async (host: string): Promise<Receiver> => {
  const child = fork(join(import.meta.dirname, 'receiver-process.ts'))
  const ask = async (orders: receiver.Orders): Promise<receiver.Report> => {
    const answered = once(child, 'message')
    child.send(orders)
    const [report] = (await answered) as [receiver.Report]
    return report
  }
  const started = await ask({ kind: 'start', host })
  return {
    port: started.kind === 'started' ? started.port : 0,
    posted: async () => {
      const report = await ask({ kind: 'tell' })
      return report.kind === 'posted' ? report.requests : {}
    },
    close: () => child.disconnect(),
  }
}

/** How much memory what waits takes, in MB. */
const queueMegabytes = async (host: string): Promise<number> => {
  const child = fork(join(import.meta.dirname, 'queue-process.ts'), {
    execArgv: [...process.execArgv, '--expose-gc'],
  })
  try {
    const answered = once(child, 'message')
    child.send({
      transitions: queued,
      endpoint: `http://${host}:${nowhere}/events`,
    } satisfies queue.Orders)
    const [{ before, after }] = (await answered) as [queue.Report]
    return after - before
  } finally {
    child.disconnect()
  }
}

const setWay = async ({ client, cluster }: World, way: Way, port: number): Promise<void> => {
  const { hostAddress } = cluster
  const at = `${hostAddress}:${way === 'on' ? port : nowhere}`
  const spec =
    way === 'off'
      ? { cloudEventsEndpoint: null, OTelCollectorUrl: null, notifications: null }
      : {
          cloudEventsEndpoint: `http://${at}/events`,
          OTelCollectorUrl: `http://${at}`,
          openTelemetry: { protocol: 'http' },
          notifications: [{ name: 'bench', type: 'webhook', url: `http://${at}/notifications` }],
        }
  await client.patch(KeptnConfig, {
    ...{ namespace: systemNamespace, name: configName, patchType: 'merge', patch: { spec } },
  })
  await pause(settleMs)
}

interface Running {
  readonly world: World
  readonly gates: Gates
  readonly completed: Completion
  readonly processes: readonly number[]
}

const runOne = async (
  { world, gates, completed }: Running,
  name: string,
): Promise<{ readonly released: number; readonly ended: number }> => {
  const deployment = checkedDeployment({ namespace, name })
  const { createdAt, openedAt } = await releaseOne(world.client, deployment, gates)
  return { released: openedAt - createdAt, ended: (await completed(name)) - createdAt }
}

const runTurn = async (running: Running, prefix: string): Promise<Turn> => {
  const seconds = (): number =>
    running.processes.reduce((sum, pid) => sum + processorSeconds(pid), 0)
  const before = seconds()
  const names = Array.from({ length: lifecycles }, (_, index) => `${prefix}-${index}`)
  const took: { readonly released: number; readonly ended: number }[] = []
  const lane = async (): Promise<void> => {
    for (let name = names.shift(); name !== undefined; name = names.shift())
      took.push(await runOne(running, name))
  }
  await Promise.all(Array.from({ length: sideBySide }, lane))
  await pause(settleMs)
  return {
    processorMs: ((seconds() - before) * 1_000) / lifecycles,
    releasedMs: took.map(({ released }) => released),
    completedMs: took.map(({ ended }) => ended),
  }
}

type Turns = Readonly<Record<Way, readonly Turn[]>>

const figuresOf = (turns: Turns, waitingMb: number): readonly Figure[] => {
  const { off, on, dead } = turns
  const processor = (some: readonly Turn[]) => some.map(({ processorMs }) => [processorMs])
  const released = (some: readonly Turn[]) => some.map(({ releasedMs }) => releasedMs)
  const against = (
    label: string,
    of: (some: readonly Turn[]) => readonly (readonly number[])[],
    limit?: number,
  ): readonly Figure[] =>
    (
      [
        ['on', on],
        ['nobody there', dead],
      ] as const
    ).map(([way, some]) => {
      const ratio = ratioOfMedians(of(some), of(off))
      return {
        metric: `${label}, ${way}, times off`,
        value: ratio.value,
        unit: 'times',
        ...(limit === undefined ? {} : { limit }),
        ratio,
      }
    })
  return [
    {
      metric: 'processor time of a lifecycle, on',
      value: mean(on.map(({ processorMs }) => processorMs)),
      unit: 'ms',
      peer: mean(off.map(({ processorMs }) => processorMs)),
    },
    ...against('processor time of a lifecycle', processor, 1.05),
    {
      metric: 'created → gate gone, on, p50',
      value: median(released(on).flat()),
      unit: 'ms',
      peer: median(released(off).flat()),
    },
    {
      metric: 'created → gate gone, on, p99',
      value: quantile(released(on).flat(), 0.99),
      unit: 'ms',
      peer: quantile(released(off).flat(), 0.99),
    },
    ...against('created → gate gone, p50', released, 1.05),
    { metric: `${queued} events that wait`, value: waitingMb, unit: 'MB', limit: 20 },
  ]
}

/** Each way once in each round, in another order each time. */
const plan = (): readonly { readonly way: Way; readonly round: number }[] =>
  Array.from({ length: rounds + 1 }, (_, round) => {
    const first = round % ways.length
    return [...ways.slice(first), ...ways.slice(0, first)].map((way) => ({ way, round }))
  }).flat()

/**
 * What it costs to tell others what happens: CloudEvents, spans and notifications, to someone who takes them and to nobody, against neither.
 * Kubernetes Events and figures for Prometheus are there always.
 *
 * Deployments of one pod with a task before its rollout and one after it, six at a time. Processor time is that of all replicas
 * of the lifecycle operator, from before the first is created until three seconds after the last is completed. Gates are
 * timed from the instant just before the request that creates a Deployment to the instant at which a watch tells that its
 * pod has none. All three ways have a turn of 48 in each round, in another order each time, in the same processes: the
 * settings are changed while they run. Who takes what is told is a process of its own. What waits is measured in another.
 */
export const telemetry = (world: World): Promise<Result> =>
  withLifecycles(world, async ({ check }) => {
    const { client, cluster, signal } = world
    await createNamespace(world, namespace)
    await client.create(KeptnConfig, {
      apiVersion: `${KeptnConfig.group}/${KeptnConfig.version}`,
      kind: 'KeptnConfig',
      metadata: { namespace: systemNamespace, name: configName },
      spec: {},
    } as never)
    const { port, posted, close } = await startReceiver(cluster.hostAddress)
    try {
      const log = pino({ level: 'silent' })
      const running: Running = {
        world,
        gates: await watchGates({ client, log, signal, namespace }),
        completed: await watchCompletions(world, namespace, { signal, timeoutMs }),
        processes: await processesOf(cluster, 'lifecycle-operator'),
      }
      const turns: Record<Way, Turn[]> = { off: [], on: [], dead: [] }
      for (const { way, round } of plan()) {
        await setWay(world, way, port)
        const turn = await runTurn(running, `${way}-${round}`)
        // The first round warms up.
        if (round > 0) turns[way].push(turn)
      }
      check()
      const requests = await posted()
      for (const path of ['/events', '/v1/traces', '/notifications']) {
        if (requests[path] === undefined) throw new Error(`Nothing was posted to ${path}`)
      }
      return {
        name: 'telemetry',
        figures: figuresOf(turns, await queueMegabytes(cluster.hostAddress)),
        notes: [
          `${rounds} rounds.`,
          ...Object.entries(requests).map(([path, count]) => `Posted to ${path}: ${count}.`),
        ],
        samples: Object.fromEntries(
          ways.flatMap((way) => [
            [`${way}, processor`, turns[way].map(({ processorMs }) => processorMs)],
            [`${way}, released`, turns[way].flatMap(({ releasedMs }) => releasedMs)],
            [`${way}, completed`, turns[way].flatMap(({ completedMs }) => completedMs)],
          ]),
        ),
      }
    } finally {
      close()
      await client.delete(KeptnConfig, { namespace: systemNamespace, name: configName })
    }
  })
