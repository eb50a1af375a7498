import { pino } from 'pino'
import { KeptnTaskDefinition, KeptnWorkloadVersion } from '../../api/index.ts'
import { Deployment, Job, Pod } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { startReflector } from '../../kube/reflector.ts'
import { completedPhase, workloadPhases } from '../../lifecycle/phases.ts'
import { defineEvaluation, evaluationName, startPrometheus } from './evaluations.ts'
import { endJobPods, startPods } from './fake-node.ts'
import { createInstants, type Instants } from './instants.ts'
import { checkedDeployment, createNamespace, taskName } from './lifecycles.ts'
import type { Figure, Result } from './result.ts'
import { median, quantile } from './statistics.ts'
import type { World } from './world.ts'

const releases = 200
const lifecycles = 100
/** Most of a task's time is the Job controller's, which looks at a Job once a second; these don't wait for each other. */
const atOnce = 4
/** Of the Deployments that go through all phases. */
const phasesNamespace = 'bench-phases'
const limitMs = 250

const log = pino({ level: 'silent' })

const defineTask = async ({ apply, namespace }: World): Promise<void> => {
  await apply(`
apiVersion: ${KeptnTaskDefinition.group}/${KeptnTaskDefinition.version}
kind: KeptnTaskDefinition
metadata: {name: ${taskName}, namespace: ${namespace}}
spec: {container: {name: check, image: 'localhost/pause:1'}}
`)
}

const isComplete = (job: Job | undefined): boolean =>
  job?.status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') ??
  false

/** What is told when the Job of a workload's task before (`pre`) or after (`post`) its rollout is complete. */
const jobOf = (checkType: string, workload: string): string =>
  `Job of the ${checkType}-task of ${workload}`

/** What is told when a workload has gone on after the tasks before or after its rollout. */
const nextOf = (checkType: string, workload: string): string =>
  `the phase after the ${checkType}-tasks of ${workload}`

/** Tells when Jobs of a namespace are complete. */
const watchJobs = async (world: World, namespace: string, instants: Instants): Promise<void> => {
  const { client, signal } = world
  const jobs = startReflector<Job>({ client, namespace, signal, type: Job, log })
  jobs.store.subscribe(({ now }) => {
    if (now === undefined || !isComplete(now)) return
    const { name, annotations = {} } = now.metadata
    instants.tell(jobOf(name.split('-')[0] ?? '', annotations[keys.app] ?? ''))
  })
  await jobs.synced
}

const order: readonly string[] = [...workloadPhases.map(({ name }) => name), completedPhase]

/** Tells when workload versions of a namespace have gone on after their tasks. */
const watchPhases = async (world: World, instants: Instants): Promise<void> => {
  const { client, signal } = world
  const versions = startReflector<KeptnWorkloadVersion>({
    ...{ client, namespace: phasesNamespace, signal, log },
    type: KeptnWorkloadVersion,
  })
  versions.store.subscribe(({ now }) => {
    const reached = order.indexOf(now?.status?.currentPhase ?? '')
    for (const phase of workloadPhases) {
      if (phase.runs !== 'tasks' || reached <= order.indexOf(phase.name)) continue
      instants.tell(nextOf(phase.checkType, now?.spec.app ?? ''))
    }
  })
  await versions.synced
}

/** Ends the pods of a namespace's Jobs as soon as they are bound; also starts all others, if asked to. */
const runPods = async (
  world: World,
  namespace: string,
  errors: unknown[],
  { withOthers }: { readonly withOthers: boolean },
): Promise<void> => {
  const { client, signal } = world
  const options = { signal, onError: (error: unknown) => errors.push(error) }
  const reflected = { client, namespace, signal, type: Pod, log }
  const ofJob = 'batch.kubernetes.io/job-name'
  const ofJobs = startReflector<Pod>({ ...reflected, labelSelector: ofJob })
  endJobPods(client, ofJobs.store, options)
  await ofJobs.synced
  if (!withOthers) return
  const others = startReflector<Pod>({ ...reflected, labelSelector: `!${ofJob}` })
  startPods(client, others.store, options)
  await others.synced
}

