import { describe, expect, test } from '@jest/globals'
import type { Patch } from '../../../kube/decision.ts'
import { decide, isExempt, suspectsOf, type Seen } from '../../../gate/released/decide.ts'
import { managed, namespace, ownerOf, pod, version } from './objects.ts'

const now = new Date('2026-03-01T12:00:10.500Z')

const seen = (more: Partial<Seen> = {}): Seen => ({
  now,
  namespace: managed(),
  versions: [],
  unmanaged: [],
  pods: undefined,
  owners: { uids: ['web-uid', 'db-uid'] },
  confirmed: undefined,
  listSeenAt: new Date('2026-03-01T12:00:00Z'),
  ...more,
})

const running = (name: string, creationTimestamp: string) =>
  pod({
    metadata: {
      name: `${name}-1`,
      creationTimestamp,
      labels: {},
      ownerReferences: [ownerOf('ReplicaSet', name)],
    },
    spec: { nodeName: 'node-1' },
  })

/** What the decision does to the Namespace's metadata. */
const change = (subject: Seen) => {
  const patches = decide(subject).actions.filter(
    (action): action is Patch => action.kind === 'patch' && action.type.kind === 'Namespace',
  )
  expect(patches.length).toBeLessThanOrEqual(1)
  return patches[0]?.patch['metadata'] as
    | {
        readonly resourceVersion: string
        readonly labels?: Record<string, string | null>
        readonly annotations?: Record<string, string | null>
      }
    | undefined
}
const released = (subject: Seen) => change(subject)?.annotations?.['gatekept.dev/released']

describe('a namespace that becomes managed', () => {
  const fresh = (more: Partial<Seen> = {}) => seen({ namespace: namespace(), pods: [], ...more })

  test('gets a list and the instant since when it is managed, in one patch on what was seen', () => {
    expect(change(fresh())).toEqual({
      resourceVersion: '1',
      annotations: {
        'gatekept.dev/released': 'v1',
        'gatekept.dev/managed-since': '2026-03-01T12:00:10.500Z',
      },
    })
  })

  test('adopts every revision that has a pod with a node, and tells it', () => {
    const subject = fresh({
      pods: [running('web', '2026-03-01T12:00:10Z'), running('db', '2025-01-01T00:00:00Z')],
    })
    expect(released(subject)).toBe('v1 db-uid web-uid')
    expect(decide(subject).transitions).toMatchObject([
      { reason: 'Adopted', severity: 'Normal', subject: { kind: 'Namespace', name: 'shop' } },
    ])
    expect(decide(subject).transitions[0]?.message).toContain('ReplicaSet "web", ReplicaSet "db"')
  })

  test('adopts no revision whose pods all wait', () => {
    expect(released(fresh({ pods: [pod()] }))).toBe('v1')
    expect(decide(fresh({ pods: [pod()] })).transitions).toEqual([])
  })

  test('labels the held pods that lack the label', () => {
    const keptns = pod({ metadata: { labels: {} } })
    const [first] = decide(fresh({ pods: [keptns] })).actions
    expect(first).toMatchObject({
      name: 'web-1',
      patch: { metadata: { uid: 'web-1-uid', labels: { 'keptn.sh/gated': 'true' } } },
    })
  })

  test('gets the label in the same patch if only the annotation opted in', () => {
    const annotated = namespace({
      labels: {},
      annotations: { 'keptn.sh/lifecycle-toolkit': 'enabled' },
    })
    expect(change(fresh({ namespace: annotated }))).toMatchObject({
      labels: { 'keptn.sh/lifecycle-toolkit': 'enabled' },
      annotations: { 'gatekept.dev/released': 'v1' },
    })
  })

  test('gets nothing before its pods were looked at', () => {
    expect(decide(fresh({ pods: undefined })).actions).toEqual([])
  })
})

