/**
 * What holds for every version in every world: worlds are made from few words, so that what must agree sometimes does.
 */
import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { KeptnWorkloadVersion, State } from '../../../api/index.ts'
import { controllerOf } from '../../../api/object.ts'
import { isPassed, isTerminal } from '../../../lifecycle/checks/roll-up.ts'
import { nameOfChild } from '../../../lifecycle/children.ts'
import { defaultConfig } from '../../../lifecycle/config.ts'
import { workloadPhases } from '../../../lifecycle/phases.ts'
import { decide } from '../../../lifecycle/workload-version/decide.ts'
import type {
  WorkloadVersionSeen,
  WorkloadVersionStatus,
} from '../../../lifecycle/workload-version/seen.ts'
import {
  appVersion,
  evaluation,
  evaluationDefinition,
  metadata,
  parent,
  task,
  taskDefinition,
  workloadVersion,
} from './objects.ts'

const states: readonly State[] = [
  'Pending',
  'Progressing',
  'Succeeded',
  'Failed',
  'Unknown',
  'Deprecated',
  'Warning',
]
const taskNames = [
  'smoke',
  'lint',
  'a-definition-with-a-name-that-is-far-too-long-for-a-label'.repeat(2),
]
const evaluationNames = ['slo', 'capacity']
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined })
const words = fc.oneof(
  fc.constantFrom('', 'Exit code 1', '漢字'.repeat(1_000)),
  fc.string({ unit: 'binary', maxLength: 50 }),
)

const specs = fc.record({
  preDeploymentTasks: fc.subarray(taskNames),
  preDeploymentEvaluations: fc.subarray(evaluationNames),
  postDeploymentTasks: fc.subarray(taskNames),
  postDeploymentEvaluations: fc.subarray(evaluationNames),
})

const [preTasks, preEvaluations, , postTasks, postEvaluations] = workloadPhases
const childNames = {
  tasks: [preTasks, postTasks].flatMap((phase) =>
    taskNames.map((name) => nameOfChild(parent(), phase, name)),
  ),
  evaluations: [preEvaluations, postEvaluations].flatMap((phase) =>
    evaluationNames.map((name) => nameOfChild(parent(), phase, name)),
  ),
}
const someChildren = fc
  .record({
    tasks: fc.subarray(childNames.tasks),
    evaluations: fc.subarray(childNames.evaluations),
    state: fc.array(fc.constantFrom(...states), { minLength: 12, maxLength: 12 }),
    message: words,
  })
  .map(({ tasks, evaluations, state, message }) => ({
    tasks: tasks.map((name, index) => task(name, { status: state[index] ?? 'Pending', message })),
    evaluations: evaluations.map((name, index) =>
      evaluation(name, {
        overallStatus: state[index + 6] ?? 'Pending',
        retryCount: 1,
        evaluationStatus: {},
      }),
    ),
  }))

const owners = fc
  .record({ replicas: fc.integer({ min: 0, max: 2 }), available: fc.integer({ min: 0, max: 2 }) })
  .map(({ replicas, available }): WorkloadVersionSeen['owner'] => ({
    kind: 'ReplicaSet',
    object: {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: metadata('cart'),
      spec: { replicas },
      status: { availableReplicas: available },
    },
  }))

/** Phases that have begun a while ago, and some of which have ended. */
const phaseTimes = fc
  .record({
    begun: fc.subarray(workloadPhases.map(({ name }) => name)),
    ended: fc.subarray(workloadPhases.map(({ name }) => name)),
  })
  .map(({ begun, ended }) =>
    Object.fromEntries(
      begun.map((name) => [
        name,
        {
          startTime: '2026-03-01T12:00:10Z',
          ...(ended.includes(name) ? { endTime: '2026-03-01T12:00:20Z' } : {}),
        },
      ]),
    ),
  )

/** A version on its way: no status yet, or one that an earlier decision may have stored. */
const statuses: fc.Arbitrary<KeptnWorkloadVersion['status']> = maybe(
  fc.record({
    preDeploymentStatus: fc.constantFrom(...states),
    preDeploymentEvaluationStatus: fc.constantFrom(...states),
    deploymentStatus: fc.constantFrom(...states),
    postDeploymentStatus: fc.constantFrom(...states),
    postDeploymentEvaluationStatus: fc.constantFrom(...states),
    status: fc.constantFrom(...states),
    currentPhase: fc.constantFrom(...workloadPhases.map(({ name }) => name)),
    phaseTimes,
  }),
)

