import { describe, expect, test } from '@jest/globals'
import { conditionTypes, type Condition } from '../../../api/condition.ts'
import type { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import type { PodCondition } from '../../../api/kubernetes.ts'
import { heldLabel, projectHeldPod, releasedCondition } from '../../../gate/held-pods.ts'
import type { HeldPod } from '../../../gate/held-pods.ts'
import { decide, type Seen } from '../../../gate/held/decide.ts'
import { keys } from '../../../identity/keys.ts'
import { decide as decideVersion } from '../../../lifecycle/workload-version/decide.ts'
import type { WorkloadVersionSeen } from '../../../lifecycle/workload-version/seen.ts'
import { createdAt, anonymousPod, managed, namespace, pod, version } from './objects.ts'

/** So many seconds after the pods of these tests were made. */
const after = (seconds: number): Date => new Date(Date.parse(createdAt) + seconds * 1_000)

const seen = (more: Partial<Seen> = {}): Seen => {
  const now = more.now ?? after(30)
  return {
    now,
    leads: true,
    crowd: 0,
    pod: pod(),
    namespace: managed(),
    versions: [],
    owner: 'not-read',
    quietMs: 10_000,
    turnAt: now,
    ...more,
  }
}

interface Written {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly status: { readonly conditions: readonly PodCondition[] }
}

/** The condition that is written to the pod, if any. */
const writtenBy = (decision: ReturnType<typeof decide>): PodCondition | undefined => {
  const [action] = decision.actions
  if (action?.kind !== 'patch') return undefined
  const { conditions } = (action.patch as unknown as Written).status
  expect(conditions).toHaveLength(1)
  return conditions[0]
}

/** The pod as it is once this was written. */
const afterWriting = (before: HeldPod, decision: ReturnType<typeof decide>): HeldPod => {
  const condition = writtenBy(decision)
  if (condition === undefined) throw new Error('Cannot go on: nothing was written')
  const labels = { ...before.metadata.labels, [heldLabel]: 'true' }
  return {
    ...before,
    metadata: { ...before.metadata, labels },
    status: { conditions: [condition] },
  }
}

const condition = (type: string, more: Partial<Condition>): Condition => ({
  type,
  status: 'Unknown',
  reason: 'Test',
  message: '',
  lastTransitionTime: '2026-03-01T12:00:07Z',
  ...more,
})
const verdict = (more: Partial<Condition>): Condition =>
  condition(conditionTypes.preDeploymentPassed, more)

const running = (message: string): KeptnWorkloadVersion =>
  version({
    status: {
      currentPhase: 'WorkloadPreDeployTasks',
      startTime: '2026-03-01T12:00:03Z',
      conditions: [verdict({ reason: 'ChecksRunning', message })],
    },
  })

type Sentence = readonly [
  holds: string,
  seen: Partial<Seen>,
  says: { readonly reason: string; readonly message: string; readonly severity: string },
]

const sentences: readonly Sentence[] = [
  [
    'its app',
    {
      versions: [
        version({
          status: {
            conditions: [
              verdict({ reason: 'WaitingForApp', message: 'No version of app "shop" has it yet' }),
            ],
          },
        }),
      ],
    },
    {
      reason: 'WaitingForChecks',
      severity: 'Normal',
      message:
        'Since 2026-03-01T12:00:07Z: KeptnWorkloadVersion "shop-web-2" waits for application "shop": No version of app "shop" has it yet',
    },
  ],
  [
    'a check that runs',
    { versions: [running('task "smoke" is under way')] },
    {
      reason: 'WaitingForChecks',
      severity: 'Normal',
      message:
        'Since 2026-03-01T12:00:03Z: KeptnWorkloadVersion "shop-web-2" waits in phase "WorkloadPreDeployTasks": task "smoke" is under way',
    },
  ],
  [
    'a definition that is missing',
    {
      versions: [
        version({
          status: {
            currentPhase: 'WorkloadPreDeployTasks',
            startTime: '2026-03-01T12:00:03Z',
            conditions: [
              verdict({
                reason: 'ChecksRunning',
                message: 'task definition "smoke" does not exist',
              }),
              condition(conditionTypes.stalled, {
                status: 'True',
                reason: 'DefinitionNotFound',
                message: 'No definition "smoke" exists: create it',
              }),
            ],
          },
        }),
      ],
    },
    {
      reason: 'Stalled',
      severity: 'Warning',
      message:
        'Since 2026-03-01T12:00:07Z: KeptnWorkloadVersion "shop-web-2" waits in phase "WorkloadPreDeployTasks": No definition "smoke" exists: create it',
    },
  ],
  [
    'a failed check',
    {
      versions: [
        version({
          status: {
            status: 'Failed',
            currentPhase: 'WorkloadPreDeployTasks',
            conditions: [
              verdict({ status: 'False', reason: 'ChecksFailed', message: 'task "smoke": exit 3' }),
            ],
          },
        }),
      ],
    },
    {
      reason: 'ChecksFailed',
      severity: 'Warning',
      message:
        'Since 2026-03-01T12:00:07Z: KeptnWorkloadVersion "shop-web-2" (in phase "WorkloadPreDeployTasks") is not let go: task "smoke": exit 3',
    },
  ],
  [
    'a version that nobody has written anything into yet',
    { versions: [version({})] },
    {
      reason: 'WaitingForChecks',
      severity: 'Normal',
      message: `Since ${createdAt}: KeptnWorkloadVersion "shop-web-2" waits for application "shop"`,
    },
  ],
  [
    'that nobody has recorded it',
    {},
    {
      reason: 'UnknownRevision',
      severity: 'Normal',
      message: `Since ${createdAt}: No KeptnWorkloadVersion lists revision "web-uid" yet`,
    },
  ],
  [
    'that its owner is not there',
    { pod: anonymousPod, owner: 'missing' },
    {
      reason: 'OwnerMissing',
      severity: 'Normal',
      message: `Since ${createdAt}: The owner of the pod was not found`,
    },
  ],
]

describe('a pod that is held for long tells on itself and in an event', () => {
  test.each(sentences)('%s', (_, more, { reason, message, severity }) => {
    const decision = decide(seen(more))
    expect(writtenBy(decision)).toEqual({
      type: releasedCondition,
      status: 'False',
      reason,
      message,
      lastProbeTime: '2026-03-01T12:00:30Z',
      lastTransitionTime: createdAt,
    })
    expect(decision.transitions).toMatchObject([
      {
        id: `web-1-uid/Held/${reason}`,
        subject: { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'web-1-uid' },
        reason: 'Held',
        severity,
        message,
      },
    ])
  })

  test('and is the one that was looked at', () => {
    const [action] = decide(seen()).actions
    expect(action).toMatchObject({
      patchType: 'strategic',
      subresource: 'status',
      patch: { metadata: { uid: 'web-1-uid', resourceVersion: '1' } },
    })
  })

  // A character in two halves is cut in one of the two.
  test.each(['', 'x'])('in words that are never too long, whatever a task says (%#)', (first) => {
    const said = writtenBy(decide(seen({ versions: [running(first + '😀'.repeat(5_000))] })))
    const { message = '' } = said ?? {}
    expect(message.length).toBeLessThanOrEqual(800)
    expect(message).toMatch(/^Since .* waits in phase .*…$/s)
    expect(message.isWellFormed()).toBe(true)
  })
})

test.each([
  ['AppFailed', { status: 'Failed' }],
  ['AppDeleted', undefined],
] as const)('what the engine calls %s is stalled: it waits for a person', (reason, appStatus) => {
  const waiting = version({ status: { writtenAppUID: 'gone' } })
  const app = { status: appStatus, metadata: { name: 'shop-1', ownerReferences: [] } }
  const written = { kind: 'KeptnApp', metadata: { name: 'shop', uid: 'app-uid' } }
  const { status } = decideVersion({
    now: after(20),
    version: waiting,
    app: appStatus === undefined ? undefined : written,
    appVersion: appStatus === undefined ? undefined : app,
    owner: { kind: 'gone' },
    children: { tasks: [], evaluations: [] },
    definitions: { tasks: new Map(), evaluations: new Map() },
    config: { eventNames: 'seeds', blocking: true },
  } as unknown as WorkloadVersionSeen)
  const said = status?.conditions?.find(({ type }) => type === conditionTypes.preDeploymentPassed)
  expect(said?.reason).toBe(reason)
  const versions = [{ ...waiting, status: { ...waiting.status, ...status } }]
  const decision = decide(seen({ versions: versions as KeptnWorkloadVersion[] }))
  expect(writtenBy(decision)).toMatchObject({ reason: 'Stalled' })
  expect(decision.transitions).toMatchObject([{ severity: 'Warning' }])
})

const gateless = pod({ spec: { schedulingGates: [{ name: 'example.org/other' }] } })
const leaving = pod({ metadata: { deletionTimestamp: createdAt } })

describe('nothing is written', () => {
  test.each<readonly [string, Partial<Seen>]>([
    ['before its time', { now: after(10.9) }],
    ['to a pod of a namespace that left', { namespace: namespace({ labels: {} }) }],
    ['to a pod whose gate is about to open', { versions: [version({ verdict: 'True' })] }],
    ['to a pod that is being deleted', { pod: leaving }],
    ['to a pod that was let go and never said anything', { pod: gateless }],
    ['before its turn', { turnAt: after(31) }],
  ])('%s', (_, more) => {
    const decision = decide(seen(more))
    expect(decision.actions).toEqual([])
    expect(decision.transitions).toEqual([])
  })

  test('to a pod that is being deleted and says that it is held', () => {
    const said = afterWriting(pod(), decide(seen()))
    const metadata = { ...said.metadata, deletionTimestamp: createdAt }
    expect(decide(seen({ pod: { ...said, metadata } })).actions).toEqual([])
  })

  test('once it is said', () => {
    const said = afterWriting(pod(), decide(seen()))
    expect(decide(seen({ pod: said, now: after(600) }))).toEqual({ actions: [], transitions: [] })
  })
})

describe('a pod is looked at again', () => {
  test('when ten seconds are over, wherever in its second it was made', () => {
    expect(decide(seen({ now: after(1) })).wakeAt).toEqual(after(11))
    expect(decide(seen({ now: after(11) })).actions).toHaveLength(1)
  })

  test('in its turn', () => {
    expect(decide(seen({ turnAt: after(31) })).wakeAt).toEqual(after(31))
  })

  test('after twice its age, as long as it hangs on an owner of which nobody tells', () => {
    const decision = decide(seen({ pod: anonymousPod, owner: 'missing' }))
    expect(decision.wakeAt).toEqual(after(60))
    expect(decide(seen()).wakeAt).toBeUndefined()
  })

  test('after twice its age, as long as its gate could be open and is not', () => {
    const passed = [version({ verdict: 'True' })]
    expect(decide(seen({ versions: passed })).wakeAt).toEqual(after(60))
    expect(decide(seen({ versions: passed, now: after(2) })).wakeAt).toEqual(after(11))
  })
})

describe('what a pod says', () => {
  const said = afterWriting(pod(), decide(seen({ versions: [running('task "a" is under way')] })))

  test('changes some seconds later at the earliest, without another event', () => {
    const versions = [running('task "b" is under way')]
    const early = decide(seen({ pod: said, versions, now: after(31) }))
    expect(early).toEqual({ actions: [], transitions: [], wakeAt: after(35) })
    const late = decide(seen({ pod: said, versions, now: after(35) }))
    expect(writtenBy(late)?.message).toContain('task "b" is under way')
    expect(writtenBy(late)).toMatchObject({
      lastTransitionTime: createdAt,
      lastProbeTime: '2026-03-01T12:00:35Z',
    })
    expect(late.transitions).toEqual([])
  })

  test('makes another event with another reason', () => {
    const failed = [version({ verdict: 'False' })]
    const decision = decide(seen({ pod: said, versions: failed, now: after(35) }))
    expect(decision.transitions).toMatchObject([
      { id: 'web-1-uid/Held/ChecksFailed/2026-03-01T12:00:30Z' },
    ])
  })

  test('makes another event when what held it before holds it once more', () => {
    const waits = seen({ versions: [running('')] })
    const fails = { versions: [version({ verdict: 'False' })] }
    const first = decide(seen({ ...fails }))
    const between = decide({ ...waits, pod: afterWriting(pod(), first), now: after(35) })
    const again = decide(seen({ ...fails, pod: afterWriting(pod(), between), now: after(40) }))
    const ids = [first, between, again].flatMap(({ transitions }) =>
      transitions.map(({ id }) => id),
    )
    expect(new Set(ids).size).toBe(3)
  })

  test('is said again when its label was taken away, for nobody would find it later', () => {
    const unlabelled = { ...said, metadata: pod().metadata }
    const versions = [running('task "a" is under way')]
    const { actions, transitions } = decide(seen({ pod: unlabelled, versions, now: after(60) }))
    expect(actions).toMatchObject([{ patch: { metadata: { labels: { [heldLabel]: 'true' } } } }])
    expect(transitions).toEqual([])
  })

  test.each<readonly [string, Partial<Seen>, string]>([
    ['passed', { versions: [version({ verdict: 'True' })] }, 'PreDeploymentPassed'],
    ['was listed', { namespace: managed('v1 web-uid') }, 'AlreadyReleased'],
    ['left with its namespace', { namespace: namespace({ labels: {} }) }, 'OptedOut'],
    ['was opened by hand', { versions: [version({ verdict: 'False' })] }, 'GateGone'],
  ])('is put right at once, whatever else was written, when it %s', (_, more, reason) => {
    const decision = decide(seen({ pod: { ...said, spec: {} }, now: after(31), ...more }))
    expect(writtenBy(decision)).toMatchObject({
      type: releasedCondition,
      status: 'True',
      reason,
      lastTransitionTime: '2026-03-01T12:00:31Z',
    })
    expect(decision.actions).toMatchObject([
      { patch: { metadata: { labels: { [heldLabel]: null } } } },
    ])
    expect(decision.actions).not.toMatchObject([
      { patch: { metadata: { resourceVersion: expect.anything() as unknown } } },
    ])
    expect(decision.transitions).toEqual([])
  })
})

test('of the conditions of a held pod only ours is kept', () => {
  const scheduled = { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }
  const ours = { type: releasedCondition, status: 'False', reason: 'ChecksFailed', message: 'x' }
  const labels = { [keys.gated]: 'true', [heldLabel]: 'true', app: 'web' }
  const kept = projectHeldPod({
    ...pod({ metadata: { labels } }),
    spec: { containers: [] },
    status: { phase: 'Pending', conditions: [scheduled, ours] },
  })
  expect(kept.status).toEqual({ phase: 'Pending', conditions: [ours] })
  expect(kept.metadata.labels).toEqual({ [keys.gated]: 'true', [heldLabel]: 'true' })
})
