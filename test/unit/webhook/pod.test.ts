import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { Owner } from '../../../identity/identity.ts'
import { ask, patched, podOf, replicaSet, reviewOf, webhook } from './reviews.ts'

const gate = 'keptn-prechecks-gate'
const gatesOf = (pod: object) =>
  (pod as { spec: { schedulingGates?: { name: string }[] } }).spec.schedulingGates?.map(
    ({ name }) => name,
  )
const deployment = (annotations: Record<string, string>): Owner => ({
  metadata: { annotations },
  template: { spec: { containers: [{ name: 'web', image: 'shop/web:2.7' }] } },
})
const answering = (owner: Owner | undefined) => ({ ownerOf: () => Promise.resolve(owner) })
const bare = { annotations: undefined, labels: undefined }

describe('a pod to hold', () => {
  test('gets our gate, the label and what it does not say of itself', async () => {
    const response = await ask(webhook(), reviewOf(podOf()))
    expect(response).toEqual({
      uid: 'review-uid',
      allowed: true,
      patchType: 'JSONPatch',
      patch: [
        { op: 'add', path: '/metadata/annotations/keptn.sh~1app', value: 'web' },
        {
          op: 'add',
          path: '/metadata/annotations/gatekept.dev~1app-type',
          value: 'single-service',
        },
        { op: 'add', path: '/metadata/labels/keptn.sh~1gated', value: 'true' },
        { op: 'add', path: '/spec/schedulingGates', value: [{ name: gate }] },
      ],
    })
  })

  test('without annotations and labels gets the maps', async () => {
    const app = webhook(answering(deployment({ 'keptn.sh/workload': 'web' })))
    const pod = podOf(bare)
    const stored = patched(pod, await ask(app, reviewOf(pod)))
    expect(stored.metadata).toMatchObject({
      annotations: {
        'keptn.sh/workload': 'web',
        'keptn.sh/version': '2.7',
        'keptn.sh/app': 'web',
        'gatekept.dev/app-type': 'single-service',
      },
      labels: { 'keptn.sh/gated': 'true' },
    })
    expect(gatesOf(stored)).toEqual([gate])
  })

  test('with null for annotations, labels and gates is read as one without', async () => {
    const app = webhook(answering(deployment({ 'keptn.sh/workload': 'web' })))
    const pod = podOf({ annotations: null, labels: null }, { schedulingGates: null })
    const stored = patched(pod, await ask(app, reviewOf(pod)))
    expect(stored.metadata.labels).toEqual({ 'keptn.sh/gated': 'true' })
    expect(gatesOf(stored)).toEqual([gate])
  })

  test('keeps the gates of others, in their order', async () => {
    const pod = podOf({}, { schedulingGates: [{ name: 'kueue/a' }, { name: 'other/b' }] })
    expect(gatesOf(patched(pod, await ask(webhook(), reviewOf(pod))))).toEqual([
      'kueue/a',
      'other/b',
      gate,
    ])
  })

  test('with an empty list of gates gets ours', async () => {
    const pod = podOf({}, { schedulingGates: [] })
    expect(gatesOf(patched(pod, await ask(webhook(), reviewOf(pod))))).toEqual([gate])
  })

  test('is not spared by the mark of an opened gate in its template', async () => {
    const pod = podOf({
      annotations: {
        'keptn.sh/workload': 'web',
        'keptn.sh/version': '1',
        'keptn.sh/scheduling-gate-removed': 'true',
      },
    })
    expect(gatesOf(patched(pod, await ask(webhook(), reviewOf(pod))))).toEqual([gate])
  })

  test.each([
    ['a mirror pod', { 'kubernetes.io/config.mirror': 'x' }, {}],
    ['one that is being deleted', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }],
  ])('is not spared by claiming to be %s', async (_, annotations, metadata) => {
    const said = { 'keptn.sh/workload': 'web', 'keptn.sh/version': '1', ...annotations }
    const pod = podOf({ annotations: said, ...metadata })
    expect(gatesOf(patched(pod, await ask(webhook(), reviewOf(pod))))).toEqual([gate])
  })

  test('asked about again gets nothing new', async () => {
    const pod = podOf()
    const stored = patched(pod, await ask(webhook(), reviewOf(pod)))
    expect(await ask(webhook(), reviewOf(stored))).toEqual({ uid: 'review-uid', allowed: true })
  })

  test('gets the same answer in a dry run', async () => {
    const wet = await ask(webhook(), reviewOf(podOf()))
    expect(await ask(webhook(), reviewOf(podOf(), { dryRun: true }))).toEqual(wet)
  })

  test('whose owner cannot be read is held without an identity, for the controllers to look at', async () => {
    const pod = podOf({ annotations: {} })
    expect((await ask(webhook(answering(undefined)), reviewOf(pod))).patch).toEqual([
      { op: 'add', path: '/metadata/labels/keptn.sh~1gated', value: 'true' },
      { op: 'add', path: '/spec/schedulingGates', value: [{ name: gate }] },
    ])
  })

  test('of a namespace that is not known yet is held', async () => {
    const app = webhook({ released: () => undefined })
    expect((await ask(app, reviewOf(podOf()))).patch).toBeDefined()
  })

  test('of a revision that is not on the list is held', async () => {
    const app = webhook({ released: () => new Set(['another', 'rs-uid/hash']) })
    expect((await ask(app, reviewOf(podOf()))).patch).toBeDefined()
  })

  test('that names its node cannot be held and is refused', async () => {
    const { allowed, status } = await ask(webhook(), reviewOf(podOf({}, { nodeName: 'node-1' })))
    expect(allowed).toBe(false)
    expect(status?.code).toBe(403)
    expect(status?.message).toContain('spec.nodeName')
    expect(status?.message).toContain('ReplicaSet "web-5d4"')
  })

  test('that names its node is refused also where its owner cannot be read', async () => {
    const pod = podOf({ annotations: {} }, { nodeName: 'node-1' })
    expect((await ask(webhook(), reviewOf(pod))).allowed).toBe(false)
  })
})

