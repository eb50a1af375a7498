import { describe, expect, test } from '@jest/globals'
import type { ActionRecord, ActionType, VersionAction } from '../../../api/index.ts'
import type { Asked } from '../../../lifecycle/actions/asked.ts'
import { actOn, mindsGuard, withGuardSaid } from '../../../lifecycle/actions/decide.ts'
import { retriesOf, skipsIn } from '../../../lifecycle/actions/records.ts'
import {
  abandonmentOf,
  isAborted,
  isLoweredFor,
  isTriedAgainFor,
  mayAbandon,
} from '../../../lifecycle/checks/ending.ts'
import { nameOfChild } from '../../../lifecycle/children.ts'
import { workloadPhases } from '../../../lifecycle/phases.ts'
import { begin, type WorkloadVersionStatus } from '../../../lifecycle/workload-version/seen.ts'
import { appVersion, task, workloadVersion } from './objects.ts'

const now = new Date('2026-03-01T12:00:30Z')
const time = '2026-03-01T12:00:20Z'

const entry = (type: ActionType, id = '1'): VersionAction => ({
  ...{ id, type, by: 'alice', reason: 'why not' },
  ...(type === 'skip' ? { check: 'smoke' } : {}),
})

const record = (type: ActionType, more: Partial<ActionRecord> = {}): ActionRecord => ({
  ...{ id: '1', type, by: 'alice', outcome: 'CarriedOut', message: '', time, attempt: 1 },
  ...more,
})

const asked = (
  entries: readonly VersionAction[],
  status: Partial<WorkloadVersionStatus> = {},
  more: Partial<Asked<WorkloadVersionStatus>> = {},
): Asked<WorkloadVersionStatus> => ({
  entries,
  status: { ...begin, ...status },
  phases: workloadPhases,
  listed: { preDeploymentTasks: ['smoke'] },
  guard: 'present',
  unwanted: undefined,
  released: undefined,
  areAllStopped: true,
  anew: () => ({ ...begin, attempt: 2 }),
  telling: { subject: workloadVersion(), version: '2', eventNames: 'seeds', now },
  ...more,
})

const outcomes = (of: Asked<WorkloadVersionStatus>): readonly string[] | undefined =>
  actOn(of)?.status.actions?.map(({ outcome }) => outcome)

const types = ['release', 'skip', 'retry', 'abort'] as const
/** Of a version that has begun, has failed, has succeeded. */
const table: Readonly<Record<ActionType, readonly [string, string, string]>> = {
  release: ['CarriedOut', 'CarriedOut', 'CarriedOut'],
  skip: ['CarriedOut', 'CarriedOut', 'Refused'],
  retry: ['Refused', 'CarriedOut', 'Refused'],
  abort: ['CarriedOut', 'Refused', 'Refused'],
}

describe.each(types)('%s', (type) => {
  test.each(['Progressing', 'Failed', 'Succeeded'] as const)(
    'of a version that is %s',
    (status) => {
      const preDeploymentStatus = status === 'Succeeded' ? 'Pending' : status
      const place = ['Progressing', 'Failed', 'Succeeded'].indexOf(status)
      const of = asked([entry(type)], { status, preDeploymentStatus })
      expect(outcomes(of)).toEqual([table[type][place]])
    },
  )

  test('is refused of a version that nobody wants', () => {
    expect(outcomes(asked([entry(type)], {}, { unwanted: 'it is gone' }))).toEqual(['Refused'])
  })

  test('waits while it is not known whether the policy is there, and is refused without it', () => {
    expect(actOn(asked([entry(type)], {}, { guard: 'unknown' }))).toBeUndefined()
    const refused = actOn(asked([entry(type), entry(type, '2')], {}, { guard: 'absent' }))
    expect(refused?.status).toMatchObject({ ...begin, conditions: [{ status: 'True' }] })
    expect(refused?.status.actions?.map(({ outcome }) => outcome)).toEqual(['Refused', 'Refused'])
    expect(refused?.verdict).toBeUndefined()
  })

  test('is done once, and one entry at a time', () => {
    const first = actOn(asked([entry(type), entry(type, '2')], { status: 'Failed' }))
    expect(first?.status.actions?.map(({ id }) => id)).toEqual(['1'])
    expect(first?.transitions).toHaveLength(1)
    expect(actOn(asked([entry(type)], { actions: [record(type)] }))).toBeUndefined()
  })

  test('is told under the same id whenever it is decided', () => {
    const idOf = (at: Date): string | undefined => {
      const of = asked([entry(type)])
      return actOn({ ...of, telling: { ...of.telling, now: at } })?.transitions[0]?.id
    }
    expect(idOf(now)).toBe(idOf(new Date('2026-03-02T00:00:00Z')))
  })
})