describe('a lost list', () => {
  const lost = (more: Partial<Seen> = {}) =>
    seen({
      namespace: namespace({
        annotations: { 'gatekept.dev/managed-since': '2026-03-01T12:00:05.700Z' },
      }),
      pods: [],
      ...more,
    })

  test('is made again from the verdicts', () => {
    const versions = [
      version({ verdict: 'True', revisions: ['b', 'a'] }),
      version({ verdict: 'False', revisions: ['failed'] }),
      version({ verdict: 'Unknown', revisions: ['unknown'] }),
      version({ revisions: ['waiting'] }),
      version({
        verdict: 'True',
        revisions: ['going'],
        metadata: { deletionTimestamp: '2026-03-01T12:00:00Z' },
      }),
    ]
    expect(released(lost({ versions }))).toBe('v1 a b')
  })

  test('is made again where it can not be read', () => {
    expect(released(seen({ namespace: managed('web-uid'), pods: [] }))).toBe('v1')
  })

  test('keeps the instant since when the namespace is managed', () => {
    expect(change(lost())?.annotations).not.toHaveProperty('gatekept.dev/managed-since')
  })

  test.each([
    ['a pod from before is adopted', '2026-03-01T12:00:04Z', 'v1 web-uid', 'Adopted'],
    ['a pod of the same second is not', '2026-03-01T12:00:05Z', 'v1', 'RanUnchecked'],
    ['a pod from later is told about, not adopted', '2026-03-01T12:00:06Z', 'v1', 'RanUnchecked'],
  ])('%s', (_, creation, list, reason) => {
    const subject = lost({ pods: [running('web', creation)] })
    expect(released(subject)).toBe(list)
    expect(decide(subject).transitions).toMatchObject([{ reason }])
  })

  test('a revision with a pod from before is adopted, though it has later ones', () => {
    const pods = [running('web', '2026-03-01T12:00:08Z'), running('web', '2026-03-01T11:00:00Z')]
    expect(released(lost({ pods }))).toBe('v1 web-uid')
  })

  test('a pod that passed late is told about no more than one that names no workload', () => {
    const nameless = running('sidekick', '2026-03-01T12:00:08Z')
    const pods = [
      running('web', '2026-03-01T12:00:08Z'),
      { ...nameless, metadata: { ...nameless.metadata, annotations: {} } },
    ]
    const subject = lost({ pods, versions: [version({ verdict: 'True' })] })
    expect(decide(subject).transitions).toEqual([])
  })
})

describe('a list that is there', () => {
  test('gets the revisions of a verdict, and keeps the others', () => {
    const subject = seen({
      namespace: managed('v1 db-uid'),
      versions: [version({ verdict: 'True' })],
    })
    expect(released(subject)).toBe('v1 db-uid web-uid')
  })

  test('gets owners that were found to name no workload', () => {
    expect(released(seen({ unmanaged: ['sidekick-uid'] }))).toBe('v1 sidekick-uid')
  })

  test('waits a moment after the last change, so that verdicts share a write', () => {
    const busy = seen({
      versions: [version({ verdict: 'True' })],
      listSeenAt: new Date(now.getTime() - 40),
    })
    expect(decide(busy)).toEqual({
      actions: [],
      transitions: [],
      wakeAt: new Date(now.getTime() + 60),
    })
  })

  test('gets an instant since when the namespace is managed, if that is missing', () => {
    const subject = seen({
      namespace: namespace({ annotations: { 'gatekept.dev/released': 'v1' } }),
    })
    expect(change(subject)?.annotations).toMatchObject({
      'gatekept.dev/managed-since': '2026-03-01T12:00:10.500Z',
    })
  })

  test('does not outgrow what annotations may hold', () => {
    const revisions = Array.from({ length: 9_000 }, (_, at) => `${at}`.padStart(36, 'u'))
    const text = released(seen({ versions: [version({ verdict: 'True', revisions })] })) ?? ''
    expect(text.length).toBeGreaterThan(170_000)
    expect(text.length).toBeLessThan(181_000)
  })
})