describe('a pod that passes untouched', () => {
  const released = { released: () => new Set(['rs-uid', 'sts-uid/hash-1']) }
  const sts = { ...replicaSet, kind: 'StatefulSet', uid: 'sts-uid' }
  const stsPod = (hash: string) =>
    podOf({ ownerReferences: [sts], labels: { 'controller-revision-hash': hash } })
  const cases: [string, ReturnType<typeof webhook>, unknown][] = [
    ['its revision is released', webhook(released), reviewOf(podOf())],
    [
      'its revision is released, and it names its node',
      webhook(released),
      reviewOf(podOf({}, { nodeName: 'node-1' })),
    ],
    ['its version of a StatefulSet is released', webhook(released), reviewOf(stsPod('hash-1'))],
    [
      'neither it nor its owner names a workload',
      webhook(answering(deployment({}))),
      reviewOf(podOf(bare)),
    ],
    [
      'not managed, and it names its node',
      webhook(answering(deployment({}))),
      reviewOf(podOf(bare, { nodeName: 'node-1' })),
    ],
    ['nobody owns it', webhook(), reviewOf(podOf({ ownerReferences: undefined }))],
    [
      'a Job owns it',
      webhook(),
      reviewOf(
        podOf({ ownerReferences: [{ ...replicaSet, apiVersion: 'batch/v1', kind: 'Job' }] }),
      ),
    ],
    [
      'its ReplicaSet does not control it',
      webhook(),
      reviewOf(podOf({ ownerReferences: [{ ...replicaSet, controller: false }] })),
    ],
    [
      'a mirror pod, which belongs to its node',
      webhook(),
      reviewOf(
        podOf(
          {
            annotations: { 'keptn.sh/workload': 'web', 'kubernetes.io/config.mirror': 'x' },
            ownerReferences: [{ ...replicaSet, apiVersion: 'v1', kind: 'Node' }],
          },
          { nodeName: 'node-1' },
        ),
      ),
    ],
    ['it is changed, not created', webhook(), reviewOf(podOf(), { operation: 'UPDATE' })],
    ['it is deleted', webhook(), reviewOf(null, { operation: 'DELETE' })],
    ['a subresource', webhook(), reviewOf(podOf(), { subResource: 'binding' })],
    ['another kind', webhook(), reviewOf(podOf(), { kind: { kind: 'Binding' } })],
    ['of our own namespace', webhook(), reviewOf(podOf(), { namespace: 'keptn-system' })],
    ['of kube-system', webhook(), reviewOf(podOf(), { namespace: 'kube-system' })],
  ]
  test.each(cases)('%s', async (_, app, review) => {
    expect(await ask(app, review)).toEqual({ uid: 'review-uid', allowed: true })
  })

  test('another version of a released StatefulSet does not', async () => {
    expect((await ask(webhook(released), reviewOf(stsPod('hash-2')))).patch).toBeDefined()
  })
})

