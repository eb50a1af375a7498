import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { KeptnTask } from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { startReflector } from '../../kube/reflector.ts'
import { callsOfEach, endOf, isWrite, readCalls, type Call } from './audit.ts'
import { completeJob, runPod } from './fake-node.ts'
import { createInstants, type Instants } from './instants.ts'
import {
  burstNamespace as namespace,
  createNamespace,
  taskName,
  withLifecycles,
  type Lifecycles,
} from './lifecycles.ts'
import { startPatchRate } from './patch-rate.ts'
import type { Result } from './result.ts'
import { median, quantile } from './statistics.ts'
import type { World } from './world.ts'

const count = 500
const rounds = 5
const warmUp = 50
/** What follows a burst (Jobs' lives, events) is over by then. */
const quietMs = 5_000

const log = pino({ level: 'silent' })

const started = (task: string): string => `the Job of ${task} in its status`
const complete = (task: string): string => `the end of the Job of ${task}`
const recorded = (task: string): string => `the outcome of ${task}`

interface Watched {
  readonly instants: Instants
  /** The Job of a task. */
  readonly jobOf: (task: string) => Job
}

const watch = async ({ client, signal }: World): Promise<Watched> => {
  const instants = createInstants()
  const reflected = { client, namespace, signal, log }
  const tasks = startReflector<KeptnTask>({ ...reflected, type: KeptnTask })
  tasks.store.subscribe(({ now }) => {
    const { jobUid, status } = now?.status ?? {}
    if (now !== undefined && jobUid !== undefined) instants.tell(started(now.metadata.name))
    if (now !== undefined && status === 'Succeeded') instants.tell(recorded(now.metadata.name))
  })
  const taskOf = ({ metadata }: Job): string => metadata.annotations?.[keys.taskName] ?? ''
  const jobs = startReflector<Job>({
    ...reflected,
    type: Job,
    indexes: { task: (job: Job) => [taskOf(job)] },
  })
  jobs.store.subscribe(({ now }) => {
    const isComplete = now?.status?.conditions?.some(({ type }) => type === 'Complete') ?? false
    if (now !== undefined && isComplete) instants.tell(complete(taskOf(now)))
  })
  await Promise.all([tasks.synced, jobs.synced])
  return {
    instants,
    jobOf: (task) => {
      const [job] = jobs.store.by('task', task)
      if (job === undefined) throw new Error(`Cannot find the Job of task "${task}"`)
      return job
    },
  }
}

/** What became of one burst, in milliseconds. */
interface Burst {
  /** From just before the first write that ends a Job until the watch has told of the last. */
  readonly endedMs: number
  /** From the same instant until the watch has told of the last outcome. */
  readonly recordedMs: number
  /** From each Job's end to its task's outcome. */
  readonly each: readonly number[]
  /** All writes, and our reads, with what follows. */
  readonly calls: readonly Call[]
}

interface Running {
  readonly world: World
  readonly lifecycles: Lifecycles
}

const runBurst = async (
  { world, lifecycles }: Running,
  { instants, jobOf }: Watched,
  names: readonly string[],
): Promise<Burst> => {
  const { client } = lifecycles
  const { auditLog } = world.cluster
  const all = <T>(of: (name: string) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(names.map(of))
  await all((name) =>
    client.create(KeptnTask, {
      apiVersion: `${KeptnTask.group}/${KeptnTask.version}`,
      kind: 'KeptnTask',
      metadata: { name, namespace },
      spec: { taskDefinition: taskName },
    } as never),
  )
  await all((name) => instants.when(started(name)))
  await pause(quietMs)
  const jobs = names.map(jobOf)
  await Promise.all(jobs.map((job) => runPod(client, job)))
  await pause(quietMs)
  const logEnd = endOf(auditLog)
  const from = performance.now()
  await Promise.all(jobs.map((job) => completeJob(client, job)))
  const ended = await all((name) => instants.when(complete(name)))
  const outcomes = await all((name) => instants.when(recorded(name)))
  await pause(quietMs)
  return {
    endedMs: Math.max(...ended) - from,
    recordedMs: Math.max(...outcomes) - from,
    each: outcomes.map((at, index) => at - (ended[index] ?? Number.NaN)),
    calls: (await readCalls(auditLog, logEnd)).filter((call) => call.isOurs || isWrite(call)),
  }
}

const resultOf = (bursts: readonly Burst[], rates: readonly number[]): Result => {
  const each = bursts.flatMap((burst) => burst.each)
  const endedMs = bursts.map((burst) => burst.endedMs)
  const recordedMs = bursts.map((burst) => burst.recordedMs)
  return {
    name: 'tasks-burst',
    figures: [
      { metric: 'first Job ends → last Job complete', value: Math.max(...endedMs), unit: 'ms' },
      {
        metric: 'first Job ends → last task recorded',
        value: Math.max(...recordedMs),
        unit: 'ms',
        limit: 3_000,
      },
      { metric: 'Job complete → task recorded, p50', value: median(each), unit: 'ms' },
      { metric: 'Job complete → task recorded, p99', value: quantile(each, 0.99), unit: 'ms' },
    ],
    notes: [
      `${rounds} times ${count} tasks.`,
      `The API server takes ${median(rates).toFixed(0)} plain patches a second.`,
    ],
    details: callsOfEach(
      'a task',
      bursts.length * count,
      bursts.flatMap(({ calls }) => calls),
    ),
    samples: { gatekept: each, endedMs, recordedMs, patchRate: rates },
  }
}

/**
 * How long it takes to record the outcomes of tasks that end together.
 *
 * 500 tasks that were made by hand have each a Job that runs. Then all Jobs end, by the benchmark's writes, as fast as the API
 * server takes them; the Job controller is off. From just before the first of these writes is sent to the instant at which a
 * watch tells of the last task with its outcome; and of each task, from the instant at which a watch tells that its Job is
 * complete to the one at which a watch of the same process tells of its outcome. Five times, each with tasks of its own; the
 * worst of them counts. No peer in the run.
 */
export const tasksBurst = (world: World): Promise<Result> =>
  withLifecycles(world, async (lifecycles) => {
    await createNamespace(world, namespace)
    const watched = await watch(world)
    const running = { world, lifecycles }
    const patches = await startPatchRate(world, 'bench-burst-patches')
    const namesOf = (round: string, length: number): readonly string[] =>
      Array.from({ length }, (_, index) => `${round}-${String(index).padStart(3, '0')}`)
    try {
      await runBurst(running, watched, namesOf('warm-up', warmUp))
      const bursts: Burst[] = []
      const rates: number[] = []
      for (let round = 0; round < rounds; round++) {
        bursts.push(await runBurst(running, watched, namesOf(`round-${round}`, count)))
        rates.push(await patches.measure())
      }
      lifecycles.check()
      return resultOf(bursts, rates)
    } finally {
      patches.stop()
    }
  })
