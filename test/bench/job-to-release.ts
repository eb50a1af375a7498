import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { KeptnTaskDefinition } from '../../api/index.ts'
import { Job, Pod } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { startReflector } from '../../kube/reflector.ts'
import { endJobPods } from './fake-node.ts'
import type { Result } from './result.ts'
import { median, quantile } from './statistics.ts'
import type { World } from './world.ts'

const count = 200
/** Few enough under way at a time that they don't wait for each other. */
const everyMs = 250
const definition = 'check'

const defineTask = async ({ apply, namespace }: World): Promise<void> => {
  await apply(`
apiVersion: ${KeptnTaskDefinition.group}/${KeptnTaskDefinition.version}
kind: KeptnTaskDefinition
metadata: {name: ${definition}, namespace: ${namespace}}
spec: {container: {name: check, image: 'localhost/pause:1'}}
`)
}

const isComplete = (job: Job | undefined): boolean =>
  job?.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') ??
  false

/** When the Job of each workload was complete, by the workload's name. */
const watchJobs = async (world: World): Promise<ReadonlyMap<string, number>> => {
  const { client, namespace, signal } = world
  const completedAt = new Map<string, number>()
  const jobs = startReflector<Job>({
    ...{ client, namespace, signal, type: Job },
    log: pino({ level: 'silent' }),
  })
  jobs.store.subscribe(({ now, before }) => {
    if (!isComplete(now) || isComplete(before)) return
    completedAt.set(now?.metadata.annotations?.[keys.app] ?? '', performance.now())
  })
  await jobs.synced
  return completedAt
}

const endPodsOfJobs = async (world: World): Promise<{ readonly errors: readonly unknown[] }> => {
  const { client, namespace, signal } = world
  const errors: unknown[] = []
  const pods = startReflector<Pod>({
    ...{ client, namespace, signal, type: Pod },
    labelSelector: 'batch.kubernetes.io/job-name',
    log: pino({ level: 'silent' }),
  })
  endJobPods(client, pods.store, { signal, onError: (error) => errors.push(error) })
  await pods.synced
  return { errors }
}

/**
 * How long a passed check holds its workload.
 *
 * From the instant at which a watch tells that the Job of the only pre-deployment task is complete, to the instant at which
 * a watch of the same process tells of the pod without the gate: KeptnTask's outcome, the version's verdict, the gate. The
 * Jobs' pods end as soon as they are bound, by hand; the Job controller then completes the Job as it always does. A
 * Deployment every quarter of a second. No peer in the run: nothing but a system with tasks could be one.
 */
export const jobToRelease = async (world: World): Promise<Result> => {
  await defineTask(world)
  const completedAt = await watchJobs(world)
  const { errors } = await endPodsOfJobs(world)
  const releases: Promise<number>[] = []
  for (let index = 0; index < count; index++) {
    const release = world
      .release({ [keys.preDeploymentTasks]: definition })
      .then(({ name, openedAt }) => openedAt - (completedAt.get(name) ?? Number.NaN))
    releases.push(release)
    await pause(everyMs)
  }
  const took = await Promise.all(releases)
  if (errors.length > 0) throw new Error('Cannot end the pods of Jobs', { cause: errors[0] })
  if (took.some(Number.isNaN)) throw new Error('A gate was opened before its Job was complete')
  return {
    name: 'job-to-release',
    figures: [
      { metric: 'Job complete → gate gone, p50', value: median(took), unit: 'ms' },
      {
        metric: 'Job complete → gate gone, p99',
        value: quantile(took, 0.99),
        unit: 'ms',
        limit: 250,
      },
    ],
    notes: [`${count} Deployments. Keptn, measured once on a cluster like this: 17 s.`],
    samples: { gatekept: took },
  }
}