describe('where a policy gives pods their gate, a pod that comes', () => {
  const list = (...revisions: string[]) => new Set(revisions)
  /** A webhook that remembers one list, and finds another when it reads. */
  const beside = (remembered: Set<string> | undefined, found: Set<string> | undefined) => {
    let reads = 0
    const cluster = {
      released: () => remembered,
      // What we don't remember at all is news, too.
      recent: () => ({ has: () => true }),
      readReleased: () => {
        reads += 1
        return Promise.resolve(found)
      },
    }
    return { app: webhook(cluster, { admission: 'policy' }), reads: () => reads }
  }
  const gated = { schedulingGates: [{ name: gate }] }
  const cases: [string, Parameters<typeof beside>, object, { gates?: string[]; reads: number }][] =
    [
      ['ungated, by news to us', [list(), list('rs-uid')], {}, { reads: 1 }],
      ['ungated, by a list that we know', [list('rs-uid'), undefined], {}, { reads: 0 }],
      ['ungated, though not released', [list(), list()], {}, { gates: [gate], reads: 1 }],
      ['ungated, and nobody knows why', [undefined, undefined], {}, { gates: [gate], reads: 1 }],
      ['with it', [list(), list('rs-uid')], gated, { gates: [gate], reads: 0 }],
    ]
  test.each(cases)('%s', async (_, lists, spec, { gates, reads }) => {
    const asked = beside(...lists)
    const pod = podOf({}, { ...spec })
    const stored = patched(pod, await ask(asked.app, reviewOf(pod)))
    expect(gatesOf(stored)).toEqual(gates)
    expect('keptn.sh/app' in stored.metadata.annotations).toBe(gates !== undefined)
    expect(asked.reads()).toBe(reads)
  })

  test('with a node is refused by the list as it is, and not as we remember it', async () => {
    const pod = podOf({}, { nodeName: 'node-1' })
    expect((await ask(beside(list(), list()).app, reviewOf(pod))).allowed).toBe(false)
    expect((await ask(beside(list(), list('rs-uid')).app, reviewOf(pod))).allowed).toBe(true)
  })

  test('and does not say who it is, has list and owner read', async () => {
    const app = webhook(
      {
        ...answering(deployment({ 'keptn.sh/workload': 'web' })),
        readReleased: () => Promise.resolve(list()),
      },
      { admission: 'policy' },
    )
    const pod = podOf(bare)
    const stored = patched(pod, await ask(app, reviewOf(pod)))
    expect(gatesOf(stored)).toEqual([gate])
    expect(stored.metadata.annotations).toMatchObject({ 'keptn.sh/workload': 'web' })
  })
})

