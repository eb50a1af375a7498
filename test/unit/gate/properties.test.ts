/**
 * What holds for every world: worlds are made from few words, so that what must agree sometimes does.
 */
import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { Namespace } from '../../../api/kubernetes.ts'
import { decide as decideOpening, type Seen as SeenPod } from '../../../gate/opening/decide.ts'
import {
  decide as decideReleased,
  type Seen as SeenNamespace,
} from '../../../gate/released/decide.ts'
import type { HeldPod } from '../../../gate/held-pods.ts'
import type { Action, MergePatch } from '../../../kube/decision.ts'
import { namespace, ownerOf, pod, version } from './objects.ts'

const times = fc.constantFrom(
  '2026-03-01T11:00:00Z',
  '2026-03-01T12:00:00Z',
  '2026-03-01T12:00:09Z',
)
const uids = fc.constantFrom('a-uid', 'b-uid')
const revisionKeys = fc.constantFrom('a-uid', 'b-uid', 'a-uid/1', 'b-uid/2')
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined })
/** An object without its undefined members. */
const filled = <T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never

const gates = fc.subarray([
  { name: 'example.org/first' },
  { name: 'keptn-prechecks-gate' },
  { name: 'kueue.x-k8s.io/admission' },
])
const podLabels = fc
  .record({
    'keptn.sh/gated': maybe(fc.constant('true')),
    'controller-revision-hash': maybe(fc.constantFrom('1', '2')),
    app: maybe(fc.constant('web')),
  })
  .map((values): Record<string, string> => filled(values))
const podAnnotations = fc
  .record({
    'keptn.sh/workload': maybe(fc.constant('web')),
    'keptn.sh/version': maybe(fc.constant('2')),
    'keptn.sh/scheduling-gate-removed': maybe(fc.constant('true')),
    'gatekept.dev/released': maybe(fc.constant('v1 a-uid b-uid')),
    'example.org/mine': maybe(fc.constant('mine')),
  })
  .map((values): Record<string, string> => filled(values))
const pods: fc.Arbitrary<HeldPod> = fc
  .record({
    name: fc.constantFrom('pod-1', 'pod-2', 'pod-3'),
    uid: uids,
    kind: fc.constantFrom('ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'),
    labels: podLabels,
    annotations: podAnnotations,
    schedulingGates: gates,
    nodeName: maybe(fc.constant('node-1')),
    creationTimestamp: times,
    deletionTimestamp: maybe(times),
  })
  .map(({ name, uid, kind, labels, annotations, schedulingGates, nodeName, ...more }) =>
    pod({
      metadata: filled({
        name,
        labels,
        annotations,
        ownerReferences: [{ ...ownerOf(kind, 'owner'), uid }],
        creationTimestamp: more.creationTimestamp,
        deletionTimestamp: more.deletionTimestamp,
      }),
      spec: filled({ schedulingGates, nodeName }),
    }),
  )
const optIns = fc.constantFrom('enabled', 'disabled', '')
const namespaces: fc.Arbitrary<Namespace> = fc
  .record({
    label: maybe(optIns),
    annotation: maybe(optIns),
    released: maybe(
      fc.oneof(
        fc
          .subarray(['a-uid', 'a-uid/1', 'b-uid', 'b-uid/2'])
          .map((keys) => ['v1', ...keys].join(' ')),
        fc.constantFrom('', 'a-uid b-uid', 'v2 a-uid'),
      ),
    ),
    since: maybe(fc.constantFrom('2026-03-01T12:00:00.500Z', 'long ago')),
  })
  .map(({ label, annotation, released, since }) =>
    namespace({
      labels: filled({ 'keptn.sh/lifecycle-toolkit': label, team: 'shop' }),
      annotations: filled({
        'keptn.sh/lifecycle-toolkit': annotation,
        'gatekept.dev/released': released,
        'gatekept.dev/managed-since': since,
        'example.org/mine': 'mine',
      }),
    }),
  )
const versions = fc
  .record({
    revisions: fc.uniqueArray(revisionKeys, { maxLength: 3 }),
    verdict: maybe(fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const)),
    decidedAt: times,
    status: fc.constantFrom(
      'Pending' as const,
      'Progressing' as const,
      'Succeeded' as const,
      'Failed' as const,
      'Deprecated' as const,
      'Warning' as const,
    ),
    deletionTimestamp: maybe(times),
  })
  .map(({ revisions, verdict, decidedAt, status, deletionTimestamp }) =>
    version({
      revisions,
      decidedAt,
      status: { status, deploymentStatus: status },
      ...(verdict === undefined ? {} : { verdict }),
      ...(deletionTimestamp === undefined ? {} : { metadata: { deletionTimestamp } }),
    }),
  )
const now = fc.constantFrom(new Date('2026-03-01T12:00:00.300Z'), new Date('2026-03-01T12:00:10Z'))

