/**
 * What a new leader tells again is what was told when it was stored: over histories of a version from its beginning, each step
 * decided in a world of its own.
 */
import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type {
  KeptnAppVersion,
  KeptnWorkloadVersion,
  State,
  VersionAction,
} from '../../../api/index.ts'
import type { Decision, Transition } from '../../../kube/decision.ts'
import { decide as decideApp } from '../../../lifecycle/app-version/decide.ts'
import type { AppVersionSeen } from '../../../lifecycle/app-version/seen.ts'
import { defaultConfig } from '../../../lifecycle/config.ts'
import { toldLately } from '../../../lifecycle/told-lately.ts'
import { toldOfEvaluation, toldOfTask, toldOfVersion } from '../../../lifecycle/told.ts'
import type { EventNames } from '../../../lifecycle/transitions.ts'
import { decide as decideWorkload } from '../../../lifecycle/workload-version/decide.ts'
import { begin, type WorkloadVersionSeen } from '../../../lifecycle/workload-version/seen.ts'
import { filledStore } from '../filled-store.ts'
import {
  appVersion,
  evaluation,
  evaluationDefinition,
  metadata,
  task,
  taskDefinition,
  workloadVersion,
} from './objects.ts'

type Version = KeptnAppVersion | KeptnWorkloadVersion

const start = Date.parse('2026-03-01T12:00:30Z')
/** Keptn's words have what the others have, and more. */
const eventNames: EventNames = 'keptn'
const types = ['release', 'skip', 'retry', 'abort'] as const
const states: readonly State[] = ['Pending', 'Progressing', 'Succeeded', 'Failed', 'Deprecated']

/** What is seen in one step besides the version. */
const steps = fc.record({
  state: fc.constantFrom(...states),
  waits: fc.boolean(),
  action: fc.option(fc.constantFrom(...types), { nil: undefined }),
  isWanted: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
  blocking: fc.boolean(),
  isReady: fc.boolean(),
})
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

const checks = {
  preDeploymentTasks: ['smoke'],
  preDeploymentEvaluations: ['slo'],
  postDeploymentTasks: ['smoke'],
}
const definitions = {
  tasks: new Map([['smoke', taskDefinition('smoke')]]),
  evaluations: new Map([['slo', evaluationDefinition('slo')]]),
}

interface World {
  readonly version: Version
  readonly tasks: ReadonlySet<string>
  readonly evaluations: ReadonlySet<string>
}

const childrenIn = ({ tasks, evaluations }: World, { state }: Step) => ({
  tasks: [...tasks].map((name) => task(name, { status: state })),
  evaluations: [...evaluations].map((name) =>
    evaluation(name, { overallStatus: state, retryCount: 1, evaluationStatus: {} }),
  ),
})

const common = (world: World, step: Step, now: Date) => ({
  now,
  children: childrenIn(world, step),
  definitions,
  config: { ...defaultConfig, blocking: step.blocking, eventNames },
  actionsGuard: 'present' as const,
})

const ofWorkload = (world: World, step: Step, now: Date): Decision => {
  const seen: WorkloadVersionSeen = {
    ...common(world, step, now),
    version: world.version as KeptnWorkloadVersion,
    standing: step.isWanted ? 'wanted' : 'superseded',
    isHeld: true,
    app: undefined,
    appVersion: step.waits ? undefined : appVersion(),
    owner: {
      kind: 'ReplicaSet',
      object: {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: metadata('cart'),
        spec: { replicas: 1 },
        status: { availableReplicas: step.isReady ? 1 : 0 },
      },
    },
  }
  return decideWorkload(seen)
}

const ofApp = (world: World, step: Step, now: Date): Decision => {
  const found = workloadVersion({}, { status: step.isReady ? 'Succeeded' : step.state } as never)
  const seen: AppVersionSeen = {
    ...common(world, step, now),
    version: world.version as KeptnAppVersion,
    place: step.isWanted ? 'present' : 'made-again',
    hasLeft: false,
    workloads: [
      { name: 'cart', version: '2', found, present: '2', isHeld: true, isLeftBehind: false },
    ],
    isDeserted: false,
    promotes: true,
  }
  return decideApp(seen)
}

const withAction = (version: Version, action: Step['action'], index: number): Version => {
  if (action === undefined) return version
  const entry: VersionAction = {
    ...{ id: String(index), type: action, by: 'alice', reason: 'why not' },
    ...(action === 'skip' ? { check: 'smoke' } : {}),
  }
  const actions = [...(version.spec.actions ?? []), entry]
  return { ...version, spec: { ...version.spec, actions } } as Version
}

const after = (world: World, { status, actions }: Decision): World => {
  const made = actions.flatMap((action) => (action.kind === 'create' ? [action.object] : []))
  const namesOf = (kind: string): readonly string[] =>
    made.filter((object) => object.kind === kind).map((object) => object.metadata.name)
  return {
    version: { ...world.version, ...(status === undefined ? {} : { status }) } as Version,
    tasks: new Set([...world.tasks, ...namesOf('KeptnTask')]),
    evaluations: new Set([...world.evaluations, ...namesOf('KeptnEvaluation')]),
  }
}

/** What a status keeps: phases and their end, and what people asked. */
const isKept = ({ phase, reason }: Transition): boolean =>
  phase !== undefined ||
  reason.endsWith('CompletedFailed') ||
  ['Deprecated', 'ActionCarriedOut', 'ActionRefused'].includes(reason)

const idsOf = (transitions: readonly Transition[]): readonly string[] =>
  transitions.map(({ id }) => id)

