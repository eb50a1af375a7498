/**
 * What a task says between the making of its Job and the start of its pod: what keeps the pod from running, if anything does.
 * It goes on meanwhile, for the Job tries again by itself.
 *
 * @module
 */
import { conditionTypes } from '../../api/index.ts'
import { withCondition } from '../../kube/conditions.ts'
import { settled, type Decision } from '../../kube/decision.ts'
import { isDecided } from './job-conditions.ts'
import type { FollowedJob } from './job.ts'
import { nextLookAt, runs, steady, type Obstacle } from './obstacle.ts'
import type { Seen, Status } from './seen.ts'
import { conditionsOf, fact, progressing, stalledOf } from './telling.ts'

/** Until a pod of the Job runs, the task says what keeps it from that. It goes on meanwhile: the Job tries again by itself. */
export const watchStart = (seen: Seen, job: FollowedJob): Decision<Status> => {
  if (runs(job)) return freed(seen, job)
  if (isDecided(job)) return settled
  const wakeAt = nextLookAt(job, seen.now)
  if (seen.look === undefined) return { ...settled, wakeAt }
  const { obstacle } = seen.look
  return { ...(obstacle === undefined ? freed(seen, job) : heldUp(seen, obstacle)), wakeAt }
}

/** Takes back that something holds the task up, if that was said. */
const freed = (seen: Seen, job: FollowedJob): Decision<Status> => {
  if (stalledOf(seen.task) === undefined) return settled
  const conditions = conditionsOf(seen, progressing(job))
  return { ...settled, status: { status: 'Progressing', ...seen.task.status, conditions } }
}

const heldUp = (seen: Seen, obstacle: Obstacle): Decision<Status> => {
  const before = stalledOf(seen.task)
  const { reason, message } = steady(obstacle, before)
  const conditions = withCondition(
    seen.task.status?.conditions,
    { type: conditionTypes.stalled, status: 'True', reason, message },
    seen.now,
  )
  const what = { reason: 'ReconcileTask', what: reason, message, severity: 'Warning' } as const
  return {
    status: { status: 'Progressing', ...seen.task.status, conditions },
    actions: [],
    transitions: before?.reason === reason ? [] : [fact(seen, what)],
  }
}