/** Does something so often, some at a time. */
const repeat = async (count: number, run: (index: number) => Promise<void>): Promise<void> => {
  let next = 0
  const loop = async (): Promise<void> => {
    while (next < count) await run(next++)
  }
  await Promise.all(Array.from({ length: atOnce }, loop))
}

const measureReleases = async (world: World, errors: unknown[]): Promise<readonly number[]> => {
  const { namespace } = world
  const instants = createInstants()
  await defineTask(world)
  await watchJobs(world, namespace, instants)
  await runPods(world, namespace, errors, { withOthers: false })
  const took: number[] = []
  await repeat(releases, async () => {
    const { name, openedAt } = await world.release({ [keys.preDeploymentTasks]: taskName })
    // Two watches: on a busy machine the one may tell of the end before the other tells of the beginning.
    took.push(openedAt - (await instants.when(jobOf('pre', name))))
  })
  return took
}

interface Phases {
  readonly pre: readonly number[]
  readonly post: readonly number[]
}

const measurePhases = async (world: World, errors: unknown[]): Promise<Phases> => {
  const namespace = phasesNamespace
  const instants = createInstants()
  const prometheus = await startPrometheus(world.cluster.hostAddress)
  try {
    await createNamespace(world, namespace)
    await defineEvaluation(world, { namespace, url: prometheus.url })
    await watchJobs(world, namespace, instants)
    await watchPhases(world, instants)
    await runPods(world, namespace, errors, { withOthers: true })
    const took = { pre: [] as number[], post: [] as number[] }
    const untilNext = async (checkType: keyof Phases, name: string): Promise<void> => {
      const completeAt = await instants.when(jobOf(checkType, name))
      took[checkType].push((await instants.when(nextOf(checkType, name))) - completeAt)
    }
    await repeat(lifecycles, async (index) => {
      const name = `phases-${String(index).padStart(3, '0')}`
      const deployment = checkedDeployment(
        { namespace, name },
        {
          [keys.preDeploymentEvaluations]: evaluationName,
          [keys.postDeploymentEvaluations]: evaluationName,
        },
      )
      await world.client.create(Deployment, deployment)
      await untilNext('pre', name)
      await untilNext('post', name)
    })
    return took
  } finally {
    prometheus.close()
  }
}

const figuresOf = (metric: string, took: readonly number[]): readonly Figure[] => [
  { metric: `${metric}, p50`, value: median(took), unit: 'ms' },
  { metric: `${metric}, p99`, value: quantile(took, 0.99), unit: 'ms', limit: limitMs },
]

/**
 * How long a passed check holds what comes after it.
 *
 * From the instant at which a watch tells that the Job of a phase's only task is complete, to the instant at which a watch of
 * the same process tells of what comes next. First of the pod without the gate, where nothing else is checked: KeptnTask's
 * outcome, the version's verdict, the gate. Then, with Deployments of their own, of the version in its next phase, where that has
 * an evaluation: before the rollout and after it.
 *
 * The Jobs' pods end as soon as they are bound, by hand; the Job controller then completes the Job as it always does. Four
 * Deployments are under way at a time. No peer in the run: nothing but a system with tasks could be one.
 */
export const jobToRelease = async (world: World): Promise<Result> => {
  const errors: unknown[] = []
  const released = await measureReleases(world, errors)
  const { pre, post } = await measurePhases(world, errors)
  if (errors.length > 0) throw new Error('Cannot end or start pods', { cause: errors[0] })
  return {
    name: 'job-to-release',
    figures: [
      ...figuresOf('Job complete → gate gone', released),
      ...figuresOf('Job before rollout complete → evaluations begun', pre),
      ...figuresOf('Job after rollout complete → evaluations begun', post),
    ],
    notes: [
      `${releases} Deployments, and ${lifecycles} with evaluations.`,
      'Keptn, measured once on a cluster like this: 17 s until the gate is gone.',
    ],
    samples: { gatekept: released, beforeRollout: pre, afterRollout: post },
  }
}
