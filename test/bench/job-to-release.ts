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
/** Most of a task's time is the Job controller's, which looks at a Job once a second; these don't wait for each other. */
const atOnce = 4
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

/** Answers when the Job of a workload was complete, by the workload's name, once it is. */
const watchJobs = async (world: World): Promise<(workload: string) => Promise<number>> => {
  const { client, namespace, signal } = world
  const completions = new Map<string, PromiseWithResolvers<number>>()
  const completionOf = (workload: string): PromiseWithResolvers<number> => {
    const known = completions.get(workload) ?? Promise.withResolvers<number>()
    completions.set(workload, known)
    return known
  }
  const jobs = startReflector<Job>({
    ...{ client, namespace, signal, type: Job },
    log: pino({ level: 'silent' }),
  })
  jobs.store.subscribe(({ now }) => {
    if (isComplete(now)) {
      completionOf(now?.metadata.annotations?.[keys.app] ?? '').resolve(performance.now())
    }
  })
  await jobs.synced
  return (workload) => completionOf(workload).promise
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
 * Jobs' pods end as soon as they are bound, by hand; the Job controller then completes the Job as it always does. Four
 * Deployments are under way at a time. No peer in the run: nothing but a system with tasks could be one.
 */
export const jobToRelease = async (world: World): Promise<Result> => {
  await defineTask(world)
  const completionOf = await watchJobs(world)
  const { errors } = await endPodsOfJobs(world)
  const took: number[] = []
  const loop = async (): Promise<void> => {
    for (let left = count / atOnce; left > 0; left--) {
      const { name, openedAt } = await world.release({ [keys.preDeploymentTasks]: definition })
      // Two watches: on a busy machine the one may tell of the end before the other tells of the beginning.
      took.push(openedAt - (await completionOf(name)))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, loop))
  if (errors.length > 0) throw new Error('Cannot end the pods of Jobs', { cause: errors[0] })
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
