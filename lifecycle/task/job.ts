/**
 * The Job that runs a task.
 *
 * @module
 */
import type { KeptnTask } from '../../api/index.ts'
import { Job, type JobCondition } from '../../api/kubernetes.ts'
import { ownedBy, type KubeObject } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { childName } from '../../identity/names.ts'
import type { Create, Patch } from '../../kube/decision.ts'
import { leanMetadata } from '../task-definition/function-config-map.ts'
import { podSpec, type PodPlan } from './job-pod.ts'

/** Label of our Jobs and their pods, with the UID of the task. */
export const taskLabel = 'gatekept.dev/task-uid'

/** Annotation of our Jobs: how many seconds one may stay after its outcome is stored. A Job must not know it before. */
export const ttlAnnotation = 'gatekept.dev/ttl-seconds-after-finished'

/**
 * Annotation of our Jobs: the resource versions that its Secrets had when it was made, as a JSON object by name. Whether the
 * values that are read at its end are those that it was given follows from it.
 */
export const secretVersionsAnnotation = 'gatekept.dev/secret-versions'

/** The versions that a Job's Secrets had when it was made; a Secret whose version is not known is left out. */
export const secretVersionsOf = ({ metadata }: KubeObject): Readonly<Record<string, unknown>> => {
  try {
    const found: unknown = JSON.parse(metadata.annotations?.[secretVersionsAnnotation] ?? '{}')
    return typeof found === 'object' && found !== null ? { ...found } : {}
  } catch {
    // Somebody has changed it: then no version is known.
    return {}
  }
}

/** What is kept in memory of a Job: enough to follow it. */
export interface FollowedJob extends KubeObject {
  readonly spec: { readonly ttlSecondsAfterFinished?: number }
  readonly status?: { readonly conditions?: readonly JobCondition[]; readonly ready?: number }
}

/** How a reflector of Jobs has to be set up for the controller of tasks. */
export const taskJobs = {
  type: Job,
  labelSelector: taskLabel,
  project: ({ apiVersion, kind, metadata, spec, status }: Job): FollowedJob => {
    const { ttlSecondsAfterFinished } = spec
    const ttl = metadata.annotations?.[ttlAnnotation]
    return {
      apiVersion,
      kind,
      metadata: leanMetadata(metadata, ttl === undefined ? {} : { [ttlAnnotation]: ttl }),
      spec: ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished },
      ...(status === undefined ? {} : { status: progressOf(status) }),
    }
  },
}

type Progress = NonNullable<FollowedJob['status']>

const progressOf = ({ conditions, ready }: NonNullable<Job['status']>): Progress => ({
  ...(conditions === undefined ? {} : { conditions }),
  ...(ready === undefined ? {} : { ready }),
})

/** How many names a Job may have: the later ones are for when somebody else's Job has the earlier. */
const nameCount = 8

const checkTypes: readonly (string | undefined)[] = ['pre', 'post', 'promotion', 'on-failure']

const prefixOf = ({ checkType }: KeptnTask['spec']): string =>
  // A task made by hand may say anything or nothing here.
  checkTypes.includes(checkType) && checkType !== undefined ? checkType : 'task'

/** The name of a task's Job: always the same, so that the API server lets only one be made. */
export const jobName = (task: KeptnTask, salt: number): string => {
  const { uid } = task.metadata
  const { taskDefinition } = task.spec
  const prefix = prefixOf(task.spec)
  return salt === 0
    ? childName(prefix, taskDefinition, uid)
    : childName(prefix, taskDefinition, uid, salt)
}

/** All names that this task's Job may have. */
export const jobNames = (task: KeptnTask): readonly string[] =>
  Array.from({ length: nameCount }, (_, salt) => jobName(task, salt))

/**
 * A pod that was disrupted (evicted, preempted, its node drained or gone) says nothing about the check: its place is taken by
 * another, and it does not count as a try. https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
 */
const podFailurePolicy = {
  rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
} as const

/** All that a Job is made from. */
export interface JobPlan extends PodPlan {
  readonly name: string
  readonly timeoutSeconds: number
  /** Of the Secrets that the task is given. */
  readonly secretVersions: Readonly<Record<string, string>>
}

/**
 * Makes the Job of a task.
 *
 * It has no `ttlSecondsAfterFinished`: a Job that Kubernetes deletes before its outcome is stored would leave nothing to
 * tell whether the check passed.
 */
export const createJob = (plan: JobPlan): Create => {
  const { task, definition, name, secretVersions } = plan
  const { namespace, uid } = task.metadata
  const labels = { ...task.metadata.labels, [taskLabel]: uid }
  const annotations = annotationsOf(task)
  return {
    kind: 'create',
    type: Job,
    object: {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name,
        ...(namespace === undefined ? {} : { namespace }),
        labels,
        annotations: {
          ...annotations,
          ...contextAnnotations(task),
          [ttlAnnotation]: String(definition.spec.ttlSecondsAfterFinished),
          ...(Object.keys(secretVersions).length === 0
            ? {}
            : { [secretVersionsAnnotation]: JSON.stringify(secretVersions) }),
        },
        ownerReferences: [ownedBy(task)],
      },
      spec: {
        backoffLimit: task.spec.retries,
        podFailurePolicy,
        activeDeadlineSeconds: plan.timeoutSeconds,
        template: {
          metadata: { labels, annotations },
          spec: podSpec(plan),
        },
      },
    } as Create['object'],
  }
}

/** Lets Kubernetes delete a Job some time after its outcome was stored. */
export const expireJob = (job: FollowedJob, ttlSecondsAfterFinished: number): Patch =>
  patchJob(job, { spec: { ttlSecondsAfterFinished } })

/** Labels a Job that lost its label, or that Keptn made, so that its changes are seen. */
export const labelJob = (job: FollowedJob, task: KeptnTask): Patch =>
  patchJob(job, {}, { labels: { [taskLabel]: task.metadata.uid } })

const patchJob = (
  { metadata: { namespace, name, uid } }: FollowedJob,
  patch: Patch['patch'],
  metadata: object = {},
): Patch => ({
  kind: 'patch',
  type: Job,
  ...(namespace === undefined ? {} : { namespace }),
  name,
  patchType: 'merge',
  patch: { metadata: { uid, ...metadata }, ...patch },
})

// kubectl's copy of what a person applied describes the task, not the Job.
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

const annotationsOf = ({ metadata }: KeptnTask): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => key !== lastApplied),
  )

/** The version that a task is run for: the workload's, or without a workload the app's. */
export const versionOf = ({ spec: { context = {} } }: KeptnTask): string =>
  (isForWorkload(context) ? context.workloadVersion : context.appVersion) ?? ''

const isForWorkload = ({ workloadName = '' }: NonNullable<KeptnTask['spec']['context']>): boolean =>
  workloadName !== ''

const contextAnnotations = (task: KeptnTask): Readonly<Record<string, string>> => {
  const { context = {} } = task.spec
  return {
    [keys.app]: context.appName ?? '',
    [keys.version]: versionOf(task),
    [keys.taskName]: task.metadata.name,
    ...(isForWorkload(context) ? { [keys.workload]: context.workloadName ?? '' } : {}),
  }
}
