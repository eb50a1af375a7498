import { describe, expect, test } from '@jest/globals'
import { decide, judge, needsOwner, type Finding, type Seen } from '../../../gate/opening/decide.ts'
import { anonymousPod, managed, namespace, ownerOf, pod, version } from './objects.ts'

const seen = (more: Partial<Seen> = {}): Seen => ({
  now: new Date('2026-03-01T12:00:10Z'),
  leads: true,
  crowd: 0,
  pod: pod(),
  namespace: managed(),
  versions: [],
  owner: 'not-read',
  ...more,
})

type Case = readonly [sentence: string, seen: Partial<Seen>, reason: Finding['reason']]

const opening: readonly Case[] = [
  ['a passed verdict opens', { versions: [version({ verdict: 'True' })] }, 'PreDeploymentPassed'],
  [
    'one passed version of two opens',
    {
      versions: [
        version({ metadata: { name: 'old' }, verdict: 'False' }),
        version({ verdict: 'True' }),
      ],
    },
    'PreDeploymentPassed',
  ],
  [
    'a version that passed and failed after its deployment opens: its pods were released',
    { versions: [version({ verdict: 'True', status: { status: 'Failed' } })] },
    'PreDeploymentPassed',
  ],
  ['a released revision opens', { namespace: managed('v1 other web-uid') }, 'AlreadyReleased'],
  [
    'a released revision opens though its version failed',
    { namespace: managed('v1 web-uid'), versions: [version({ verdict: 'False' })] },
    'AlreadyReleased',
  ],
  [
    'a released revision of a StatefulSet opens',
    {
      namespace: managed('v1 db-uid/db-77'),
      pod: pod({
        metadata: {
          ownerReferences: [ownerOf('StatefulSet', 'db')],
          labels: { 'controller-revision-hash': 'db-77' },
        },
      }),
    },
    'AlreadyReleased',
  ],
  [
    'without label and annotation it has left',
    { namespace: namespace({ labels: {} }) },
    'OptedOut',
  ],
  [
    'an annotation that says no wins over the label',
    { namespace: namespace({ annotations: { 'keptn.sh/lifecycle-toolkit': 'disabled' } }) },
    'OptedOut',
  ],
  [
    'leaving opens what failed',
    { namespace: namespace({ labels: {} }), versions: [version({ verdict: 'False' })] },
    'OptedOut',
  ],
  [
    'leaving opens what has no revision',
    { namespace: namespace({ labels: {} }), pod: pod({ metadata: { ownerReferences: [] } }) },
    'OptedOut',
  ],
  [
    "the cluster's own namespaces can't be managed",
    { namespace: namespace({ name: 'kube-system' }) },
    'OptedOut',
  ],
  [
    'an owner that names no workload opens',
    { pod: anonymousPod, owner: 'not-managed' },
    'NotManaged',
  ],
]

