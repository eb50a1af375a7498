/**
 * Reads the pods of a task's Job, and what was told about them, at the moments that need more than the store has: while none
 * of them runs, and when the Job has come to its end.
 *
 * @module
 */
import { Event, Job, Pod } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { endingOf, type Ending } from './ending.ts'
import { isSuspended } from './job-conditions.ts'
import type { FollowedJob } from './job.ts'
import {
  isSilent,
  obstacleOf,
  obstacleTold,
  presentPod,
  suspension,
  type Obstacle,
} from './obstacle.ts'
import { leftIn, projectTaskPod } from './pods.ts'
import { maskingFor } from './read-secrets.ts'
import type { Left } from './result.ts'
import type { Seen } from './seen.ts'
import { unlessForbidden, type Sources } from './sources.ts'

/** Looks for what keeps the pod of a Job from starting. */
export const look = async (
  sources: Sources,
  job: FollowedJob,
): Promise<NonNullable<Seen['look']>> => {
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

const warningsAbout = (
  client: Sources['client'],
  { metadata: { namespace = '', uid } }: Pick<KubeObject, 'metadata'>,
): Promise<readonly Event[]> =>
  unlessForbidden(async () => {
    const fieldSelector = `regarding.uid=${uid},type=Warning`
    return (await client.list(Event, { namespace, fieldSelector })).items
  }, [])

/**
 * What a task has left whose Job is complete. Its pod has ended before, and the store mostly knows; where it is behind, or
 * the pod has no label of ours, the API server is asked: the outcome is stored with the result or without it, once.
 */
export const findLeft = async (
  { client, pods }: Sources,
  job: FollowedJob,
): Promise<Left | undefined> => {
  const known = leftIn(pods.by('job', job.metadata.uid))
  const left =
    known === 'unknown' ? leftIn((await livePods(client, job)).map(projectTaskPod)) : known
  return typeof left === 'string' ? undefined : left
}

/** Why a Job has failed, from its pods. */
export const readEnding = ({ client }: Sources, followed: FollowedJob): Promise<Ending> =>
  unlessForbidden(async () => {
    const { namespace = '', name, uid } = followed.metadata
    const job = await client.get(Job, { namespace, name })
    if (job?.metadata.uid !== uid) return {}
    const pods = await livePods(client, followed)
    if (pods.length === 0) return {}
    const [own] = job.spec.template.spec.containers
    return endingOf(pods, { container: own?.name ?? '', masking: await maskingFor(client, job) })
  }, {})

/** Label that the Job controller puts on the pods of a Job, with the Job's UID. */
const podsOfJob = 'batch.kubernetes.io/controller-uid'

/** The pods of a Job, as the API server has them; none where we may not read them. */
const livePods = (
  client: Sources['client'],
  { metadata: { namespace = '', uid } }: FollowedJob,
): Promise<readonly Pod[]> =>
  unlessForbidden(
    async () => (await client.list(Pod, { namespace, labelSelector: `${podsOfJob}=${uid}` })).items,
    [],
  )
