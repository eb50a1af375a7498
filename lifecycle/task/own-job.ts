/**
 * Finds the Job of a task: by what the task says once that is stored, before by the names and the owner that we would have
 * given it.
 *
 * The store knows our Jobs by their label. One that Keptn made has none, and anybody may take it away; where it matters, the
 * API server is asked.
 *
 * @module
 */
import type { KeptnTask } from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import { jobNames, taskJobs, type FollowedJob } from './job.ts'
import type { SeenJob } from './seen.ts'
import type { Sources } from './sources.ts'

/** Whether the task names a Job. Keptn stores the name alone. */
export const hasJob = ({ status }: KeptnTask): boolean => (status?.jobName ?? '') !== ''

/** Whether a Job belongs to a task, whatever the task says. */
export const isJobOf = ({ metadata: { uid } }: KeptnTask, job: KubeObject): boolean =>
  controllerOf(job)?.uid === uid

/** A Job as a decision sees it. */
export const there = (job: FollowedJob | undefined): SeenJob =>
  job === undefined ? { kind: 'none' } : { kind: 'there', job }

/** The task's Job: the one that was recorded, or one that has the name and the owner we would have given it. */
export const followedJob = (sources: Sources, task: KeptnTask): FollowedJob | undefined => {
  const { jobName: name = '', jobUid } = task.status ?? {}
  if (jobUid === undefined) return jobByName(sources, task)
  const job = sources.jobs.get(task.metadata.namespace, name)
  return job?.metadata.uid === jobUid ? job : undefined
}

/**
 * The Job of a task that has ended: its own, or one which a former leader's request has made after the task's own was
 * deleted.
 */
export const jobOfEnded = (sources: Sources, task: KeptnTask): FollowedJob | undefined =>
  followedJob(sources, task) ?? jobByName(sources, task)

/**
 * The Job of a task that is stopped. One that Keptn has made, or whose label somebody has taken away, is stopped like any
 * other.
 */
export const jobToStop = async (sources: Sources, task: KeptnTask): Promise<SeenJob> => {
  const followed = followedJob(sources, task)
  return followed === undefined && hasJob(task) ? liveJob(sources, task) : there(followed)
}

/** A Job that has a name and the owner we would have given it. */
const jobByName = ({ jobs }: Sources, task: KeptnTask): FollowedJob | undefined =>
  jobNames(task)
    .map((name) => jobs.get(task.metadata.namespace, name))
    .find((job) => job !== undefined && isJobOf(task, job))

/** The Job that the task names, as the API server has it. */
export const liveJob = async (
  { client }: Pick<Sources, 'client'>,
  task: KeptnTask,
): Promise<SeenJob> => {
  const { namespace = '' } = task.metadata
  const { jobName: name = '', jobUid } = task.status ?? {}
  const job = await client.get(Job, { namespace, name })
  if (job === undefined) return { kind: 'gone' }
  const isOurs = jobUid === undefined ? isJobOf(task, job) : job.metadata.uid === jobUid
  return isOurs ? there(taskJobs.project(job)) : { kind: 'gone' }
}

/** The Job of this name, as the API server has it, if it belongs to the task. */
export const liveJobNamed = async (
  { client }: Pick<Sources, 'client'>,
  task: KeptnTask,
  name: string,
): Promise<FollowedJob | undefined> => {
  const { namespace = '' } = task.metadata
  const job = await client.get(Job, { namespace, name })
  return job !== undefined && isJobOf(task, job) ? taskJobs.project(job) : undefined
}
