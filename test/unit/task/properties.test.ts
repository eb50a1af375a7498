import { expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { KeptnTask } from '../../../api/index.ts'
import type { Action } from '../../../kube/decision.ts'
import { decide, refused } from '../../../lifecycle/task/decide.ts'
import type { Seen, Status } from '../../../lifecycle/task/seen.ts'
import { jobName, jobNames, taskJobs, type FollowedJob } from '../../../lifecycle/task/job.ts'
import { isTerminal } from '../../../lifecycle/checks/roll-up.ts'
import { ApiError } from '../../../kube/errors.ts'
import type { Job } from '../../../api/kubernetes.ts'
import { aDefinition, aJob, aSeen, aTask, now } from './objects.ts'

/** A world with one task, its Job and the copy of its code; whatever is done to it is done by `decide`, or by a person. */
class World {
  status: Status | undefined
  job: FollowedJob | undefined
  isCopied = false
  hasSecret = false
  created = 0

  seen(): Seen {
    const task = aTask({}, this.status)
    const definition = aDefinition(
      { deno: { inline: { code: 'x' }, secureParameters: { secret: 'token' } } },
      'keptn-system',
    )
    const recorded = this.status?.jobUid
    if (this.job !== undefined && (recorded === undefined || recorded === this.job.metadata.uid)) {
      return aSeen({ task, job: { kind: 'there', job: this.job } })
    }
    if (recorded !== undefined) return aSeen({ task, job: { kind: 'gone' } })
    const secret = this.hasSecret ? 'usable' : 'missing'
    return aSeen({
      task,
      definition,
      prerequisites: { salt: 0, secret, isCopied: this.isCopied },
    })
  }

  apply(action: Action): void {
    if (action.kind === 'create' && action.type.kind === 'ConfigMap') this.isCopied = true
    if (action.kind === 'create' && action.type.kind === 'Job') this.createJob(action.object)
    if (action.kind === 'patch' && this.job !== undefined) {
      expect(this.job.metadata.uid).toBe(uidIn(action))
      this.job = { ...this.job, spec: { ttlSecondsAfterFinished: 100 } }
    }
  }

  private createJob(object: unknown): void {
    // The name is a lock: a second create of it is refused.
    if (this.job !== undefined) return
    this.created += 1
    const stored = object as Job
    const metadata = { ...aJob(aTask()).metadata, uid: `job-${this.created}` }
    this.job = taskJobs.project({ ...stored, metadata })
  }

  /** One pass; `crash`: the process is killed after the actions and before the status. */
  pass(crash = false): void {
    const decision = decide(this.seen())
    for (const action of decision.actions) this.apply(action)
    if (!crash && decision.status !== undefined) this.status = decision.status
  }

  finish(type: 'Complete' | 'Failed'): void {
    if (this.job === undefined) return
    const isDone = (this.job.status?.conditions ?? []).length > 0
    if (isDone) return
    const condition = { type, status: 'True', reason: type, message: type }
    this.job = { ...this.job, status: { conditions: [condition] } }
  }

  delete(): void {
    this.job = undefined
  }
}

const uidIn = (action: Action): unknown =>
  action.kind === 'patch' ? (action.patch['metadata'] as { uid?: string }).uid : undefined

const happenings = {
  pass: (world: World) => {
    world.pass()
  },
  crash: (world: World) => {
    world.pass(true)
  },
  complete: (world: World) => {
    world.finish('Complete')
  },
  fail: (world: World) => {
    world.finish('Failed')
  },
  delete: (world: World) => {
    world.delete()
  },
  secret: (world: World) => {
    world.hasSecret = true
  },
} as const
type Happening = keyof typeof happenings

const steps = fc.array(fc.constantFrom(...(Object.keys(happenings) as Happening[])), {
  maxLength: 30,
})

const take = (world: World, next: Happening): void => {
  happenings[next](world)
}

test('a task whose Job was stored never gets another, and an outcome is never left', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = new World()
      for (const next of history) {
        const { created } = world
        const { jobUid, status } = world.status ?? {}
        take(world, next)
        if (jobUid !== undefined) expect(world.created).toBe(created)
        if (isTerminal(status)) expect(world.status?.status).toBe(status)
      }
    }),
    { numRuns: 2000 },
  )
})

