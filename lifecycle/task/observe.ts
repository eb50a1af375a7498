import {
  KeptnTask,
  type KeptnAppVersion,
  type KeptnTaskDefinition,
  type KeptnWorkloadVersion,
} from '../../api/index.ts'
import {
  ConfigMap,
  Event,
  Job,
  Pod,
  Secret,
  type Container,
  type Namespace,
} from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import { findCondition } from '../../kube/conditions.ts'
import { ApiError } from '../../kube/errors.ts'
import { parseKey } from '../../kube/keys.ts'
import { sinceFirstAsked, type Freshness } from '../../kube/freshness.ts'
import type { Store } from '../../kube/store.ts'
import { abandonmentOf } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { parentOf } from '../stores.ts'
import { codeKey, type FunctionConfigMap } from '../task-definition/function-config-map.ts'
import { finderIn, parentsOf, placesFor } from '../task-definition/lineage.ts'
import { hasEnded, hasSucceeded, isDecided, isFailing, isSuspended } from './job-conditions.ts'
import { definedIn, type Prerequisites, type Seen, type SeenJob, type Settings } from './seen.ts'
import { nameTaken } from './start.ts'
import { stalledOf } from './telling.ts'
import { endingOf, type Ending, type Masking } from './ending.ts'
import { secureDataKey } from './environment.ts'
import { jobNames, secretVersionsOf, taskJobs, type FollowedJob } from './job.ts'
import { tracesOf } from './masking.ts'
import { isRestricted } from './pod-security.ts'
import {
  isSilent,
  isTimeToLook,
  obstacleOf,
  obstacleTold,
  presentPod,
  runs,
  suspension,
  type Obstacle,
} from './obstacle.ts'
import type { Left } from './result.ts'
import { leftIn, projectTaskPod, type TaskPod } from './pods.ts'
import { planOf, type CodeAt, type Plan } from './plan.ts'

/** What the controller of tasks reads from. */
export interface Sources {
  /** Set up with `taskIndexes`. */
  readonly tasks: Store<KeptnTask>
  /** Set up with `definitionIndexes`. */
  readonly definitions: Store<KeptnTaskDefinition>
  readonly appVersions: Store<KeptnAppVersion>
  readonly workloadVersions: Store<KeptnWorkloadVersion>
  /** Set up with `taskJobs`. */
  readonly jobs: Store<FollowedJob>
  /** Set up with `taskPods`. */
  readonly pods: Store<TaskPod>
  /** Set up with `functionConfigMaps`. */
  readonly configMaps: Store<FunctionConfigMap>
  readonly namespaces: Store<Namespace>
  readonly client: Pick<Client, 'get' | 'list'>
  readonly settings: Settings
}

/** The Jobs that were made in this term and whose UIDs are not stored yet, by the key of their task. */
export type MadeJobs = Map<string, { readonly taskUid: string; readonly jobName: string }>

/** What is read with: the sources, and the memory of one leader's term. */
interface Reading extends Sources {
  readonly made: MadeJobs
  /** Whether a task was stored as it is since the term began. */
  readonly isOfTerm: Freshness
}

/**
 * Reads a task and what it needs next. The API server is asked only at the two moments when a store is not enough: when a
 * Job is about to be made for a task of an earlier term, and when one has failed or is missing.
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
    const { settings } = sources
    const followed = followedJob(sources, cached)
    if (isTerminal(cached.status?.status)) {
      return { now, settings, task: cached, job: there(followed ?? leftJob(sources, cached)) }
    }
    const abandonment = abandonmentOf(parentOf(sources, cached), cached)
    if (abandonment !== undefined) {
      const job = await jobToStop(sources, cached, followed)
      return { now, settings, task: cached, job, abandonment }
    }
    if (followed !== undefined) return follow(sources, { now, settings, task: cached }, followed)
    return withoutJob(sources, key, { now, settings, task: cached })
  }
}

type About = Pick<Seen, 'now' | 'settings' | 'task'>

/** Keptn stores the name of a Job alone. */
const hasJob = ({ status }: KeptnTask): boolean => (status?.jobName ?? '') !== ''

const there = (job: FollowedJob | undefined): SeenJob =>
  job === undefined ? { kind: 'none' } : { kind: 'there', job }

