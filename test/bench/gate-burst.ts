import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { KeptnApp, KeptnAppContext, KeptnWorkloadVersion } from '../../api/index.ts'
import { Deployment, Job, Namespace, Pod } from '../../api/kubernetes.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { startReflector } from '../../kube/reflector.ts'
import { isPassed } from '../../gate/verdict.ts'
import { taskLabel } from '../../lifecycle/task/job.ts'
import { eventually } from '../eventually.ts'
import { countCalls, endOf, isWrite, readCalls, untilQuiet, type Call } from './audit.ts'
import { completeJob, runPod } from './fake-node.ts'
import { controllerFlags, createNamespace, taskName } from './lifecycles.ts'
import type { Closed, Orders } from './plain-opening.ts'
import type { Detail, Result } from './result.ts'
import type { Sizes } from './sizes.ts'
import { median, ratioOfMedians } from './statistics.ts'
import { deploymentOf, type World } from './world.ts'

const namespace = 'bench-held'
const plainNamespace = 'bench-held-plain'

const workloads = 50
const podsOfWorkload = 20
const count = workloads * podsOfWorkload
const rounds = 6
const podsOfOther = 50
const timeoutMs = 600_000

/** Which pods belong together. */
const groupLabel = 'example.com/bench-group'
/** Nobody takes it away: no pod is bound, so that all that happens when our gate goes is that it goes. */
const foreignGate = 'example.com/bench'

/** What the peer takes away. */
const plainGate = 'example.com/plain'
const plainLabel = 'example.com/held'

const log = pino({ level: 'silent' })

interface Group {
  readonly name: string
  readonly workloads: number
  readonly podsOfWorkload: number
}

const workloadNames = ({ name, workloads: length }: Group): readonly string[] =>
  Array.from({ length }, (_, index) => `${name}-${String(index).padStart(3, '0')}`)

/** Creates the Deployments of a group. Its pods have the gate of the plain peer from their template, or get ours. */
const createDeployments = async (
  { client }: World,
  at: { readonly namespace: string },
  group: Group,
  gates: readonly string[],
): Promise<void> => {
  await Promise.all(
    workloadNames(group).map((workload) => {
      const deployment = deploymentOf(workload, at, {
        annotations: {
          [keys.app]: group.name,
          [keys.workload]: workload,
          [keys.version]: '1.0.0',
        },
        labels: {
          [groupLabel]: group.name,
          ...(gates.includes(plainGate) ? { [plainLabel]: 'true' } : {}),
        },
        schedulingGates: [foreignGate, ...gates].map((name) => ({ name })),
      })
      return client.create(Deployment, {
        ...deployment,
        spec: { ...deployment.spec, replicas: group.podsOfWorkload },
      })
    }),
  )
}

/** Makes an app that waits for its only task, and the Deployments of its workloads. */
const createApp = async (world: World, group: Group): Promise<void> => {
  const { client } = world
  const metadata = { name: group.name, namespace }
  const apiVersion = `${KeptnApp.group}/${KeptnApp.version}`
  await client.create(KeptnAppContext, {
    ...{ apiVersion, kind: 'KeptnAppContext', metadata },
    spec: { preDeploymentTasks: [taskName] },
  } as never)
  await client.create(KeptnApp, {
    ...{ apiVersion, kind: 'KeptnApp', metadata },
    spec: {
      version: '1.0.0',
      workloads: workloadNames(group).map((name) => ({ name, version: '1.0.0' })),
    },
  } as never)
  await createDeployments(world, { namespace }, group, [])
}

interface Watched {
  /** Resolves once so many pods carry the gate; gives them. */
  readonly held: (pods: number) => Promise<readonly Pod[]>
  /** When a watch told that the last of these pods has lost the gate. */
  readonly opened: () => Promise<number>
  readonly stop: () => void
}

const carries =
  (gate: string) =>
  ({ spec }: Pod): boolean =>
    spec.schedulingGates?.some(({ name }) => name === gate) ?? false

/** Watches the pods of a group. */
const watchPods = async (
  { client }: World,
  at: { readonly namespace: string; readonly group: Group; readonly gate: string },
): Promise<Watched> => {
  const stopping = new AbortController()
  const closed = new Set<string>()
  const isClosed = carries(at.gate)
  let hasChanged = Promise.withResolvers<undefined>()
  let lastOpenedAt = Number.NaN
  const pods = startReflector<Pod>({
    ...{ client, log, type: Pod, namespace: at.namespace, signal: stopping.signal },
    labelSelector: `${groupLabel}=${at.group.name}`,
  })
  pods.store.subscribe(({ now, before }) => {
    const { name } = (now ?? before)?.metadata ?? { name: '' }
    if (now !== undefined && isClosed(now)) closed.add(name)
    else if (closed.delete(name)) lastOpenedAt = performance.now()
    hasChanged.resolve(undefined)
    hasChanged = Promise.withResolvers<undefined>()
  })
  await pods.synced
  const until = async (isTrue: () => boolean): Promise<void> => {
    const deadline = AbortSignal.timeout(timeoutMs)
    while (!isTrue()) {
      deadline.throwIfAborted()
      await hasChanged.promise
    }
  }
  return {
    held: async (wanted) => {
      await until(() => closed.size >= wanted)
      return [...pods.store.all()]
    },
    opened: async () => {
      await until(() => closed.size === 0)
      return lastOpenedAt
    },
    stop: () => stopping.abort(),
  }
}