describe('an entry of the list', () => {
  const listed = ['db-uid/db-1', 'gone-uid', 'web-uid']
  const list = managed(`v1 ${listed.join(' ')}`)
  const confirmed = { uids: ['web-uid', 'db-uid'], revisions: ['db-uid/db-1'] }

  test.each([
    ['stays while its owner is known', { uids: ['web-uid', 'gone-uid', 'db-uid'] }, []],
    ['is suspect without its owner', { uids: ['web-uid', 'db-uid'] }, ['gone-uid']],
  ])('%s', (_, owners, suspects) => {
    expect(suspectsOf(new Set(listed), seen({ owners }))).toEqual(suspects)
  })

  test('is no suspect while a KeptnWorkloadVersion lists it, though its owner was not seen yet', () => {
    const versions = [version({ verdict: 'True', revisions: ['gone-uid'] })]
    expect(suspectsOf(new Set(listed), seen({ versions }))).toEqual([])
  })

  test('is suspect where an owner has more revisions than Kubernetes keeps', () => {
    const many = Array.from({ length: 13 }, (_, at) => `db-uid/db-${at}`)
    expect(suspectsOf(new Set(many), seen())).toHaveLength(13)
    expect(suspectsOf(new Set(many.slice(1)), seen())).toHaveLength(0)
  })

  test('stays until somebody asked', () => {
    expect(decide(seen({ namespace: list })).actions).toEqual([])
  })

  test('goes when its owner is not there', () => {
    expect(released(seen({ namespace: list, confirmed }))).toBe('v1 db-uid/db-1 web-uid')
  })

  test('stays if its owner is there after all', () => {
    const all = { ...confirmed, uids: [...confirmed.uids, 'gone-uid'] }
    expect(decide(seen({ namespace: list, confirmed: all })).actions).toEqual([])
  })

  test('goes when its owner can not go back to it any more', () => {
    const many = Array.from({ length: 13 }, (_, at) => `db-uid/db-${at}`)
    const subject = seen({ namespace: managed(`v1 ${many.join(' ')}`), confirmed })
    expect(released(subject)).toBe('v1 db-uid/db-1')
  })
})

describe('a namespace that leaves', () => {
  const ours = {
    'gatekept.dev/released': 'v1 web-uid',
    'gatekept.dev/managed-since': '2026-02-01T00:00:00.000Z',
  }

  test('loses our annotations, and it is told once', () => {
    const subject = seen({ namespace: namespace({ labels: {}, annotations: ours }) })
    expect(change(subject)).toEqual({
      resourceVersion: '1',
      annotations: { 'gatekept.dev/released': null, 'gatekept.dev/managed-since': null },
    })
    expect(decide(subject).transitions).toMatchObject([{ reason: 'OptedOut' }])
  })

  test('loses the label too if the annotation says no', () => {
    const subject = seen({
      namespace: namespace({ annotations: { 'keptn.sh/lifecycle-toolkit': 'disabled' } }),
    })
    expect(change(subject)).toEqual({
      resourceVersion: '1',
      labels: { 'keptn.sh/lifecycle-toolkit': null },
    })
    expect(decide(subject).transitions).toEqual([])
  })

  test('is left alone when nothing of ours is in it', () => {
    expect(decide(seen({ namespace: namespace({ labels: {} }) }))).toEqual({
      actions: [],
      transitions: [],
    })
  })
})

describe('a namespace that nobody manages here', () => {
  test('is left alone while it is being deleted', () => {
    const going = namespace({ deletionTimestamp: '2026-03-01T12:00:00Z' })
    expect(decide(seen({ namespace: going, pods: [] })).actions).toEqual([])
  })

  test.each([
    ['kube-system', true],
    ['kube-node-lease', true],
    ['keptn-system', true],
    ['shop', false],
  ])('%s is exempt: %s', (name, exempt) => {
    expect(isExempt(name, 'keptn-system')).toBe(exempt)
  })
})