const holding: readonly Case[] = [
  ['a revision without a version holds', {}, 'UnknownRevision'],
  ['a failed verdict holds', { versions: [version({ verdict: 'False' })] }, 'ChecksFailed'],
  ['an unknown verdict holds', { versions: [version({ verdict: 'Unknown' })] }, 'WaitingForChecks'],
  ['a missing verdict holds', { versions: [version({})] }, 'WaitingForChecks'],
  [
    'Succeeded checks without a verdict hold',
    {
      versions: [
        version({
          status: { preDeploymentStatus: 'Succeeded', preDeploymentEvaluationStatus: 'Succeeded' },
        }),
      ],
    },
    'WaitingForChecks',
  ],
  [
    'a deployment that is said to be under way holds without a verdict',
    { versions: [version({ status: { deploymentStatus: 'Progressing' } })] },
    'WaitingForChecks',
  ],
  [
    'a deprecated version holds',
    { versions: [version({ status: { status: 'Deprecated' } })] },
    'ChecksFailed',
  ],
  [
    'a passed version that is being deleted holds',
    {
      versions: [
        version({ verdict: 'True', metadata: { deletionTimestamp: '2026-03-01T12:00:01Z' } }),
      ],
    },
    'ChecksFailed',
  ],
  ['a namespace that was not seen holds', { namespace: undefined }, 'NamespaceUnknown'],
  [
    'an annotation whose label is not mirrored yet holds',
    {
      namespace: namespace({
        labels: {},
        annotations: { 'keptn.sh/lifecycle-toolkit': 'enabled' },
      }),
    },
    'UnknownRevision',
  ],
  [
    'a list in a format that is not ours holds',
    { namespace: managed('v2 web-uid') },
    'UnknownRevision',
  ],
  [
    'the mark of an opened gate on the pod opens nothing',
    {
      pod: pod({
        metadata: {
          annotations: { 'keptn.sh/scheduling-gate-removed': 'true', 'keptn.sh/workload': 'web' },
        },
      }),
    },
    'UnknownRevision',
  ],
  [
    'a pod that names a workload is managed whatever its owner says',
    { owner: 'not-managed' },
    'UnknownRevision',
  ],
  [
    'a recommended name names a workload too',
    {
      pod: pod({
        metadata: {
          annotations: {},
          labels: { ...pod().metadata.labels, 'app.kubernetes.io/name': 'web' },
        },
      }),
      owner: 'not-managed',
    },
    'UnknownRevision',
  ],
  [
    'a version decides over what its owner says now',
    { pod: anonymousPod, owner: 'not-managed', versions: [version({})] },
    'WaitingForChecks',
  ],
  [
    'an owner that names a workload holds',
    { pod: anonymousPod, owner: 'managed' },
    'UnknownRevision',
  ],
  ['an owner that is not there holds', { pod: anonymousPod, owner: 'missing' }, 'OwnerMissing'],
  ['an owner that nobody read holds', { pod: anonymousPod, owner: 'not-read' }, 'OwnerNotRead'],
  [
    'an owner of a group of its own holds',
    {
      pod: pod({ metadata: { ownerReferences: [ownerOf('ReplicaSet', 'web', 'example.org/v1')] } }),
      versions: [version({ verdict: 'True' })],
    },
    'NoRevision',
  ],
  [
    'a pod of a StatefulSet without a hash holds',
    { pod: pod({ metadata: { ownerReferences: [ownerOf('StatefulSet', 'db')] } }) },
    'NoRevision',
  ],
  [
    'a pod without our gate is left alone',
    {
      pod: pod({ spec: { schedulingGates: [{ name: 'example.org/other' }] } }),
      versions: [version({ verdict: 'True' })],
    },
    'GateGone',
  ],
  [
    'a pod that is being deleted is left alone',
    {
      pod: pod({ metadata: { deletionTimestamp: '2026-03-01T12:00:01Z' } }),
      versions: [version({ verdict: 'True' })],
    },
    'Deleting',
  ],
]

describe('opens', () => {
  test.each(opening)('%s', (_, more, reason) => {
    expect(judge(seen(more))).toMatchObject({ opens: true, reason })
    expect(decide(seen(more)).actions).toHaveLength(1)
  })
})

describe('holds', () => {
  test.each(holding)('%s', (_, more, reason) => {
    expect(judge(seen(more))).toMatchObject({ opens: false, reason })
    expect(decide(seen(more)).actions).toEqual([])
  })
})

describe('says what it waits for', () => {
  test.each([
    ['the application, before its own phases', version({}), 'waits for application "shop"'],
    [
      'the phase',
      version({ status: { currentPhase: 'WorkloadPreDeployTasks' } }),
      'waits in phase "WorkloadPreDeployTasks"',
    ],
    ['what failed', version({ verdict: 'False' }), 'Task "smoke" failed'],
    ['how it ended', version({ status: { status: 'Deprecated' } }), 'it ended as "Deprecated"'],
  ])('%s', (_, subject, message) => {
    expect(judge(seen({ versions: [subject] })).message).toContain(message)
  })
})