/** The task's Job: the one that was recorded, or one that has the name and the owner we would have given it. */
const followedJob = ({ jobs }: Sources, task: KeptnTask): FollowedJob | undefined => {
  const { namespace, uid } = task.metadata
  const { jobName: name = '', jobUid } = task.status ?? {}
  if (jobUid !== undefined) {
    const job = jobs.get(namespace, name)
    return job?.metadata.uid === jobUid ? job : undefined
  }
  return jobNames(task)
    .map((candidate) => jobs.get(namespace, candidate))
    .find((job) => job !== undefined && controllerOf(job)?.uid === uid)
}

/** A Job of a task that has ended, which a former leader's request has made after the task's own was deleted. */
const leftJob = ({ jobs }: Sources, task: KeptnTask): FollowedJob | undefined =>
  jobNames(task)
    .map((name) => jobs.get(task.metadata.namespace, name))
    .find((job) => job !== undefined && controllerOf(job)?.uid === task.metadata.uid)

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

/** Looks for what keeps the pod of a Job from starting. */
const look = async (sources: Sources, job: FollowedJob): Promise<NonNullable<Seen['look']>> => {
  const obstacle = isSuspended(job) ? suspension : await findObstacle(sources, job)
  return obstacle === undefined ? {} : { obstacle }
}

const findObstacle = async (
  { client }: Sources,
  job: FollowedJob,
): Promise<Obstacle | undefined> => {
  const { metadata } = job
  const pods = await livePods(client, job)
  const pod = presentPod(pods)
  if (pod !== undefined && !isSilent(pod)) return obstacleOf(pod)
  const subject = pod ?? { metadata }
  // What kept an earlier pod from being made is over.
  const since = pods
    .map((each) => each.metadata.creationTimestamp)
    .toSorted()
    .at(-1)
  const told = await warningsAbout(client, subject)
  return obstacleTold(told, since ?? metadata.creationTimestamp)
}

const warningsAbout = async (
  client: Sources['client'],
  { metadata: { namespace = '', uid } }: Pick<KubeObject, 'metadata'>,
): Promise<readonly Event[]> => {
  const fieldSelector = `regarding.uid=${uid},type=Warning`
  try {
    return (await client.list(Event, { namespace, fieldSelector })).items
  } catch (error) {
    // That we may not read events must not keep a task from going on.
    if (isForbidden(error)) return []
    throw error
  }
}

const withLeft = async (sources: Sources, seen: Seen, job: FollowedJob): Promise<Seen> => {
  const left = await findLeft(sources, job)
  return left === undefined ? seen : { ...seen, left }
}

/**
 * What a task has left whose Job is complete. Its pod has ended before, and the store mostly knows; where it is behind, or
 * the pod has no label of ours, the API server is asked: the outcome is stored with the result or without it, once.
 */
const findLeft = async ({ client, pods }: Sources, job: FollowedJob): Promise<Left | undefined> => {
  const known = leftIn(pods.by('job', job.metadata.uid))
  const left =
    known === 'unknown' ? leftIn((await livePods(client, job)).map(projectTaskPod)) : known
  return typeof left === 'string' ? undefined : left
}

/** Label that the Job controller puts on the pods of a Job, with the Job's UID. */
const podsOfJob = 'batch.kubernetes.io/controller-uid'

const livePods = async (
  client: Sources['client'],
  { metadata: { namespace = '', uid } }: FollowedJob,
): Promise<readonly Pod[]> => {
  try {
    return (await client.list(Pod, { namespace, labelSelector: `${podsOfJob}=${uid}` })).items
  } catch (error) {
    // The outcome is known without them; that we may not read pods must not keep a task from ending.
    if (isForbidden(error)) return []
    throw error
  }
}

/** The store doesn't have the Job that the task names: it is gone, or lost its label, or Keptn made it. */
const findJob = async (sources: Sources, about: About): Promise<Seen> => {
  const job = await liveJob(sources, about.task)
  return job.kind === 'there' ? follow(sources, about, job.job) : { ...about, job }
}

/** One that Keptn has made, or whose label somebody has taken away, is stopped like any other. */
const jobToStop = async (
  sources: Sources,
  task: KeptnTask,
  followed: FollowedJob | undefined,
): Promise<SeenJob> =>
  followed === undefined && hasJob(task) ? liveJob(sources, task) : there(followed)

