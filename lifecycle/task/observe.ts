/**
 * Reads a task and what it needs next. Which of these it is, is found in this order:
 *
 * 1. The task has ended: its Job, for that has to be deleted one day.
 * 2. Its version has ended before its time: its Job, for that has to be stopped.
 * 3. It has a Job: how far that is, and what its pods tell when that counts (`read-pods.ts`).
 * 4. It names a Job that the store does not have, or one was made for it in this term: what the API server says of it.
 * 5. It has none yet: its definition, and what has to be there before one is made (`prerequisites.ts`).
 *
 * @module
 */
import { KeptnTask } from '../../api/index.ts'
import { parseKey } from '../../kube/keys.ts'
import { sinceFirstAsked, type Freshness } from '../../kube/freshness.ts'
import { abandonmentOf } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { parentOf } from '../stores.ts'
import { finderIn, parentsOf, placesFor } from '../task-definition/lineage.ts'
import { hasEnded, hasSucceeded, isDecided, isFailing } from './job-conditions.ts'
import { jobNames, type FollowedJob } from './job.ts'
import { isTimeToLook, runs } from './obstacle.ts'
import {
  followedJob,
  hasJob,
  jobOfEnded,
  jobToStop,
  liveJob,
  liveJobNamed,
  there,
} from './own-job.ts'
import { planOf } from './plan.ts'
import { prerequisitesOf } from './prerequisites.ts'
import { findLeft, look, readEnding } from './read-pods.ts'
import { definedIn, type Seen } from './seen.ts'
import type { Sources } from './sources.ts'
import { stalledOf } from './telling.ts'

/** The Jobs that were made in this term and whose UIDs are not stored yet, by the key of their task. */
export type MadeJobs = Map<string, { readonly taskUid: string; readonly jobName: string }>

/** What is read with: the sources, and the memory of one leader's term. */
interface Reading extends Sources {
  readonly made: MadeJobs
  /** Whether a task was stored as it is since the term began. */
  readonly isOfTerm: Freshness
}

/**
 * Reads a task and what it needs next. The API server is asked only when a store is not enough: when a Job is about to be made
 * for a task of an earlier term, when its pod does not start, and when it has ended or is missing.
 */
export const observe = (from: Sources, made: MadeJobs = new Map()) => {
  const sources: Reading = { ...from, made, isOfTerm: sinceFirstAsked(from.client, KeptnTask) }
  return async (key: string, now: Date): Promise<Seen | undefined> => {
    const { namespace, name } = parseKey(key)
    const cached = sources.tasks.get(namespace, name)
    if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) {
      made.delete(key)
      return undefined
    }
    const about: About = { now, settings: sources.settings, task: cached }
    if (isTerminal(cached.status?.status)) {
      return { ...about, job: there(jobOfEnded(sources, cached)) }
    }
    const abandonment = abandonmentOf(parentOf(sources, cached), cached)
    if (abandonment !== undefined) {
      return { ...about, job: await jobToStop(sources, cached), abandonment }
    }
    const job = followedJob(sources, cached)
    return job === undefined ? withoutJob(sources, key, about) : follow(sources, about, job)
  }
}

type About = Pick<Seen, 'now' | 'settings' | 'task'>

const follow = async (sources: Sources, about: About, job: FollowedJob): Promise<Seen> => {
  const seen: Seen = { ...about, job: { kind: 'there', job } }
  if (about.task.status?.jobUid === undefined) return seen
  if (isFailing(job)) return withEnding(sources, seen, job)
  if (hasSucceeded(job)) return withLeft(sources, seen, job)
  if (isDecided(job) || runs(job)) return seen
  const isAsked = isTimeToLook(job, about.now) || stalledOf(about.task) !== undefined
  return isAsked ? { ...seen, look: await look(sources, job) } : seen
}

/** What the pods say is needed twice at most: when the Job is sure to fail, and when it has. */
const withEnding = async (sources: Sources, seen: Seen, job: FollowedJob): Promise<Seen> =>
  hasEnded(job) || seen.task.status?.message === undefined
    ? { ...seen, ending: await readEnding(sources, job) }
    : seen