test('a release is refused where there is nothing to release', () => {
  expect(outcomes(asked([entry('release')], {}, { released: 'gone' }))).toEqual(['Refused'])
})

test('that people are not heard is taken back once they are', () => {
  const unheard = actOn(asked([entry('abort')], {}, { guard: 'absent' }))?.status ?? begin
  expect(withGuardSaid(unheard, 'absent', now)).toBe(unheard)
  expect(withGuardSaid(unheard, 'unknown', now)).toBe(unheard)
  expect(withGuardSaid(unheard, 'present', now).conditions).toMatchObject([{ status: 'False' }])
  expect(withGuardSaid(begin, 'present', now)).toBe(begin)
})

test('a version minds the policy while something is open, or it says that people are not heard', () => {
  const unheard = actOn(asked([entry('abort')], {}, { guard: 'absent' }))?.status ?? begin
  expect(mindsGuard(workloadVersion({ actions: [entry('abort')] }))).toBe(true)
  expect(mindsGuard(workloadVersion({ actions: [entry('abort')] }, unheard))).toBe(true)
  const done = { ...begin, actions: [record('abort')] }
  expect(mindsGuard(workloadVersion({ actions: [entry('abort')] }, done))).toBe(false)
  // Somebody took an entry away and wrote another, where nothing guards them.
  expect(mindsGuard(workloadVersion({ actions: [entry('abort', '2')] }, done))).toBe(true)
  expect(mindsGuard(workloadVersion())).toBe(false)
})

const [preTasks, , , postTasks] = workloadPhases

/** A task of the version in an attempt. */
const child = (phase: typeof preTasks | typeof postTasks, attempt = 1) =>
  task(nameOfChild({ object: workloadVersion(), attempt }, phase, 'smoke'))

const version = (...actions: readonly ActionRecord[]) =>
  workloadVersion({}, { ...begin, status: 'Progressing', actions })

describe('tasks that an action leaves behind', () => {
  test('those before the deployment stop for a release, and no others', () => {
    const released = version(record('release'))
    expect(abandonmentOf(released, child(preTasks))).toMatchObject({ reason: 'Released' })
    expect(abandonmentOf(released, child(postTasks))).toBeUndefined()
    expect(abandonmentOf(released, child(preTasks, 2))).toBeUndefined()
  })

  test('one of a skipped check stops, and no other', () => {
    const skipped = version(record('skip', { check: 'smoke', phase: preTasks.name }))
    expect(abandonmentOf(skipped, child(preTasks))).toMatchObject({ reason: 'Skipped' })
    expect(abandonmentOf(skipped, child(postTasks))).toBeUndefined()
    const other = version(record('skip', { check: 'lint', phase: preTasks.name }))
    expect(abandonmentOf(other, child(preTasks))).toBeUndefined()
  })

  test('all of an aborted version stop, also once it is tried again', () => {
    const aborted = actOn(asked([entry('abort')], { status: 'Progressing' }))?.status ?? begin
    const ended = workloadVersion({}, aborted)
    expect(isAborted(ended)).toBe(true)
    for (const phase of [preTasks, postTasks]) {
      expect(abandonmentOf(ended, child(phase))).toMatchObject({ reason: 'Aborted' })
    }
    const again = workloadVersion({}, { ...begin, attempt: 2, actions: [record('abort')] })
    expect(abandonmentOf(again, child(preTasks))).toMatchObject({ reason: 'Aborted' })
    expect(abandonmentOf(again, child(preTasks, 2))).toBeUndefined()
  })

  test('what was refused stops nothing', () => {
    for (const type of types) {
      const refused = version(record(type, { outcome: 'Refused', check: 'smoke' }))
      expect(abandonmentOf(refused, child(preTasks))).toBeUndefined()
      expect(mayAbandon(refused)).toBe(false)
      expect(mayAbandon(version(record(type)))).toBe(true)
    }
  })
})

