/**
 * What the conditions of a Job say about its task.
 *
 * | Condition            | Its pods      | The task                                      |
 * | -------------------- | ------------- | --------------------------------------------- |
 * | `SuccessCriteriaMet` | may still run | is sure to succeed, but has no outcome yet    |
 * | `Complete`           | have ended    | has succeeded                                 |
 * | `FailureTarget`      | may still run | is sure to fail, but has no outcome yet       |
 * | `Failed`             | have ended    | has failed                                    |
 * | `Suspended`          | are gone      | waits until somebody lets the Job go on again |
 *
 * @module
 */
import type { JobCondition } from '../../api/kubernetes.ts'
import type { FollowedJob } from './job.ts'

/** The condition of this type of a Job, if it is true. */
export const trueCondition = (job: FollowedJob, type: string): JobCondition | undefined =>
  job.status?.conditions?.find(
    (condition) => condition.type === type && condition.status === 'True',
  )

/** Tells whether a Job has ended. */
export const hasEnded = (job: FollowedJob): boolean =>
  trueCondition(job, 'Failed') !== undefined || hasSucceeded(job)

/** Tells whether a Job has succeeded. */
export const hasSucceeded = (job: FollowedJob): boolean =>
  trueCondition(job, 'Complete') !== undefined

/** Tells whether a Job is sure to fail, though its pods may not have ended. */
export const isFailing = (job: FollowedJob): boolean =>
  trueCondition(job, 'Failed') !== undefined || trueCondition(job, 'FailureTarget') !== undefined

/** Tells whether it is sure what a Job comes to, though its pods may not have ended. */
export const isDecided = (job: FollowedJob): boolean =>
  hasEnded(job) || isFailing(job) || trueCondition(job, 'SuccessCriteriaMet') !== undefined

/** Tells whether somebody has suspended a Job. */
export const isSuspended = (job: FollowedJob): boolean =>
  trueCondition(job, 'Suspended') !== undefined
