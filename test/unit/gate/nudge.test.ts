import { describe, expect, test } from '@jest/globals'
import type { Namespace } from '../../../api/kubernetes.ts'
import { decide, lacksPods, type Owner, type Seen } from '../../../gate/nudge/decide.ts'

const back = new Date('2026-06-01T12:00:00Z')
const after = (seconds: number) => new Date(back.getTime() + seconds * 1_000)
const metadata = {
  uid: 'uid',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
}
const namespace = (labels: Namespace['metadata']['labels']): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { ...metadata, name: 'shop', ...(labels && { labels }) },
})
const managed = namespace({ 'keptn.sh/lifecycle-toolkit': 'enabled' })
const owner = (more: Partial<Owner> = {}, nudged?: Date | string): Owner => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  spec: { replicas: 2 },
  status: { replicas: 1 },
  ...more,
  metadata: {
    ...{ ...metadata, name: 'web', namespace: 'shop' },
    ...(nudged !== undefined && {
      annotations: {
        'gatekept.dev/nudged': typeof nudged === 'string' ? nudged : nudged.toISOString(),
      },
    }),
    ...more.metadata,
  },
})
const seen = (seconds: number, more: Partial<Seen> = {}): Seen => ({
  now: after(seconds),
  owner: owner(),
  namespace: managed,
  backSince: back,
  ...more,
})
const wakesAfter = ({ wakeAt }: ReturnType<typeof decide>) =>
  wakeAt && (wakeAt.getTime() - back.getTime()) / 1_000

describe('an owner that lacks pods', () => {
  test('is nudged through its status, and nothing else of it is touched', () => {
    expect(decide(seen(1)).actions).toEqual([
      expect.objectContaining({
        kind: 'patch',
        subresource: 'status',
        ...{ namespace: 'shop', name: 'web', patchType: 'merge' },
        patch: {
          metadata: {
            uid: 'uid',
            annotations: { 'gatekept.dev/nudged': after(1).toISOString() },
          },
        },
      }),
    ])
  })

  test.each([
    { when: 'before its time', at: 0, nudged: undefined, count: 0, next: 1 },
    { when: 'when it is time', at: 1, nudged: undefined, count: 1, next: 4 },
    { when: 'once for each time', at: 2, nudged: after(1), count: 0, next: 4 },
    { when: 'again at the next', at: 4, nudged: after(1), count: 1, next: 15 },
    { when: 'and the last', at: 15, nudged: after(4), count: 1, next: undefined },
    { when: 'and not after that', at: 16, nudged: after(15), count: 0, next: undefined },
    {
      when: 'once where several times were missed',
      at: 15.5,
      nudged: undefined,
      count: 1,
      next: undefined,
    },
    {
      when: 'also where it was in an outage before',
      at: 1,
      nudged: after(-3_600),
      count: 1,
      next: 4,
    },
    { when: 'also where the annotation is garbage', at: 1, nudged: 'garbage', count: 1, next: 4 },
    {
      when: 'no more when all times are long over',
      at: 60,
      nudged: undefined,
      count: 0,
      next: undefined,
    },
  ])('$when', ({ at, nudged, count, next }) => {
    const decision = decide(seen(at, { owner: owner({}, nudged) }))
    expect(decision.actions).toHaveLength(count)
    expect(wakesAfter(decision)).toBe(next)
  })

  test.each([
    ['the webhook is away', { backSince: undefined }],
    ['its namespace is not managed', { namespace: namespace(undefined) }],
    ['its namespace is not known', { namespace: undefined }],
    ['it has all it wants', { owner: owner({ status: { replicas: 2 } }) }],
    [
      'it is being deleted',
      { owner: owner({ metadata: { ...owner().metadata, deletionTimestamp: 'now' } }) },
    ],
  ])('is left alone where %s', (_, more) => {
    const decision = decide(seen(1, more))
    expect(decision.actions).toEqual([])
    expect(decision.wakeAt).toBeUndefined()
  })
})

test.each([
  ['ReplicaSet', {}, { replicas: 1 }, false],
  ['ReplicaSet', {}, undefined, true],
  ['ReplicaSet', { replicas: 0 }, undefined, false],
  ['StatefulSet', { replicas: 3 }, { replicas: 2 }, true],
  ['StatefulSet', { replicas: 3 }, { replicas: 3 }, false],
  ['DaemonSet', {}, { desiredNumberScheduled: 2, currentNumberScheduled: 1 }, true],
  ['DaemonSet', {}, { desiredNumberScheduled: 2, currentNumberScheduled: 2 }, false],
  ['DaemonSet', {}, undefined, false],
])('a %s that wants %j and has %j lacks pods: %s', (kind, spec, status, expected) => {
  expect(lacksPods(owner({ kind, spec, ...(status ? { status } : { status: {} }) }))).toBe(expected)
})