describe('where the webhook alone gives pods their gate', () => {
  test('no list is read', async () => {
    const readReleased = () => Promise.reject(new Error('read'))
    expect((await ask(webhook({ readReleased }), reviewOf(podOf()))).patch).toBeDefined()
  })

  /** A webhook whose list has just got the revision of the pod, and is another one when that has settled. */
  const withNews = (later: string[], settings: { admission?: 'policy' } = {}) => {
    let waits = 0
    const cluster = {
      released: () => new Set(waits === 0 ? ['rs-uid'] : later),
      recent: () => new Set(['rs-uid']),
      settled: () => {
        waits += 1
        return Promise.resolve()
      },
    }
    return { app: webhook(cluster, settings), waits: () => waits }
  }

  test('a pod that has just been released waits until the API server knows it', async () => {
    const asked = withNews(['rs-uid'])
    expect(await ask(asked.app, reviewOf(podOf()))).toEqual({ uid: 'review-uid', allowed: true })
    expect(asked.waits()).toBe(1)
  })

  test('and is held if it is not released any more by then', async () => {
    const pod = podOf()
    expect(gatesOf(patched(pod, await ask(withNews([]).app, reviewOf(pod))))).toEqual([gate])
  })

  test.each([
    [
      'one that has a gate, with which nobody refuses it',
      { schedulingGates: [{ name: gate }] },
      {},
    ],
    ['one that a policy has spared, by what the API server knows', {}, { admission: 'policy' }],
  ] as const)('but not %s', async (_, spec, settings) => {
    const asked = withNews(['rs-uid'], settings)
    const response = await ask(asked.app, reviewOf(podOf({}, { ...spec })))
    expect(response).toEqual({ uid: 'review-uid', allowed: true })
    expect(asked.waits()).toBe(0)
  })
})

describe('any pod', () => {
  const gates = fc.uniqueArray(fc.constantFrom('kueue/x', 'other/y', gate, 'a.b/c'))
  const keysOfMaps = fc.constantFrom(
    ...['keptn.sh/workload', 'keptn.sh/version', 'keptn.sh/app', 'keptn.sh/gated'],
    ...['keptn.sh/pre-deployment-tasks', 'keptn.sh/metadata', 'app.kubernetes.io/name'],
    ...['gatekept.dev/app-type', 'keptn.sh/scheduling-gate-removed', '~', '/', '__proto__'],
  )
  const map = fc.option(
    fc.dictionary(keysOfMaps, fc.oneof(fc.string(), fc.constantFrom('true', 'web', 'a, b'))),
    { nil: undefined },
  )
  const pods = fc
    .record({
      annotations: map,
      labels: map,
      kind: fc.constantFrom('ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'),
      gates: fc.option(gates, { nil: undefined }),
      owner: fc.option(map, { nil: undefined }),
    })
    .map(({ annotations, labels, kind, gates: names, owner }) => ({
      owner: owner === undefined ? undefined : deployment(owner),
      pod: podOf(
        { annotations, labels, ownerReferences: [{ ...replicaSet, kind }] },
        names && { schedulingGates: names.map((name) => ({ name })) },
      ),
    }))

  test('is admitted the same however often it is asked about; what is not ours stays as it is', async () => {
    await fc.assert(
      fc.asyncProperty(pods, fc.uuid(), async ({ pod, owner }, uid) => {
        const app = webhook(answering(owner))
        const response = await ask(app, reviewOf(pod, { uid }))
        expect(response.uid).toBe(uid)
        const sent = JSON.parse(JSON.stringify(pod)) as typeof pod
        const once = patched(sent, response)
        const again = await ask(app, reviewOf(once))
        expect(again.patch).toBeUndefined()

        const before = gatesOf(sent) ?? []
        const foreign = (names: readonly string[]) => names.filter((name) => name !== gate)
        const after = gatesOf(once) ?? []
        expect(foreign(after)).toEqual(foreign(before))
        expect(after.filter((name) => name === gate).length).toBeLessThanOrEqual(1)
        expect({ ...once.spec, schedulingGates: 0 }).toEqual({ ...sent.spec, schedulingGates: 0 })
      }),
      { numRuns: 500 },
    )
  })
})