/** When a watch told of the first verdict of a group that lets pods go, and of the last. */
const watchVerdicts = async ({ client, signal }: World) => {
  const passedAt = new Map<string, number>()
  const versions = startReflector<KeptnWorkloadVersion>({
    ...{ client, log, signal, namespace, type: KeptnWorkloadVersion },
  })
  versions.store.subscribe(({ now }) => {
    if (now === undefined || !isPassed(now) || passedAt.has(now.metadata.name)) return
    passedAt.set(now.metadata.name, performance.now())
  })
  await versions.synced
  const namesOf = (group: Group): readonly string[] =>
    [...versions.store.all()]
      .filter(({ spec }) => spec.app === group.name)
      .map(({ metadata }) => metadata.name)
  return {
    areKnown: (group: Group): boolean => namesOf(group).length === group.workloads,
    instants: (group: Group): readonly number[] =>
      namesOf(group).map((name) => passedAt.get(name) ?? Number.NaN),
  }
}
type Verdicts = Awaited<ReturnType<typeof watchVerdicts>>

/** The Job of an app's only task, as soon as there is one. */
const jobOf = ({ client }: World, app: string): Promise<Job> =>
  eventually(
    async () => {
      const { items } = await client.list(Job, { namespace, labelSelector: taskLabel })
      const found = items.find(({ metadata }) => metadata.annotations?.[keys.app] === app)
      if (found === undefined) throw new Error(`Cannot find the Job of app "${app}"`)
      return found
    },
    { timeoutMs: 60_000, everyMs: 200 },
  )

/** What became of the pods that were let go together. */
interface Burst {
  /** From the first verdict that a watch told of until the last gate was gone. */
  readonly openedMs: number
  /** From the first verdict to the last. */
  readonly verdictsMs: number
  /** From just before the write that ends the app's Job. */
  readonly wholeMs: number
  /** Our writes to these pods, with what follows. */
  readonly toPods: readonly Call[]
  readonly others: readonly Call[]
}

const runBurst = async (world: World, verdicts: Verdicts, name: string): Promise<Burst> => {
  const { client, cluster } = world
  const group: Group = { name, workloads, podsOfWorkload }
  const watched = await watchPods(world, { namespace, group, gate: gateName })
  try {
    await createApp(world, group)
    const pods = await watched.held(count)
    const job = await jobOf(world, name)
    await runPod(client, job)
    await eventually(
      () => {
        if (!verdicts.areKnown(group)) throw new Error(`Not all versions of "${name}" are there`)
      },
      { timeoutMs: 60_000, everyMs: 50 },
    )
    const from = endOf(cluster.auditLog)
    const startedAt = performance.now()
    await completeJob(client, job)
    const openedAt = await watched.opened()
    await untilQuiet(cluster.auditLog)
    const passed = verdicts.instants(group)
    const names = new Set(pods.map(({ metadata }) => metadata.name))
    const writes = (await readCalls(cluster.auditLog, from)).filter(
      (call) => call.isOurs && isWrite(call),
    )
    const isToPod = (call: Call): boolean =>
      call.resource.startsWith('pods') && names.has(call.name)
    return {
      openedMs: openedAt - Math.min(...passed),
      verdictsMs: Math.max(...passed) - Math.min(...passed),
      wholeMs: openedAt - startedAt,
      toPods: writes.filter(isToPod),
      others: writes.filter((call) => !isToPod(call)),
    }
  } finally {
    watched.stop()
  }
}

interface Plain {
  /** Opens as many pods; gives how long it took. */
  readonly run: (name: string) => Promise<number>
  readonly stop: () => void
}

const startPlain = async (world: World): Promise<Plain> => {
  const { client, connection } = world
  const { server, ca, cert = '', key = '' } = connection
  const at = { namespace: plainNamespace }
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: plainNamespace },
  })
  // The ReplicaSet controller refuses to make pods before the namespace has its service account.
  await pause(1_000)
  const child = fork(join(import.meta.dirname, 'plain-opening.ts'))
  const ended = once(child, 'exit').then(() => {
    throw new Error('The process that opens has ended')
  })
  // It ends when it is told to: then nobody waits for it.
  ended.catch(() => undefined)
  const answer = async (): Promise<unknown> => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as [unknown]
    return message
  }
  const ready = answer()
  child.send({
    ...{ server: server.href, ca, cert, key },
    ...{ ...at, gate: plainGate, label: plainLabel },
  } satisfies Orders)
  await ready
  return {
    run: async (name) => {
      const group: Group = { name, workloads, podsOfWorkload }
      const watched = await watchPods(world, { ...at, group, gate: plainGate })
      try {
        await createDeployments(world, at, group, [plainGate])
        const pods = await watched.held(count)
        await untilQuiet(world.cluster.auditLog)
        const took = answer()
        child.send(pods.map(({ metadata }): Closed => ({ name: metadata.name, uid: metadata.uid })))
        const tookMs = Number(await took)
        await watched.opened()
        return tookMs
      } finally {
        watched.stop()
      }
    },
    stop: () => child.disconnect(),
  }
}