const withLeft = async (sources: Sources, seen: Seen, job: FollowedJob): Promise<Seen> => {
  const left = await findLeft(sources, job)
  return left === undefined ? seen : { ...seen, left }
}

/** A task whose Job the stores don't have. */
const withoutJob = async (
  sources: Reading,
  key: string,
  about: About,
): Promise<Seen | undefined> => {
  const { made } = sources
  if (hasJob(about.task)) {
    made.delete(key)
    return findJob(sources, about)
  }
  const last = made.get(key)
  return last?.taskUid === about.task.metadata.uid
    ? afterJob(sources, about, last.jobName)
    : begin(sources, about)
}

/** The store doesn't have the Job that the task names: it is gone, or lost its label, or Keptn made it. */
const findJob = async (sources: Sources, about: About): Promise<Seen> => {
  const job = await liveJob(sources, about.task)
  return job.kind === 'there' ? follow(sources, about, job.job) : { ...about, job }
}

/**
 * The task's Job was made, and has gone before its UID was stored: with the task, as a rule, of which the store of tasks does not
 * know yet. One that somebody has deleted is not made again either.
 */
const afterJob = async (
  sources: Reading,
  { task: cached, ...about }: About,
  jobName: string,
): Promise<Seen | undefined> => {
  const task = await liveTask(sources, cached)
  if (task === undefined) return undefined
  // Somebody may have taken its label away.
  const job = await liveJobNamed(sources, task, jobName)
  return job === undefined
    ? { ...about, task, job: { kind: 'gone', name: jobName } }
    : follow(sources, { ...about, task }, job)
}

/** Reads what has to be there before a Job is made, as soon as nothing else is in its way. */
const begin = async (sources: Reading, about: About): Promise<Seen | undefined> => {
  const seen: Seen = { ...about, ...definitionsFor(sources, about.task), job: { kind: 'none' } }
  const plan = planOf(about.task, definedIn(seen), about.settings.namespace)
  if (plan.kind === 'stalled' || plan.kind === 'waiting') return seen
  const job = await madeInEarlierTerm(sources, about.task)
  if (job !== undefined) return follow(sources, about, job)
  const task = await asOfThisTerm(sources, about.task)
  if (task === undefined) return undefined
  if (hasJob(task) || isTerminal(task.status?.status)) return findJob(sources, { ...about, task })
  return { ...seen, task, prerequisites: await prerequisitesOf(sources, task, plan) }
}

/** A Job that a former leader has made, and that the store may not know. While it is there, none is asked for. */
const madeInEarlierTerm = async (
  sources: Reading,
  task: KeptnTask,
): Promise<FollowedJob | undefined> => {
  if (await sources.isOfTerm(task)) return undefined
  const [name = ''] = jobNames(task)
  return liveJobNamed(sources, task, name)
}

/**
 * A new leader's store may be behind: a former one may have made a Job, which has come and gone since. What was stored in
 * this term only we have written to since.
 */
const asOfThisTerm = async (sources: Reading, cached: KeptnTask): Promise<KeptnTask | undefined> =>
  (await sources.isOfTerm(cached)) ? cached : liveTask(sources, cached)

/** A task as the API server has it, unless it is another one by now or on its way out. */
const liveTask = async (
  { client }: Sources,
  { metadata: { namespace = '', name, uid } }: KeptnTask,
): Promise<KeptnTask | undefined> => {
  const task = await client.get(KeptnTask, { namespace, name })
  const isSame = task?.metadata.uid === uid && task.metadata.deletionTimestamp === undefined
  return isSame ? task : undefined
}

/** The definition in the task's namespace, else the one that serves every namespace; and what it refers to, likewise. */
const definitionsFor = (
  { definitions, settings }: Pick<Sources, 'definitions' | 'settings'>,
  { metadata: { namespace = '' }, spec }: KeptnTask,
): Pick<Seen, 'definition' | 'parents'> => {
  const find = finderIn(definitions, placesFor(namespace, settings.namespace))
  const definition = find(spec.taskDefinition)
  return definition === undefined ? {} : { definition, parents: parentsOf(definition, find) }
}