/** The Job that the task names, as the API server has it. */
const liveJob = async (
  { client }: Sources,
  { metadata: { namespace = '', uid }, status }: KeptnTask,
): Promise<SeenJob> => {
  const { jobName: name = '', jobUid } = status ?? {}
  const job = await client.get(Job, { namespace, name })
  const isOurs =
    jobUid === undefined
      ? job !== undefined && controllerOf(job)?.uid === uid
      : job?.metadata.uid === jobUid
  return job === undefined || !isOurs ? { kind: 'gone' } : there(taskJobs.project(job))
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

/**
 * The task's Job was made, and has gone before its UID was stored: with the task, as a rule, of which the store of tasks does not
 * know yet. One that somebody has deleted is not made again either.
 */
const afterJob = async (
  sources: Reading,
  { task: cached, ...about }: About,
  jobName: string,
): Promise<Seen | undefined> => {
  const { client } = sources
  const { namespace = '', name, uid } = cached.metadata
  const task = await client.get(KeptnTask, { namespace, name })
  if (task?.metadata.uid !== uid || task.metadata.deletionTimestamp !== undefined) return undefined
  const job = await client.get(Job, { namespace, name: jobName })
  // Somebody may have taken its label away.
  return job !== undefined && controllerOf(job)?.uid === uid
    ? follow(sources, { ...about, task }, taskJobs.project(job))
    : { ...about, task, job: { kind: 'gone', name: jobName } }
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
  { client, isOfTerm }: Reading,
  task: KeptnTask,
): Promise<FollowedJob | undefined> => {
  if (await isOfTerm(task)) return undefined
  const { namespace = '', uid } = task.metadata
  const [name = ''] = jobNames(task)
  const job = await client.get(Job, { namespace, name })
  return job !== undefined && controllerOf(job)?.uid === uid ? taskJobs.project(job) : undefined
}

/**
 * A new leader's store may be behind: a former one may have made a Job, which has come and gone since. What was stored in
 * this term only we have written to since.
 */
const asOfThisTerm = async (
  { client, isOfTerm }: Reading,
  cached: KeptnTask,
): Promise<KeptnTask | undefined> => {
  if (await isOfTerm(cached)) return cached
  const { namespace = '', name, uid } = cached.metadata
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

const prerequisitesOf = async (
  sources: Sources,
  task: KeptnTask,
  plan: Plan,
): Promise<Prerequisites> => {
  const salt = await freeName(sources, task)
  return {
    ...(salt === undefined ? {} : { salt }),
    ...(isRestricted(sources.namespaces.get(undefined, task.metadata.namespace ?? ''))
      ? { isRestricted: true }
      : {}),
    ...(plan.kind === 'script' ? await needsOf(sources, task, plan) : {}),
    ...(plan.kind === 'container' ? await secretsFor(sources, task, plan.container) : {}),
  }
}

/** What is found of what a script needs. */
type Needs = Pick<Prerequisites, 'secret' | 'secretVersions' | 'code' | 'isCopied'>

const needsOf = async (
  sources: Sources,
  task: KeptnTask,
  { code, secret }: Extract<Plan, { kind: 'script' }>,
): Promise<Needs> => {
  const found = 'name' in code ? await findCode(sources, task, code) : {}
  return secret === undefined ? found : { ...found, ...(await secretState(sources, task, secret)) }
}

/** The kubelet waits for the Secrets of a user's container, as it would for any pod's: they are read for their versions. */
const secretsFor = async (
  { client }: Sources,
  { metadata: { namespace = '' } }: KeptnTask,
  container: Container,
): Promise<Pick<Prerequisites, 'secretVersions'>> => {
  const found = await Promise.all(
    secretsOf([container]).map((name) => readSecret(client, { namespace, name })),
  )
  return found.every((secret) => secret === undefined) ? {} : versionsOf(found)
}

const versionsOf = (
  secrets: readonly (Secret | undefined)[],
): Required<Pick<Prerequisites, 'secretVersions'>> => ({
  secretVersions: Object.fromEntries(
    secrets
      .filter((secret) => secret !== undefined)
      .map(({ metadata }) => [metadata.name, metadata.resourceVersion]),
  ),
})

const findCode = async (
  { client, configMaps }: Sources,
  task: KeptnTask,
  code: CodeAt,
): Promise<Needs> => ({
  // Inline code is in the definition, and the definition's controller sees to its ConfigMap.
  ...(code.text === undefined ? { code: await readCode(client, code) } : {}),
  ...(code.copy === undefined
    ? {}
    : { isCopied: configMaps.get(task.metadata.namespace, code.copy) !== undefined }),
})

/**
 * The first of the names for a Job that is free. They are only looked through when the API server has said that the first is
 * taken: nobody but a person who wants it has a Job with such a name.
 */
const freeName = async ({ client }: Sources, task: KeptnTask): Promise<number | undefined> => {
  const { namespace = '', uid } = task.metadata
  const isTaken = findCondition(task.status?.conditions, 'Stalled')?.reason === nameTaken
  if (!isTaken) return 0
  for (const [salt, name] of jobNames(task).entries()) {
    const job = await client.get(Job, { namespace, name })
    if (job === undefined || controllerOf(job)?.uid === uid) return salt
  }
  return undefined
}

const isForbidden = (error: unknown): boolean => error instanceof ApiError && error.status === 403

const secretState = async (
  { client }: Sources,
  { metadata: { namespace = '' } }: KeptnTask,
  name: string,
): Promise<Pick<Prerequisites, 'secret' | 'secretVersions'>> => {
  try {
    const secret = await client.get(Secret, { namespace, name })
    if (secret === undefined) return { secret: 'missing' }
    return secret.data?.[secureDataKey] === undefined
      ? { secret: 'key-missing' }
      : { secret: 'usable', ...versionsOf([secret]) }
  } catch (error) {
    // An installation may give us Secrets of some namespaces only; the kubelet can read them all.
    if (isForbidden(error)) return { secret: 'unknown' }
    throw error
  }
}

const readCode = async (
  client: Sources['client'],
  { namespace, name }: CodeAt,
): Promise<NonNullable<Prerequisites['code']>> => {
  const configMap = await client.get(ConfigMap, { namespace, name })
  const text = configMap?.data?.[codeKey]
  return text === undefined ? 'missing' : { text }
}

const readEnding = async ({ client }: Sources, followed: FollowedJob): Promise<Ending> => {
  const { namespace = '', name, uid } = followed.metadata
  try {
    const job = await client.get(Job, { namespace, name })
    if (job?.metadata.uid !== uid) return {}
    const pods = await livePods(client, followed)
    if (pods.length === 0) return {}
    const [own] = job.spec.template.spec.containers
    return endingOf(pods, { container: own?.name ?? '', masking: await maskingFor(client, job) })
  } catch (error) {
    // The same holds for the Job itself.
    if (isForbidden(error)) return {}
    throw error
  }
}

/** Values longer than this together would keep the process busy; their output is not shown. */
const maxSecretLength = 64 * 1024

/** How what must not be seen of the Secrets that the containers were given is kept out of the output. */
const maskingFor = async (client: Sources['client'], job: Job): Promise<Masking> => {
  const { namespace = '' } = job.metadata
  const before = secretVersionsOf(job)
  const values: string[] = []
  for (const name of secretsOf(job.spec.template.spec.containers)) {
    const secret = await readSecret(client, { namespace, name })
    const version = before[name]
    // Without both looks nobody can say what the task was given.
    if (secret === undefined || version === undefined) {
      return withheld(`what Secret "${name}" held while the task ran cannot be told`)
    }
    if (secret.metadata.resourceVersion !== version) {
      return withheld(`Secret "${name}" changed while the task ran`)
    }
    for (const value of Object.values(secret.data ?? {})) {
      values.push(Buffer.from(value, 'base64').toString('utf8'))
    }
  }
  const length = values.reduce((sum, value) => sum + value.length, 0)
  return length > maxSecretLength
    ? withheld('its Secrets are too large to be recognised in it')
    : { kind: 'traces', traces: tracesOf(values) }
}

const withheld = (because: string): Masking => ({ kind: 'withheld', because })

interface EnvFrom {
  readonly secretRef?: { readonly name?: string }
}

type WithEnvFrom = Container & { readonly envFrom?: readonly EnvFrom[] }

const secretsOf = (containers: readonly WithEnvFrom[]): readonly string[] => {
  const names = containers.flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ])
  return [...new Set(names.filter((name) => name !== undefined))]
}

const readSecret = async (
  client: Sources['client'],
  at: { readonly namespace: string; readonly name: string },
): Promise<Secret | undefined> => {
  try {
    return await client.get(Secret, at)
  } catch (error) {
    // What we may not read cannot be recognised either.
    if (isForbidden(error)) return undefined
    throw error
  }
}