const worlds: fc.Arbitrary<WorkloadVersionSeen> = fc
  .record({
    spec: specs,
    status: statuses,
    verdict: maybe(fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const)),
    app: maybe(fc.tuple(fc.constantFrom(...states), fc.constantFrom(...states))),
    owner: owners,
    children: someChildren,
    known: fc.record({
      tasks: fc.subarray(taskNames),
      evaluations: fc.subarray(evaluationNames),
    }),
    blocking: fc.boolean(),
    standing: fc.constantFrom('wanted' as const, 'superseded' as const, 'opted-out' as const),
    isHeld: fc.boolean(),
  })
  .map(({ spec, status, verdict, app, owner, children, known, blocking, standing, isHeld }) => ({
    now: new Date('2026-03-01T12:00:30Z'),
    standing,
    isHeld,
    actionsGuard: 'present',
    version: workloadVersion(spec, withVerdict(status, verdict)),
    app: undefined,
    appVersion:
      app === undefined
        ? undefined
        : appVersion({ preDeploymentStatus: app[0], preDeploymentEvaluationStatus: app[1] }),
    owner,
    children,
    definitions: {
      tasks: new Map(known.tasks.map((name) => [name, taskDefinition(name)])),
      evaluations: new Map(known.evaluations.map((name) => [name, evaluationDefinition(name)])),
    },
    config: { ...defaultConfig, blocking },
  }))

const withVerdict = (
  status: KeptnWorkloadVersion['status'],
  verdict: 'True' | 'False' | 'Unknown' | undefined,
): KeptnWorkloadVersion['status'] =>
  status === undefined || verdict === undefined
    ? status
    : {
        ...status,
        conditions: [
          {
            type: 'PreDeploymentPassed',
            status: verdict,
            reason: 'Test',
            message: '',
            lastTransitionTime: '2026-03-01T12:00:00Z',
          },
        ],
      }

const verdictOf = (status: WorkloadVersionStatus | undefined): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'PreDeploymentPassed')?.status

/** The world after what was decided has been stored and made. */
const applied = (seen: WorkloadVersionSeen): WorkloadVersionSeen => {
  const { status, actions } = decide(seen)
  const made = actions.flatMap((action) => (action.kind === 'create' ? [action.object] : []))
  const namesOf = (kind: string): readonly string[] =>
    made.filter((object) => object.kind === kind).map((object) => object.metadata.name)
  return {
    ...seen,
    version: { ...seen.version, ...(status === undefined ? {} : { status }) },
    children: {
      tasks: [...seen.children.tasks, ...namesOf('KeptnTask').map((name) => task(name))],
      evaluations: [
        ...seen.children.evaluations,
        ...namesOf('KeptnEvaluation').map((name) => evaluation(name)),
      ],
    },
  }
}

const holds = (check: (seen: WorkloadVersionSeen) => void): void => {
  fc.assert(fc.property(worlds, check), { numRuns: 1_500 })
}