describe('a replica that does not lead', () => {
  const follower = (now: string, more: Partial<Seen> = {}): Seen =>
    seen({ leads: false, now: new Date(now), ...more })
  const passed = [version({ verdict: 'True', decidedAt: '2026-03-01T12:00:05Z' })]

  test('leaves a fresh verdict to the leader, for a second after the latest instant that its time may mean', () => {
    expect(decide(follower('2026-03-01T12:00:05.500Z', { versions: passed }))).toEqual({
      actions: [],
      transitions: [],
      wakeAt: new Date('2026-03-01T12:00:07Z'),
    })
  })

  test('does so though the released list has the revision already', () => {
    const listed = { versions: passed, namespace: managed('v1 web-uid') }
    const early = follower('2026-03-01T12:00:06.900Z', listed)
    expect(decide(early).wakeAt).toEqual(new Date('2026-03-01T12:00:07Z'))
  })

  test.each([
    ['4000', 1, '2026-03-01T12:00:07.000Z'],
    ['4000', 100, '2026-03-01T12:00:07.025Z'],
    ['c000', 100, '2026-03-01T12:00:07.075Z'],
    ['ffff', 10_000, '2026-03-01T12:00:07.999Z'],
    ['uid', 10_000, '2026-03-01T12:00:07.000Z'],
  ])('spreads its turns where many wait: pod …%s of %i', (uid, crowd, wakeAt) => {
    const early = follower('2026-03-01T12:00:06Z', {
      versions: passed,
      crowd,
      pod: pod({ metadata: { uid } }),
    })
    expect(decide(early).wakeAt).toEqual(new Date(wakeAt))
  })

  test.each([
    ['waits while another opens gates', '2026-03-01T12:00:06.800Z', '2026-03-01T12:00:07.800Z'],
    ['does not wait longer than it would anyway', '2026-03-01T12:00:05Z', '2026-03-01T12:00:07Z'],
    ['waits for four seconds at most', '2026-03-01T12:00:09.900Z', '2026-03-01T12:00:10Z'],
  ])('%s', (_, othersOpenedAt, wakeAt) => {
    const early = follower('2026-03-01T12:00:06.900Z', {
      versions: passed,
      othersOpenedAt: new Date(othersOpenedAt),
    })
    expect(decide(early).wakeAt).toEqual(new Date(wakeAt))
  })

  test('opens what is still closed then', () => {
    const late = follower('2026-03-01T12:00:07Z', { versions: passed })
    expect(decide(late).actions).toHaveLength(1)
  })

  test('counts from the creation of a pod that is younger than the verdict', () => {
    const young = pod({ metadata: { creationTimestamp: '2026-03-01T12:00:09Z' } })
    const early = follower('2026-03-01T12:00:10Z', { versions: passed, pod: young })
    expect(decide(early).wakeAt).toEqual(new Date('2026-03-01T12:00:11Z'))
  })

  test('counts from the creation of the pod if the verdict has no time that can be read', () => {
    const odd = [version({ verdict: 'True', decidedAt: 'yesterday' })]
    const early = follower('2026-03-01T12:00:00Z', { versions: odd })
    expect(decide(early).wakeAt).toEqual(new Date('2026-03-01T12:00:02Z'))
  })

  test('leaves reading an owner to the leader at first', () => {
    const early = follower('2026-03-01T12:00:00.100Z', { pod: anonymousPod })
    expect(decide(early).wakeAt).toEqual(new Date('2026-03-01T12:00:02Z'))
  })
})

describe('a pod that hangs on its owner', () => {
  test.each([
    ['is looked at again after a second', '2026-03-01T12:00:00.200Z', '2026-03-01T12:00:01.200Z'],
    ['then after its age', '2026-03-01T12:00:40Z', '2026-03-01T12:01:20Z'],
    ['and at last every five minutes', '2026-03-01T13:00:00Z', '2026-03-01T13:05:00Z'],
  ])('%s', (_, now, wakeAt) => {
    const waiting = seen({ pod: anonymousPod, owner: 'missing', now: new Date(now) })
    expect(decide(waiting).wakeAt).toEqual(new Date(wakeAt))
  })

  test('is the only one that time wakes for the leader', () => {
    for (const [, more] of holding) {
      const subject = seen(more)
      expect(decide(subject).wakeAt === undefined).toBe(!needsOwner(subject))
    }
  })
})

describe('the owner is asked', () => {
  test.each([
    ['for a pod that names no workload', {}, true],
    ['not where a version lists the revision', { versions: [version({})] }, false],
    ['not where the pod names its workload', { pod: pod() }, false],
    ['not where the revision is released', { namespace: managed('v1 web-uid') }, false],
    ['not where the namespace has left', { namespace: namespace({ labels: {} }) }, false],
    ['not before the namespace was seen', { namespace: undefined }, false],
  ])('%s', (_, more: Partial<Seen>, expected) => {
    expect(needsOwner(seen({ pod: anonymousPod, ...more }))).toBe(expected)
  })
})