/** The pods that stay held all the while; done when nothing more is written about them. */
const createOthers = async (world: World, others: number): Promise<void> => {
  const group: Group = {
    name: 'other',
    workloads: others / podsOfOther,
    podsOfWorkload: podsOfOther,
  }
  const watched = await watchPods(world, { namespace, group, gate: gateName })
  try {
    await createApp(world, group)
    await watched.held(others)
  } finally {
    watched.stop()
  }
  await untilQuiet(world.cluster.auditLog)
}

const perSecond = (ms: number): number => (count / ms) * 1_000

const summary = (bursts: readonly Burst[], plainMs: readonly number[], others: number): Result => {
  const rates = bursts.map(({ openedMs }) => perSecond(openedMs))
  const plainRates = plainMs.map(perSecond)
  const ratio = ratioOfMedians(
    rates.map((rate) => [rate]),
    plainRates.map((rate) => [rate]),
  )
  const perPod = (calls: readonly Call[]): readonly Detail[] =>
    countCalls(calls)
      .map(({ what, count: all }) => ({ what, values: { 'a pod': all / bursts.length / count } }))
      .map(({ what, values }) => ({ what, values: { 'a pod': values['a pod'].toFixed(3) } }))
  return {
    name: 'gate-burst',
    figures: [
      {
        metric: 'first verdict → last gate gone, pods a second',
        value: median(rates),
        unit: '/s',
        peer: median(plainRates),
      },
      { metric: 'times plain patches', value: ratio.value, unit: 'times', least: 0.85, ratio },
      {
        metric: 'our writes to each pod',
        value: Math.max(...bursts.map(({ toPods }) => toPods.length / count)),
        unit: 'calls',
        limit: 1,
      },
      {
        metric: 'first verdict → last verdict',
        value: median(bursts.map(({ verdictsMs }) => verdictsMs)),
        unit: 'ms',
      },
      {
        metric: "end of the app's Job → last gate gone",
        value: median(bursts.map(({ wholeMs }) => wholeMs)),
        unit: 'ms',
      },
    ],
    notes: [`${rounds} times ${count} pods of ${workloads} versions, with ${others} others held.`],
    details: perPod(bursts.flatMap(({ toPods, others: rest }) => [...toPods, ...rest])),
    samples: {
      gatekept: bursts.map(({ openedMs }) => openedMs),
      plain: plainMs,
      verdicts: bursts.map(({ verdictsMs }) => verdictsMs),
    },
  }
}

const say = ({ openedMs, toPods }: Burst, plainMs: number): void => {
  const texts = [
    `${perSecond(openedMs).toFixed(0)}/s`,
    `plain ${perSecond(plainMs).toFixed(0)}/s`,
    `${(toPods.length / count).toFixed(2)} writes a pod`,
  ]
  process.stderr.write(`  ${texts.join(', ')}\n`)
}

/**
 * How fast gates open where many open at once.
 *
 * An app of 50 workloads of 20 pods each waits for its only task; its Job ends, and so all 50 versions pass. From the instant at
 * which a watch tells of the first stored verdict to that at which a watch tells that the last of the 1,000 gates is gone. In the
 * same namespace another app keeps 10,000 pods held all the while. All pods carry a second gate that stays, so that nothing is
 * bound meanwhile; the Job controller is off. Writes are counted in the API server's audit log until nothing more is written.
 *
 * In turns with a process that knows the pods and sends the same patch to 1,000 of a namespace that nobody manages,
 * with as many requests at once as one of our processes.
 */
export const gateBurst = async (world: World, { others }: Sizes): Promise<Result> => {
  await world.cluster.restart('controller-manager', controllerFlags)
  try {
    await createNamespace(world, namespace)
    const verdicts = await watchVerdicts(world)
    await createOthers(world, others)
    const plain = await startPlain(world)
    try {
      await plain.run('warm-up')
      await runBurst(world, verdicts, 'warm-up')
      const bursts: Burst[] = []
      const plainMs: number[] = []
      for (let round = 0; round < rounds; round++) {
        const plainTook = await plain.run(`round-${round}`)
        const burst = await runBurst(world, verdicts, `round-${round}`)
        plainMs.push(plainTook)
        bursts.push(burst)
        say(burst, plainTook)
      }
      return summary(bursts, plainMs, others)
    } finally {
      plain.stop()
    }
  } finally {
    await world.cluster.restart('controller-manager')
  }
}
