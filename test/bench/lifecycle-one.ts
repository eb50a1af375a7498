import { setTimeout as pause } from 'node:timers/promises'
import { Deployment, Job, Pod } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { eventually } from '../eventually.ts'
import {
  callsOfEach,
  countCalls,
  endOf,
  isEvent,
  isRead,
  isWrite,
  readCalls,
  type Call,
} from './audit.ts'
import { defineEvaluation, evaluationName, startPrometheus } from './evaluations.ts'
import {
  checkedDeployment,
  createNamespace,
  waitingNamespace,
  watchCompletions,
  withLifecycles,
  type Completion,
} from './lifecycles.ts'
import type { Figure, Result } from './result.ts'
import { median, quantile } from './statistics.ts'
import type { World } from './world.ts'

const count = 100
const warmUps = 5
/** What follows the completion (the released list, Jobs' lives, events) is over by then. */
const settleMs = 400
/** Events are held back for a second at most. */
const quietMs = 3_000
const waitingMs = 20_000
const timeoutMs = 60_000

const namespace = 'bench-lifecycle'

const annotations = { [keys.preDeploymentEvaluations]: evaluationName }

const runOne = async (world: World, name: string, completed: Completion): Promise<number> => {
  const startedAt = performance.now()
  await world.client.create(Deployment, checkedDeployment({ namespace, name }, annotations))
  return (await completed(name)) - startedAt
}

/** What we ask while a task runs whose Job does not end, once its pod has said that it is held; the lease and watches aside. */
const callsWhileWaiting = async (world: World): Promise<readonly Call[]> => {
  const { client, cluster } = world
  await createNamespace(world, waitingNamespace)
  await client.create(
    Deployment,
    checkedDeployment({ namespace: waitingNamespace, name: 'waiting' }),
  )
  const job = await eventually(
    async () => {
      const [found] = (await client.list(Job, { namespace: waitingNamespace })).items
      if (found === undefined) throw new Error('The task has no Job yet')
      return found
    },
    { timeoutMs: 30_000 },
  )
  // What the Job controller says of a Job whose pod runs: why one does not start would be asked for.
  await client.patch(Job, {
    namespace: waitingNamespace,
    name: job.metadata.name,
    patchType: 'merge',
    subresource: 'status',
    patch: { status: { active: 1, ready: 1, startTime: new Date().toISOString() } },
  })
  await eventually(
    async () => {
      const { items } = await client.list(Pod, {
        namespace: waitingNamespace,
        labelSelector: 'gatekept.dev/held',
      })
      if (items.length === 0) throw new Error('The pod has not said yet that it is held')
    },
    { timeoutMs: 30_000 },
  )
  await pause(quietMs)
  const from = endOf(cluster.auditLog)
  await pause(waitingMs)
  const calls = await readCalls(cluster.auditLog, from)
  return calls.filter((call) => call.isOurs && call.resource !== 'leases')
}

/** What a lifecycle's records and pods are, and the released list of their namespace. */
const isOfLifecycle = (call: Call): boolean =>
  call.namespace === namespace || (call.resource === 'namespaces' && call.name === namespace)

const figuresOf = (
  took: readonly number[],
  calls: readonly Call[],
  waiting: readonly Call[],
): readonly Figure[] => {
  const ours = calls.filter(({ isOurs }) => isOurs)
  const each = (some: readonly Call[]): number => some.length / count
  const writes = ours.filter(isWrite)
  return [
    { metric: 'created → completed, p50', value: median(took), unit: 'ms' },
    { metric: 'created → completed, p95', value: quantile(took, 0.95), unit: 'ms', limit: 1_000 },
    {
      metric: 'our writes, with that of the pod',
      value: each(writes.filter((call) => !isEvent(call))),
      unit: 'calls',
      limit: 31,
    },
    { metric: 'our events', value: each(writes.filter(isEvent)), unit: 'calls' },
    { metric: 'our reads', value: each(ours.filter(isRead)), unit: 'calls', limit: 2 },
    {
      metric: "others' writes",
      value: each(calls.filter((call) => !call.isOurs && isWrite(call))),
      unit: 'calls',
    },
    {
      metric: `requests in ${waitingMs / 1000} s of waiting`,
      value: waiting.length,
      unit: 'calls',
      limit: 0,
    },
  ]
}

/**
 * How long a whole lifecycle takes, and what it asks of the API server.
 *
 * From the instant just before the request that creates a Deployment of one pod is sent, to the instant at which a watch of the
 * benchmark's own tells that its app version has succeeded. Between them a task before the rollout and one after it, and an
 * evaluation of a metric that has its value already. Jobs end and the pod is ready as soon as they are there, by the
 * benchmark's writes; the Job controller is off. One Deployment at a time. Calls are those in the API server's audit log, as
 * means; then those while the task of one more Deployment runs. No peer in the run.
 */
export const lifecycleOne = (world: World): Promise<Result> =>
  withLifecycles(world, async ({ check }) => {
    const { cluster, signal } = world
    await createNamespace(world, namespace)
    const prometheus = await startPrometheus(cluster.hostAddress)
    try {
      await defineEvaluation(world, { namespace, url: prometheus.url })
      const completed = await watchCompletions(world, namespace, { signal, timeoutMs })
      for (let index = 0; index < warmUps; index++)
        await runOne(world, `warm-up-${index}`, completed)
      await pause(quietMs)
      const from = endOf(cluster.auditLog)
      const took: number[] = []
      for (let index = 0; index < count; index++) {
        took.push(await runOne(world, `one-${String(index).padStart(3, '0')}`, completed))
        await pause(settleMs)
      }
      await pause(quietMs)
      const calls = (await readCalls(cluster.auditLog, from)).filter(isOfLifecycle)
      const waiting = await callsWhileWaiting(world)
      check()
      return {
        name: 'lifecycle-one',
        figures: figuresOf(took, calls, waiting),
        notes: [
          `${count} Deployments.`,
          ...countCalls(waiting).map(({ what, count: all }) => `While waiting: ${all} ${what}.`),
        ],
        details: callsOfEach('a lifecycle', count, calls),
        samples: { gatekept: took },
      }
    } finally {
      prometheus.close()
    }
  })
