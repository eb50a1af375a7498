/**
 * Runs a task as one Job, once, in four steps, each from what the one before has stored:
 *
 * 1. The Job is made (`start.ts`), under a name that follows from the task's UID. A crash here leaves a Job that is found
 *    again.
 * 2. The Job's name and UID are stored. From here on no Job is ever made for this task: if this one is gone, that is the
 *    outcome. Until its pod runs, the task says what keeps it from that (`pod-start.ts`).
 * 3. The outcome is stored (`outcome.ts`). It is never left again.
 * 4. The Job is allowed to be deleted. That makes way for the outcomes of others.
 *
 * Before the first step the task may wait for what its pod would otherwise hang on: its definition, a Secret, a
 * ConfigMap. It is then Stalled, still Pending, and says what is missing.
 *
 * A task whose version has ended before its time is stopped: that is stored as its outcome, and then its Job is deleted.
 *
 * @module
 */
import type { KeptnTask } from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { removal, settled, type Action, type Decision } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import type { Abandonment } from '../checks/ending.ts'
import { isLeaving } from '../checks/leaving.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { cutMessage } from '../transitions.ts'
import { hasEnded, isFailing, trueCondition } from './job-conditions.ts'
import { expireJob, labelJob, taskLabel, ttlAnnotation, type FollowedJob } from './job.ts'
import { end, keepLastWords, outcomeOf } from './outcome.ts'
import { watchStart } from './pod-start.ts'
import type { Seen, Status } from './seen.ts'
import { nameTaken, start } from './start.ts'
import { conditionsOf, endFacts, progressing, stall, startFact } from './telling.ts'

/** Tells what a task needs next. A task whose outcome is stored is never run again, whatever else was seen. */
export const decide = (seen: Seen): Decision<Status> => {
  const { task, abandonment } = seen
  if (isTerminal(task.status?.status)) return afterEnd(seen)
  return abandonment === undefined || hasOutcome(seen) ? goOn(seen) : stop(seen, abandonment)
}

const hasOutcome = ({ job }: Seen): boolean => job.kind === 'there' && hasEnded(job.job)

const goOn = (seen: Seen): Decision<Status> => {
  const { task, job } = seen
  switch (job.kind) {
    case 'gone':
      return end(seen, {
        state: 'Failed',
        reason: 'JobVanished',
        message: `Job "${task.status?.jobName ?? job.name ?? ''}" was deleted before its outcome was known`,
        at: wholeSeconds(seen.now),
      })
    case 'there':
      return task.status?.jobUid === undefined ? record(seen, job.job) : follow(seen, job.job)
    case 'none':
      return start(seen)
  }
}

// Step 2.
const record = (seen: Seen, job: FollowedJob): Decision<Status> => {
  const { task } = seen
  const { name, uid, creationTimestamp } = job.metadata
  return {
    status: {
      ...unexplained(task.status),
      status: 'Progressing',
      jobName: name,
      jobUid: uid,
      startTime: task.status?.startTime ?? creationTimestamp,
      conditions: conditionsOf(seen, progressing(job)),
    },
    actions: labelIfMissing(job, task),
    transitions: [startFact(seen, name)],
  }
}

/** What held the task up is no more. */
const unexplained = (status: Status | undefined): Partial<Status> =>
  Object.fromEntries(
    Object.entries(status ?? {}).filter(([name]) => name !== 'reason' && name !== 'message'),
  )

/** Without the label we would not see how the Job ends. Keptn's Jobs have none, and anybody may remove it. */
const labelIfMissing = (job: FollowedJob, task: KeptnTask): readonly Action[] =>
  job.metadata.labels?.[taskLabel] === task.metadata.uid ? [] : [labelJob(job, task)]

// Step 3.
const follow = (seen: Seen, job: FollowedJob): Decision<Status> => {
  const succeeded = trueCondition(job, 'Complete')
  const failed = trueCondition(job, 'Failed')
  if (succeeded !== undefined) return end(seen, outcomeOf(seen, 'Succeeded', succeeded))
  if (failed !== undefined) return end(seen, outcomeOf(seen, 'Failed', failed))
  const decision = isFailing(job) ? keepLastWords(seen) : watchStart(seen, job)
  return { ...decision, actions: labelIfMissing(job, seen.task) }
}

// Step 4.
const afterEnd = ({ task, job }: Seen): Decision<Status> => {
  const { status, jobUid } = task.status ?? {}
  if (job.kind !== 'there' || isLeaving(job.job)) return settled
  const isStopped = status === 'Deprecated'
  if (jobUid === undefined && !isStopped) return settled
  // Nobody waits for another one: a request that was on its way for long has made it.
  const isUnwanted = isStopped || job.job.metadata.uid !== jobUid
  // One that has ended keeps its output for as long as any other.
  return isUnwanted && !hasEnded(job.job)
    ? { ...settled, actions: [removal(Job, job.job)] }
    : expire(job.job)
}

const expire = (job: FollowedJob): Decision<Status> => {
  if (job.spec.ttlSecondsAfterFinished !== undefined) return settled
  const ttlSeconds = Number.parseInt(job.metadata.annotations?.[ttlAnnotation] ?? '', 10)
  return ttlSeconds >= 0
    ? { ...settled, givesWay: true, actions: [expireJob(job, ttlSeconds)] }
    : settled
}

/** Instead of an outcome. Nothing is deleted before it is stored that nobody waits for it. */
const stop = (seen: Seen, { reason, message }: Abandonment): Decision<Status> => {
  const { task, job, now } = seen
  const made =
    job.kind === 'there'
      ? { jobName: job.job.metadata.name, jobUid: job.job.metadata.uid }
      : undefined
  const status: Status = {
    ...task.status,
    ...made,
    status: 'Deprecated',
    reason,
    message: cutMessage(message),
    endTime: wholeSeconds(now),
    conditions: conditionsOf(seen, { status: 'False', reason, message: cutMessage(message) }),
  }
  const actions = job.kind === 'there' ? labelIfMissing(job.job, task) : []
  return { status, actions, transitions: endFacts({ ...seen, task: { ...task, status } }) }
}

/** Tells what a person should know when the API server does not take the Job or the copy of the code. */
export const refused = (seen: Seen, action: Action, error: ApiError): Decision<Status> => {
  if (action.kind !== 'create') return settled
  const isTaken = error.status === 409
  return stall(seen, {
    reason: isTaken ? nameTaken : `${action.type.kind}Refused`,
    message: `The ${action.type.kind} of the task was refused: ${error.message}`,
  })
}