test('without anybody deleting it there is one Job, however often the process is killed', () => {
  const kinder = steps.map((history) => history.filter((next) => next !== 'delete'))
  fc.assert(
    fc.property(kinder, (history) => {
      const world = new World()
      for (const next of history) take(world, next)
      expect(world.created).toBeLessThanOrEqual(1)
    }),
    { numRuns: 2000 },
  )
})

test('it comes to rest, and at rest decides nothing', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = new World()
      for (const next of history) take(world, next)
      for (let passes = 0; passes < 8; passes += 1) world.pass()
      const rest = decide(world.seen())
      expect(rest.actions).toEqual([])
      expect(rest.transitions).toEqual([])
      expect(rest.status ?? world.status).toEqual(world.status)
    }),
    { numRuns: 1000 },
  )
})

test('a passed task is one whose Job completed, and only then may the Job be deleted by itself', () => {
  const check = ({ job, status }: World): void => {
    if (job === undefined) return
    const isPassed = status?.status === 'Succeeded' && status.jobUid === job.metadata.uid
    if (isPassed) expect(job.status?.conditions).toMatchObject([{ type: 'Complete' }])
    const mayExpire = job.spec.ttlSecondsAfterFinished !== undefined
    expect(mayExpire && !isTerminal(status?.status)).toBe(false)
  }
  fc.assert(
    fc.property(steps, (history) => {
      const world = new World()
      for (const next of history) {
        take(world, next)
        check(world)
      }
    }),
    { numRuns: 2000 },
  )
})

test('every name of a Job is legal as a label, and its own', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ maxLength: 253 }), (checkType, taskDefinition) => {
      const names = jobNames(aTask({ checkType, taskDefinition }))
      for (const name of names) expect(name).toMatch(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/)
      expect(new Set(names).size).toBe(names.length)
    }),
  )
})

test('two tasks never share the name of a Job', () => {
  const other: KeptnTask = { ...aTask(), metadata: { ...aTask().metadata, uid: 'task-2' } }
  expect(jobName(other, 0)).not.toBe(jobName(aTask(), 0))
})

const created = (seen: Seen): Action => {
  const [action] = decide(seen).actions
  if (action === undefined) throw new Error('Nothing was decided')
  return action
}

test.each([
  [403, 'Forbidden', 'JobRefused'],
  [422, 'Invalid', 'JobRefused'],
  [409, 'AlreadyExists', 'NameTaken'],
])('a Job refused with %d is shown on the task, once', (status, reason, shown) => {
  const seen = aSeen({ definition: aDefinition(), prerequisites: { salt: 0 } })
  const error = new ApiError('Cannot create Job: exceeded quota', { status, reason })
  const first = refused(seen, created(seen), error)
  expect(first.status).toMatchObject({ status: 'Pending', reason: shown })
  expect(first.status?.message).toContain('exceeded quota')
  expect(first.status?.conditions).toMatchObject([{ type: 'Stalled', status: 'True' }])
  expect(first.transitions).toMatchObject([{ reason: 'CreateTask', severity: 'Warning', at: now }])
  const again = { ...seen, task: aTask({}, first.status) }
  expect(refused(again, created(again), error).transitions).toEqual([])
})

test('a long refusal is cut for the events', () => {
  const seen = aSeen({ definition: aDefinition(), prerequisites: { salt: 0 } })
  const error = new ApiError('ö'.repeat(2_000), { status: 422, reason: 'Invalid' })
  const [transition] = refused(seen, created(seen), error).transitions
  expect(Buffer.byteLength(transition?.message ?? '')).toBeLessThanOrEqual(1_000)
})