describe('a retry of an app version', () => {
  const begunFor = { version: '1', revision: 1 }
  const failed = (status: Partial<WorkloadVersionStatus>) =>
    workloadVersion({}, { ...begin, status: 'Failed', endTime: time, ...status })
  const retried = (times: number) =>
    appVersion({
      actions: Array.from({ length: times }, (_, n) =>
        record('retry', { id: String(n), time: '2026-03-01T12:00:25Z' }),
      ),
    })

  test('tries a failed workload version again that began before it', () => {
    expect(retriesOf(retried(2))).toBe(2)
    expect(isTriedAgainFor(failed({ begunFor }), retried(0))).toBe(false)
    expect(isTriedAgainFor(failed({ begunFor }), retried(1))).toBe(true)
    const after = { ...begunFor, retries: 1 }
    expect(isTriedAgainFor(failed({ begunFor: after }), retried(1))).toBe(false)
    expect(isTriedAgainFor(failed({ begunFor: after }), retried(2))).toBe(true)
  })

  test('counts for one that began for another version of the app, or for none', () => {
    const other = { version: '0', revision: 3, retries: 4 }
    expect(isTriedAgainFor(failed({ begunFor: other }), retried(0))).toBe(false)
    expect(isTriedAgainFor(failed({ begunFor: other }), retried(1))).toBe(true)
    expect(isTriedAgainFor(failed({}), retried(1))).toBe(true)
    const later = '2026-03-01T12:00:28Z'
    expect(isTriedAgainFor(failed({ endTime: later }), retried(1))).toBe(false)
  })

  test('is not counted twice where the app version was made anew', () => {
    expect(isLoweredFor(failed({ begunFor: { ...begunFor, retries: 1 } }), retried(0))).toBe(true)
    expect(isLoweredFor(failed({ begunFor: { ...begunFor, retries: 1 } }), retried(1))).toBe(false)
    expect(isLoweredFor(failed({ begunFor }), retried(0))).toBe(false)
  })
})

test('skips count in their attempt', () => {
  const actions = [record('skip'), record('skip', { attempt: 2 }), record('abort')]
  expect(skipsIn({ actions })).toBe(1)
  expect(skipsIn({ actions, attempt: 3 })).toBe(0)
  expect(skipsIn(undefined)).toBe(0)
})

describe('what people ask changes when phases have ended', () => {
  const start = '2026-03-01T12:00:10Z'
  const [tasks, evaluations, deployment] = workloadPhases.map(({ name }) => name) as [
    string,
    string,
    string,
  ]
  const passed = { [tasks]: { startTime: start, endTime: time } }
  const of = (
    type: ActionType,
    status: Partial<WorkloadVersionStatus>,
  ): WorkloadVersionStatus['phaseTimes'] => actOn(asked([entry(type)], status))?.status.phaseTimes

  test('an abort ends what goes on, and begins nothing', () => {
    const phaseTimes = { ...passed, [evaluations]: { startTime: time } }
    const status = { status: 'Progressing', preDeploymentStatus: 'Succeeded', phaseTimes } as const
    expect(of('abort', status)).toEqual({
      ...passed,
      [evaluations]: { startTime: time, endTime: '2026-03-01T12:00:30Z' },
    })
  })

  test('a release ends what goes on, and what had failed anew', () => {
    const ended = { [tasks]: { startTime: start, endTime: '2026-03-01T12:00:30Z' } }
    const goesOn = { phaseTimes: { [tasks]: { startTime: start } } }
    expect(of('release', { ...goesOn, status: 'Progressing' })).toEqual(ended)
    const failed = { phaseTimes: passed, preDeploymentStatus: 'Failed' } as const
    expect(of('release', { ...failed, status: 'Failed' })).toEqual(ended)
  })

  test('a skip with which a version goes on takes back that the phase has ended', () => {
    const failed = { status: 'Failed', preDeploymentStatus: 'Failed' } as const
    const other = { [deployment]: { startTime: start } }
    expect(of('skip', { ...failed, phaseTimes: { ...passed, ...other } })).toEqual({
      [tasks]: { startTime: start },
      ...other,
    })
  })

  test('a retry begins without times', () => {
    expect(of('retry', { status: 'Failed', phaseTimes: passed })).toBeUndefined()
  })
})