describe('a workload version', () => {
  test('that has ended stays as it is, unless its pods are held once more', () => {
    holds((seen) => {
      if (!isTerminal(seen.version.status?.status) || mayBeginAnew(seen)) return
      const { actions, status = seen.version.status, transitions } = decide(seen)
      expect(actions).toEqual([])
      expect(transitions.every(({ reason }) => reason === 'ChecksAddedTooLate')).toBe(true)
      expect(withoutLate(status)).toEqual(withoutLate(seen.version.status))
    })
  })

  test('begins anew as another attempt, with nothing of the one before', () => {
    holds((seen) => {
      if (!mayBeginAnew(seen)) return
      const { status } = decide(seen)
      expect(status?.attempt).toBe(2)
      expect(status?.status).not.toBe('Deprecated')
      expect(status?.endTime).toBeUndefined()
    })
  })

  test('that nobody wants any more ends, unless its pods were let go', () => {
    holds((seen) => {
      const { standing, version } = seen
      if (standing === 'wanted' || isTerminal(version.status?.status)) return
      const isReleased = verdictOf(version.status) === 'True'
      const { status, actions } = decide(seen)
      if (standing === 'superseded' && isReleased) return
      expect(status?.status).toBe('Deprecated')
      expect(actions).toEqual([])
      if (!isReleased) expect(verdictOf(status)).toBe('False')
    })
  })

  test('that was decided on in an unchanged world is settled', () => {
    holds((seen) => {
      const once = applied(seen)
      const again = decide(once)
      expect(again.actions).toEqual([])
      expect(again.transitions).toEqual([])
      expect(again.status ?? once.version.status).toEqual(once.version.status)
    })
  })

  test('never loses a verdict that let its pods go', () => {
    holds((seen) => {
      if (verdictOf(seen.version.status) !== 'True') return
      const { status } = decide(seen)
      if (status !== undefined) expect(verdictOf(status)).toBe('True')
    })
  })

  test('never moves a time at which a phase began or ended', () => {
    holds((seen) => {
      const before = seen.version.status
      const { status } = decide(seen)
      if (status === undefined || status.attempt !== before?.attempt) return
      for (const [name, times] of Object.entries(before?.phaseTimes ?? {})) {
        expect(status.phaseTimes?.[name]).toMatchObject(times)
      }
    })
  })

  test('notes when the phase that it enters began', () => {
    holds((seen) => {
      const before = seen.version.status?.currentPhase
      const { currentPhase = before, phaseTimes = {} } = decide(seen).status ?? {}
      if (currentPhase === undefined || currentPhase === before) return
      if (currentPhase !== 'Completed') expect(Object.keys(phaseTimes)).toContain(currentPhase)
    })
  })

  test('that ends leaves no phase without an end', () => {
    holds((seen) => {
      const { status } = decide(seen)
      if (isTerminal(seen.version.status?.status) || !isTerminal(status?.status)) return
      const open = Object.values(status?.phaseTimes ?? {}).filter(({ endTime }) => !endTime)
      expect(open).toEqual([])
    })
  })

  test('gets the verdict only when both phases before the deployment are passed', () => {
    holds((seen) => {
      const { status } = decide(seen)
      if (isTerminal(seen.version.status?.status)) return
      if (status === undefined || verdictOf(seen.version.status) === 'True') return
      const before = [status.preDeploymentStatus, status.preDeploymentEvaluationStatus]
      const isDue = seen.standing === 'wanted' && isBegun(seen) && before.every(isPassed)
      expect(verdictOf(status) === 'True').toBe(isDue)
    })
  })

  test('gets a warning instead of a failure only where failures do not block', () => {
    holds((seen) => {
      const { status } = decide(seen)
      if (status === undefined || !seen.config.blocking) return
      for (const { state } of workloadPhases) {
        if (status[state] === 'Warning') expect(seen.version.status?.[state]).toBe('Warning')
      }
    })
  })

  test('makes children that are its own, with names that fit everywhere', () => {
    holds((seen) => {
      for (const action of decide(seen).actions) {
        if (action.kind !== 'create') throw new Error('It only makes children')
        const { name, namespace } = action.object.metadata
        expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/)
        expect(namespace).toBe('shop')
        expect(controllerOf(action.object)?.uid).toBe(seen.version.metadata.uid)
      }
    })
  })

  test('tells of each child that it makes, under the same id whenever it makes it', () => {
    holds((seen) => {
      const { actions, transitions } = decide(seen)
      const { uid } = seen.version.metadata
      const made = actions.flatMap((action) => (action.kind === 'create' ? [action.object] : []))
      const ids = made.map(({ kind, metadata: { name } }) => {
        const reason = kind === 'KeptnTask' ? 'CreateTask' : 'CreateEvaluation'
        const attempt = decide(seen).status?.attempt ?? 1
        return `${uid}/${reason}/${name}${attempt === 1 ? '' : `/${String(attempt)}`}`
      })
      const told = transitions.filter(({ reason }) => reason.startsWith('Create'))
      expect(told.map(({ id }) => id)).toEqual(ids)
    })
  })

  test('tells each fact once, and short enough for an event and a condition', () => {
    holds((seen) => {
      const { transitions, status } = decide(seen)
      expect(new Set(transitions.map(({ id }) => id)).size).toBe(transitions.length)
      for (const { id, message } of transitions) {
        expect(id.startsWith(`${seen.version.metadata.uid}/`)).toBe(true)
        expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024)
      }
      for (const { message } of status?.conditions ?? []) {
        expect(message.length).toBeLessThanOrEqual(32_768)
      }
    })
  })
})

/** Whether the version ended before its time and its release, and somebody wants it again. */
const mayBeginAnew = ({ version, standing, isHeld, children }: WorkloadVersionSeen): boolean =>
  version.status?.status === 'Deprecated' &&
  verdictOf(version.status) !== 'True' &&
  standing === 'wanted' &&
  isHeld &&
  [
    ...children.tasks.map(({ status }) => status?.status),
    ...children.evaluations.map(({ status }) => status?.overallStatus),
  ].every(isTerminal)

/** A version that has ended still says which checks came too late. */
const withoutLate = (status: WorkloadVersionStatus | undefined) => ({
  ...status,
  conditions: (status?.conditions ?? []).filter(({ type }) => type !== 'ChecksAddedTooLate'),
})

/** Whether the version is past waiting for its app. */
const isBegun = ({ version, appVersion: app }: WorkloadVersionSeen): boolean =>
  version.status?.currentPhase !== undefined ||
  (isPassed(app?.status?.preDeploymentStatus) &&
    isPassed(app?.status?.preDeploymentEvaluationStatus))