const seenPods: fc.Arbitrary<SeenPod> = fc
  .record({
    now,
    leads: fc.boolean(),
    crowd: fc.constantFrom(0, 1, 5_000),
    pod: pods,
    namespace: maybe(namespaces),
    versions: fc.array(versions, { maxLength: 3 }),
    owner: fc.constantFrom(
      'not-read' as const,
      'managed' as const,
      'not-managed' as const,
      'missing' as const,
    ),
  })
  // What the store's index gives: versions that list the pod's revision.
  .map((seen) => ({ ...seen, versions: seen.versions.filter((each) => lists(each, seen.pod)) }))

const seenNamespaces: fc.Arbitrary<SeenNamespace> = fc.record({
  now: fc.constant(new Date('2026-03-01T12:00:10Z')),
  namespace: namespaces,
  versions: fc.array(versions, { maxLength: 3 }),
  unmanaged: fc.subarray(['a-uid', 'b-uid/2']),
  pods: maybe(fc.uniqueArray(pods, { maxLength: 3, selector: (each) => each.metadata.name })),
  owners: fc.record({ uids: fc.subarray(['a-uid', 'b-uid']) }),
  confirmed: maybe(
    fc.record({
      uids: fc.subarray(['a-uid', 'b-uid']),
      revisions: fc.subarray(['a-uid/1', 'b-uid/2']),
    }),
  ),
  listSeenAt: fc.constantFrom(
    new Date('2026-03-01T12:00:00Z'),
    new Date('2026-03-01T12:00:09.950Z'),
  ),
})

/** Told apart from the code under test: a second, plain way to say what the revision of a pod is. */
const keyOfRevision = (subject: HeldPod): string | undefined => {
  const [owner] = subject.metadata.ownerReferences ?? []
  const hash = subject.metadata.labels?.['controller-revision-hash']
  if (owner === undefined || owner.kind === 'Job') return undefined
  if (owner.kind === 'ReplicaSet') return owner.uid
  return hash === undefined ? undefined : `${owner.uid}/${hash}`
}
const lists = (each: SeenPod['versions'][number], subject: HeldPod): boolean =>
  each.spec.revisions?.includes(keyOfRevision(subject) ?? 'none') ?? false

const optedOut = ({ namespace: subject }: SeenPod): boolean => {
  if (subject === undefined) return false
  const { annotations = {}, labels = {} } = subject.metadata
  return (
    (annotations['keptn.sh/lifecycle-toolkit'] ?? labels['keptn.sh/lifecycle-toolkit']) !==
    'enabled'
  )
}

const isListed = (seen: SeenPod): boolean => {
  const [format, ...list] = (
    seen.namespace?.metadata.annotations?.['gatekept.dev/released'] ?? ''
  ).split(' ')
  return format === 'v1' && list.includes(keyOfRevision(seen.pod) ?? 'none')
}

const hasPassed = (seen: SeenPod): boolean =>
  seen.versions.some(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      status?.conditions?.some((each) => each.status === 'True'),
  )

const isNotManaged = (seen: SeenPod): boolean =>
  seen.versions.length === 0 &&
  seen.owner === 'not-managed' &&
  seen.pod.metadata.annotations?.['keptn.sh/workload'] === undefined

const mayOpen = (seen: SeenPod): boolean =>
  [optedOut, isListed, hasPassed, isNotManaged].some((reason) => reason(seen))

const opens = (action: Action): boolean => 'spec' in patchOf(action)

