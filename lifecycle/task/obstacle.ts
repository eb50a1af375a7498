/**
 * What keeps the pod of a Job from starting: an image that cannot be pulled, a Secret that is not there, a quota that is used
 * up. A Job says nothing of it until its deadline, so its pods are looked at, and what was told about them, as long as none of
 * them runs: `nextLookAt` says when.
 *
 * @module
 */
import type { Event, Pod } from '../../api/kubernetes.ts'
import type { Condition } from '../../api/index.ts'
import { cutMessage } from '../transitions.ts'
import type { FollowedJob } from './job.ts'

/** What keeps a pod from starting, for people. */
export type Obstacle = Pick<Condition, 'reason' | 'message'>

/** Whether a pod of the Job runs: then nothing is in its way. */
export const runs = ({ status }: FollowedJob): boolean => (status?.ready ?? 0) > 0

/** Most pods run sooner than this: they are never looked at. */
const firstLookMs = 5_000
const longestPauseMs = 5 * 60_000
/** How late a look may be. Later than that something else has woken us, such as the end of a pod that ran for long. */
const patienceMs = 2_000

/** How old a Job is at the looks before and after it has this age: at 5, 10, 20, 40 seconds and so on, at last every 5 minutes. */
const looksAround = (ageMs: number): { readonly last: number; readonly next: number } => {
  let last = Number.NEGATIVE_INFINITY
  let next = firstLookMs
  while (next <= ageMs) {
    last = next
    next += Math.min(next, longestPauseMs)
  }
  return { last, next }
}

/** Whether now is one of the moments at which a Job without a pod that runs is looked at. */
export const isTimeToLook = (job: FollowedJob, now: Date): boolean => {
  const ageMs = now.getTime() - madeAtMs(job)
  return ageMs - looksAround(ageMs).last < patienceMs
}

/** The next of those moments. */
export const nextLookAt = (job: FollowedJob, now: Date): Date =>
  new Date(madeAtMs(job) + looksAround(now.getTime() - madeAtMs(job)).next)

const madeAtMs = ({ metadata }: FollowedJob): number => Date.parse(metadata.creationTimestamp)

/** The pod that has not ended yet, if there is one: a Job has one at a time. */
export const presentPod = (pods: readonly Pod[]): Pod | undefined =>
  pods.find(({ status }) => !ended.includes(status?.phase ?? ''))

const ended: readonly string[] = ['Succeeded', 'Failed']

/** Whether what a pod says leaves open why it does not run: then events may tell. */
export const isSilent = (pod: Pod): boolean => sayingOf(pod) === undefined && !isRunning(pod)

/** What a pod itself says is in its way. */
export const obstacleOf = (pod: Pod): Obstacle | undefined => {
  const saying = sayingOf(pod)
  return saying && explained(saying)
}

const isRunning = ({ status }: Pod): boolean => status?.phase === 'Running'

interface Saying {
  readonly reason: string
  readonly message: string
}

/** Reasons of containers whose time has simply not come. */
const usual: readonly string[] = ['ContainerCreating', 'PodInitializing', '']

const sayingOf = ({ status }: Pod): Saying | undefined => {
  // What was put into the pod may have to begin before the task.
  const waiting = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
    .map(({ state }) => saying(state?.waiting ?? {}))
    .find(({ reason }) => !usual.includes(reason))
  const unscheduled = status?.conditions?.find(
    (condition) => condition.type === 'PodScheduled' && condition.status === 'False',
  )
  return waiting ?? (unscheduled && saying(unscheduled))
}

const saying = ({ reason = '', message = '' }: Partial<Saying>): Saying => ({ reason, message })

/** The kubelet tells one of them after a try and the other between tries. */
const pullReasons: readonly string[] = ['ErrImagePull', 'ImagePullBackOff']
const pullFailed = 'ImagePullBackOff'

const explained = ({ reason, message }: Saying): Obstacle =>
  pullReasons.includes(reason)
    ? { reason: pullFailed, message: cutMessage(`The image cannot be pulled: ${message}`) }
    : {
        reason: isWord(reason) ? reason : 'PodWaits',
        message: cutMessage(
          `The pod does not start: ${[reason, message].filter(Boolean).join(': ')}`,
        ),
      }

const isWord = (text: string): boolean => /^[A-Za-z][A-Za-z0-9_,:]*$/.test(text)

/**
 * What to say of an obstacle of which this was said before: the kubelet's words about an image change with every try, and what
 * it said first says most.
 */
export const steady = (obstacle: Obstacle, before: Obstacle | undefined): Obstacle =>
  obstacle.reason === pullFailed && before?.reason === pullFailed
    ? { reason: pullFailed, message: before.message }
    : obstacle

/** The obstacle of a Job that somebody has suspended: Kubernetes makes no pod for it. */
export const suspension: Obstacle = {
  reason: 'JobSuspended',
  message: 'The Job is suspended, and goes on once `spec.suspend` of it is false',
}

/** What was told last of a pod or of a Job; `since`: what is older is over. */
export const obstacleTold = (events: readonly Event[], since: string): Obstacle | undefined => {
  const [last] = events
    .filter((event) => toldAtMs(event) >= Date.parse(since))
    .toSorted((one, other) => toldAtMs(other) - toldAtMs(one))
  if (last === undefined) return undefined
  return last.reason === 'FailedCreate'
    ? notCreated(last.note)
    : explained({ reason: last.reason, message: last.note })
}

const toldAtMs = ({ deprecatedLastTimestamp, eventTime, metadata, series }: Event): number =>
  Date.parse(
    series?.lastObservedTime ?? deprecatedLastTimestamp ?? eventTime ?? metadata.creationTimestamp,
  )

/**
 * Why the Job controller could not make a pod. Nothing but its sentence tells; what none of these words is in is told all the
 * same.
 */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/exceeded quota|failed quota/i, 'QuotaExceeded'],
  [/violates PodSecurity/i, 'PodSecurityViolated'],
  [/service ?account .*not found/i, 'ServiceAccountMissing'],
]

const notCreated = (note: string): Obstacle => ({
  reason: refusals.find(([words]) => words.test(note))?.[1] ?? 'PodRefused',
  // The name is another at every try.
  message: cutMessage(
    `The pod cannot be created: ${note.replace(/^Error creating: (pods "[^"]*" is )?/, '')}`,
  ),
})