/** Each step, what was told in it and before, and the version that was stored with it. */
const history = (
  first: Version,
  decide: typeof ofApp,
  chosen: readonly Step[],
): readonly { readonly told: readonly Transition[]; readonly version: Version }[] => {
  let world: World = { version: first, tasks: new Set(), evaluations: new Set() }
  return chosen.map((step, index) => {
    const asked = { ...world, version: withAction(world.version, step.action, index) }
    const decision = decide(asked, step, new Date(start + index * 1_000))
    world = after(asked, decision)
    return { told: decision.transitions, version: world.version }
  })
}

const firstWorkload = workloadVersion(checks)
const { apiVersion, kind, metadata: named, spec } = appVersion()
const firstApp: KeptnAppVersion = {
  ...{ apiVersion, kind, metadata: named },
  spec: { ...spec, ...checks, promotionTasks: ['smoke'], onFailure: ['smoke'] },
}

describe.each([
  ['a workload version', firstWorkload, ofWorkload],
  ['an app version', firstApp, ofApp],
] as const)('of %s', (_what, first, decide) => {
  const histories = fc.array(steps, { minLength: 1, maxLength: 14 })
  const settings = { numRuns: 1_000 }

  test('what was told with a status is told again from it', () => {
    fc.assert(
      fc.property(histories, (chosen) => {
        for (const { told, version } of history(first, decide, chosen)) {
          const again = idsOf(toldOfVersion(version, eventNames))
          for (const id of idsOf(told.filter(isKept))) expect(again).toContain(id)
        }
      }),
      settings,
    )
  })

  test('nothing is told again that was not told, and nothing twice', () => {
    fc.assert(
      fc.property(histories, (chosen) => {
        const sofar = new Map<string, Transition>()
        for (const { told, version } of history(first, decide, chosen)) {
          for (const each of told) sofar.set(each.id, each)
          const again = toldOfVersion(version, eventNames)
          expect(new Set(idsOf(again)).size).toBe(again.length)
          for (const each of again) {
            expect(sofar.get(each.id)?.reason).toBe(each.reason)
            expect(each.severity).toBe(sofar.get(each.id)?.severity)
          }
        }
      }),
      settings,
    )
  })
})

test('of a phase that failed it is said again why', () => {
  const chosen = (['Pending', 'Failed'] as const).map((state) => ({
    ...{ state, waits: false, action: undefined, isWanted: true, blocking: true, isReady: false },
  }))
  const last = history(firstWorkload, ofWorkload, chosen).at(-1)
  const failed = last?.told.find(({ phase }) => phase?.state === 'Errored')
  if (last === undefined || failed === undefined) throw new Error('It has not failed')
  const again = toldOfVersion(last.version, eventNames).find(({ id }) => id === failed.id)
  expect(again).toEqual({ ...failed, at: new Date(start + 1_000) })
})

describe('of a task', () => {
  const begun = { jobName: 'smoke-1', startTime: '2026-03-01T12:00:30Z' }
  const endTime = '2026-03-01T12:00:40Z'
  const reasonsOf = (status: NonNullable<Parameters<typeof task>[1]>): readonly string[] =>
    toldOfTask(task('smoke-1', status), 'seeds').map(({ id }) => id)

  test.each([
    ['that runs', { status: 'Progressing' as const, ...begun }, ['CreateTask/Job']],
    ['that waits', { status: 'Pending' as const }, []],
    [
      'that has ended',
      { status: 'Failed' as const, ...begun, endTime },
      ['CreateTask/Job', 'ReconcileTask/Failed'],
    ],
    [
      'that was stopped before its Job was noted',
      { status: 'Deprecated' as const, jobName: 'smoke-1', endTime },
      ['ReconcileTask/Deprecated'],
    ],
  ])('%s', (_what, status, ids) => {
    expect(reasonsOf(status)).toEqual(ids.map((id) => `uid-smoke-1/${id}`))
  })
})

test('of an evaluation its end is told again', () => {
  const status = { retryCount: 1, evaluationStatus: {}, endTime: '2026-03-01T12:00:40Z' }
  const idsFor = (overallStatus: State): readonly string[] =>
    idsOf(toldOfEvaluation(evaluation('slo-1', { ...status, overallStatus }), 'keptn'))
  expect(idsFor('Succeeded')).toEqual(['uid-slo-1/ReconcileEvaluationFinished/Succeeded'])
  expect(idsFor('Deprecated')).toEqual([])
})

describe('a new leader', () => {
  const now = new Date('2026-03-01T12:15:00Z')
  const told = (phaseTimes: NonNullable<KeptnWorkloadVersion['status']>['phaseTimes']) =>
    toldLately(
      {
        appVersions: filledStore([]),
        workloadVersions: filledStore([
          workloadVersion({}, { ...begin, ...(phaseTimes === undefined ? {} : { phaseTimes }) }),
        ]),
        tasks: filledStore([
          task('smoke-1', { status: 'Succeeded', endTime: '2026-03-01T12:14:00Z' }),
          task('smoke-0', { status: 'Succeeded', endTime: '2026-03-01T12:04:59Z' }),
        ]),
        evaluations: filledStore([]),
      },
      { now, eventNames: 'seeds' },
    )

  test('tells again what was stored in the last ten minutes, the earliest first', () => {
    const phaseTimes = {
      WorkloadPreDeployTasks: { startTime: '2026-03-01T12:04:59Z' },
      WorkloadDeploy: { startTime: '2026-03-01T12:05:00Z' },
    }
    expect(idsOf(told(phaseTimes))).toEqual([
      'uid-shop-cart-2/WorkloadDeploy/Started',
      'uid-smoke-1/ReconcileTask/Succeeded',
    ])
  })

  test('tells nothing again of what has not changed', () => {
    expect(idsOf(told(undefined))).toEqual(['uid-smoke-1/ReconcileTask/Succeeded'])
  })
})