describe('opening', () => {
  test('a gate never opens unless one of the four reasons is seen', () => {
    fc.assert(
      fc.property(seenPods, (seen) => {
        if (decideOpening(seen).actions.some(opens)) expect(mayOpen(seen)).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  test('a gate that may open does, at once or at a time that is set', () => {
    fc.assert(
      fc.property(seenPods, (seen) => {
        const gated = seen.pod.spec.schedulingGates?.some(
          ({ name }) => name === 'keptn-prechecks-gate',
        )
        fc.pre(gated === true && seen.namespace !== undefined && mayOpen(seen))
        fc.pre(
          seen.pod.metadata.deletionTimestamp === undefined &&
            keyOfRevision(seen.pod) !== undefined,
        )
        const { actions, wakeAt } = decideOpening(seen)
        expect(
          actions.some(opens) || (!seen.leads && wakeAt !== undefined && wakeAt > seen.now),
        ).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  test('what is done names our gate, label and mark of that pod alone', () => {
    fc.assert(
      fc.property(seenPods, (seen) => {
        for (const action of decideOpening(seen).actions) {
          expect(action).toMatchObject({
            kind: 'patch',
            name: seen.pod.metadata.name,
            patchType: 'strategic',
          })
          const { uid } = seen.pod.metadata
          expect([
            {
              metadata: {
                uid,
                labels: { 'keptn.sh/gated': null },
                annotations: { 'keptn.sh/scheduling-gate-removed': 'true' },
              },
              spec: { schedulingGates: [{ $patch: 'delete', name: 'keptn-prechecks-gate' }] },
            },
            { metadata: { uid, labels: { 'keptn.sh/gated': 'true' } } },
          ]).toContainEqual(patchOf(action))
        }
      }),
    )
  })

  test('what a pod says of itself makes no difference, but for the workload that it names', () => {
    fc.assert(
      fc.property(seenPods, podAnnotations, (seen, others) => {
        const { annotations = {}, ...metadata } = seen.pod.metadata
        const workload = Object.entries(annotations).filter(([key]) => key === 'keptn.sh/workload')
        const marks = Object.entries(others).filter(([key]) => key !== 'keptn.sh/workload')
        const pod = {
          ...seen.pod,
          metadata: { ...metadata, annotations: Object.fromEntries([...workload, ...marks]) },
        }
        const marked = { ...seen, pod }
        expect(decideOpening(marked)).toEqual(decideOpening(seen))
      }),
    )
  })

  test('an opened pod is left alone', () => {
    fc.assert(
      fc.property(seenPods, (seen) => {
        fc.pre(decideOpening(seen).actions.length > 0)
        const opened = {
          ...seen.pod,
          spec: {
            ...seen.pod.spec,
            schedulingGates: (seen.pod.spec.schedulingGates ?? []).filter(
              ({ name }) => name !== 'keptn-prechecks-gate',
            ),
          },
        }
        expect(decideOpening({ ...seen, pod: opened })).toEqual({ actions: [], transitions: [] })
      }),
    )
  })
})

describe('the released list', () => {
  test('a namespace decided on and decided on again is settled', () => {
    fc.assert(
      fc.property(seenNamespaces, (seen) => {
        const first = decideReleased(seen)
        const after = applied(seen, first.actions)
        const again = decideReleased({ ...after, now: new Date('2026-03-01T12:01:00Z') })
        // What waited for its turn is written now; then there is nothing left.
        const last = decideReleased({
          ...applied(after, again.actions),
          now: new Date('2026-03-01T12:02:00Z'),
        })
        expect(last.actions).toEqual([])
        const inOneGo = first.wakeAt === undefined && seen.confirmed === undefined
        if (inOneGo) expect(again.actions).toEqual([])
      }),
      { numRuns: 5_000 },
    )
  })

  test('nothing but our keys of the namespace, and our label of its pods, is ever named', () => {
    const ours = [
      'keptn.sh/lifecycle-toolkit',
      'keptn.sh/gated',
      'gatekept.dev/released',
      'gatekept.dev/managed-since',
    ]
    fc.assert(
      fc.property(seenNamespaces, (seen) => {
        for (const action of decideReleased(seen).actions) {
          const { metadata, ...rest } = patchOf(action) as {
            readonly metadata: Record<string, object>
          }
          const { labels = {}, annotations = {}, uid, resourceVersion, ...other } = metadata
          expect([rest, other]).toEqual([{}, {}])
          expect(uid ?? resourceVersion).toBeDefined()
          for (const key of [...Object.keys(labels), ...Object.keys(annotations)])
            expect(ours).toContain(key)
        }
      }),
    )
  })

  test('an entry comes from a passed version, a running pod, or an owner that names no workload', () => {
    fc.assert(
      fc.property(seenNamespaces, (seen) => {
        const known = new Set([
          ...(seen.namespace.metadata.annotations?.['gatekept.dev/released'] ?? '').split(' '),
          ...seen.unmanaged,
          ...seen.versions
            .filter((each) => each.status?.conditions?.some(({ status }) => status === 'True'))
            .flatMap((each) => each.spec.revisions ?? []),
          ...(seen.pods ?? [])
            .filter((each) => each.spec.nodeName !== undefined)
            .map(keyOfRevision),
        ])
        const after = applied(seen, decideReleased(seen).actions)
        const list = after.namespace.metadata.annotations?.['gatekept.dev/released'] ?? ''
        for (const key of list.split(' ').filter((word) => word !== '' && word !== 'v1'))
          expect(known).toContain(key)
      }),
      { numRuns: 5_000 },
    )
  })
})

const patchOf = (action: Action): MergePatch => {
  if (action.kind !== 'patch') throw new Error(`Cannot read the patch of a ${action.kind}`)
  return action.patch
}

/** The world after the actions, as the API server would merge them. */
const applied = (seen: SeenNamespace, actions: readonly Action[]): SeenNamespace => {
  let { namespace: subject, pods: listed } = seen
  for (const action of actions) {
    if (action.kind !== 'patch') continue
    if (action.type.kind === 'Namespace') subject = merged(subject, action.patch)
    else
      listed = listed?.map((each) =>
        each.metadata.name === action.name ? merged(each, action.patch) : each,
      )
  }
  return { ...seen, namespace: subject, pods: listed }
}

const merged = <T extends HeldPod | Namespace>(object: T, patch: MergePatch): T => {
  const { labels, annotations } = patch['metadata'] as Record<string, Record<string, string | null>>
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: withoutNull({ ...object.metadata.labels, ...labels }),
      annotations: withoutNull({ ...object.metadata.annotations, ...annotations }),
    },
  }
}

const withoutNull = (values: Record<string, string | null>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Record<
    string,
    string
  >
