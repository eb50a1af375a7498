/**
 * Questions of every kind, odd ones too, with what must be answered: worked out here a second time, from the guides and not
 * from the code under test.
 */
import fc from '../../fast-check.ts'
import { reviewOf } from './reviews.ts'

type Texts = Readonly<Record<string, string>>

/** An owner of pods, as the API server would give it. */
export interface StoredOwner {
  readonly annotations: Texts | undefined
  readonly labels: Texts | undefined
  readonly image: string
}

/** A question, and the world in which it is asked. */
export interface Asked {
  readonly review: ReturnType<typeof reviewOf>
  /** What the pod's owner says. `missing`: there is none of that UID. `refused`: the API server does not tell. */
  readonly owner: StoredOwner | 'missing' | 'refused'
}

/** The released lists of the namespaces that have one that can be read. */
export const releasedLists: Readonly<Record<string, readonly string[]>> = {
  shop: ['uid-1', 'uid-2/hash-1'],
  busy: Array.from({ length: 2_000 }, (_, index) => `other-${index}`),
}
/** Managed namespaces whose list can't be read. */
export const unreadableLists: Readonly<Record<string, string | undefined>> = {
  fresh: undefined,
  later: 'v2 uid-1 uid-2/hash-1',
}

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined })
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })
const absent = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof(
    { weight: 9, arbitrary: value },
    { weight: 1, arbitrary: fc.constantFrom(undefined, null) },
  )

const texts = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ...['web', 'true', 'enabled', 'disabled', '', ' ', 'a, b', 'single-service', '1.0'],
      ...[
        'Web_2',
        '名前-ü',
        '\u0000',
        '\ud800',
        '__proto__',
        'constructor',
        'x=1,y=2,=3,z',
        'hash-1',
      ],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constant('long'.repeat(500)) },
)
const keysOfMaps = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      ...['keptn.sh/workload', 'keptn.sh/version', 'keptn.sh/app', 'keptn.sh/gated'],
      ...['keptn.sh/pre-deployment-tasks', 'keptn.sh/metadata', 'keptn.sh/container'],
      ...['app.kubernetes.io/name', 'app.kubernetes.io/version', 'app.kubernetes.io/part-of'],
      ...['gatekept.dev/app-type', 'keptn.sh/scheduling-gate-removed', 'controller-revision-hash'],
      ...['kubernetes.io/config.mirror', 'keptn.sh/lifecycle-toolkit', 'gatekept.dev/released'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '~', '/', '~1', 'ключ', ''),
  },
)
const maps: fc.Arbitrary<Texts> = fc.oneof(
  { weight: 30, arbitrary: fc.dictionary(keysOfMaps, texts, { maxKeys: 8 }) },
  {
    weight: 1,
    arbitrary: texts.map((text) =>
      Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, text])),
    ),
  },
)
const unknown = rarely(fc.jsonValue({ maxDepth: 3 }))

const ownerReferences = fc
  .record(
    {
      apiVersion: fc.oneof(
        { weight: 8, arbitrary: fc.constant('apps/v1') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            ...['apps/v1beta2', 'batch/v1', 'v1', 'apps', 'apps.example.org/v1', '', '/apps'],
          ),
        },
      ),
      kind: fc.oneof(
        { weight: 6, arbitrary: fc.constantFrom('ReplicaSet', 'StatefulSet', 'DaemonSet') },
        {
          weight: 1,
          arbitrary: fc.constantFrom('Job', 'Node', 'Deployment', 'replicaset', '__proto__'),
        },
      ),
      uid: fc.constantFrom('uid-1', 'uid-2', 'uid-3'),
      controller: fc.oneof(
        { weight: 8, arbitrary: fc.constant(true) },
        { weight: 1, arbitrary: fc.constantFrom(false, null, undefined) },
      ),
      blockOwnerDeletion: maybe(fc.boolean()),
    },
    { requiredKeys: ['apiVersion', 'kind', 'uid'] },
  )
  .map((reference) => ({ ...reference, name: `named-${reference.uid}` }))

const gates = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.array(
      fc.constantFrom(
        'kueue.x-k8s.io/topology',
        'other/y',
        'keptn-prechecks-gate',
        '__proto__',
        '',
      ),
      { maxLength: 4 },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant(Array.from({ length: 1_000 }, (_, index) => `other/${index}`)),
  },
)

const containers = fc.oneof(
  { weight: 30, arbitrary: fc.constant([{ name: 'web', image: 'reg:5000/web:1' }]) },
  {
    weight: 1,
    arbitrary: fc.constant(
      Array.from({ length: 300 }, (_, index) => ({ name: `c${index}`, image: '', env: null })),
    ),
  },
)

const podObjects = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('Pod'),
  metadata: fc.record(
    {
      generateName: maybe(texts),
      namespace: maybe(fc.constant('another')),
      annotations: absent(maps),
      labels: absent(maps),
      ownerReferences: absent(fc.array(ownerReferences, { minLength: 1, maxLength: 3 })),
      deletionTimestamp: rarely(fc.constant('2026-01-01T00:00:00Z')),
      managedFields: unknown,
      unheardOf: unknown,
    },
    { requiredKeys: [] },
  ),
  spec: fc.record({
    containers,
    nodeName: rarely(fc.constantFrom('node-1', 'node-2', '', null)),
    schedulingGates: absent(gates.map((names) => names.map((name) => ({ name })))),
    unheardOf: unknown,
  }),
  status: unknown,
  unheardOf: unknown,
})

const requests = fc.record({
  uid: fc.oneof(fc.uuid(), fc.constantFrom('__proto__', '名前-ü', ' ')),
  operation: fc.oneof(
    { weight: 12, arbitrary: fc.constant('CREATE') },
    { weight: 1, arbitrary: fc.constantFrom('UPDATE', 'CONNECT') },
  ),
  namespace: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        ...Object.keys({ ...releasedLists, ...unreadableLists }),
        ...['unheard-of', '__proto__'],
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom('keptn-system', 'kube-system', 'kube-public') },
  ),
  dryRun: fc.constantFrom(false, true, undefined),
  subResource: rarely(fc.constantFrom('status', 'binding')),
  oldObject: unknown,
  options: unknown,
  unheardOf: unknown,
})

const storedOwners = fc.record({
  annotations: maybe(maps),
  labels: maybe(maps),
  image: fc.constantFrom('reg:5000/web:2.7', 'web', 'web@sha256:abc', 'ü:☃', ''),
})

/** Questions about pods, whole as an API server sends them. */
export const podQuestions: fc.Arbitrary<Asked> = fc
  .record({
    object: podObjects,
    request: requests,
    owner: fc.oneof(
      { weight: 4, arbitrary: storedOwners },
      { weight: 1, arbitrary: fc.constantFrom('missing' as const, 'refused' as const) },
    ),
  })
  .map(({ object, request, owner }) => ({ review: reviewOf(object, request), owner }))

/** Questions about namespaces, whole as an API server sends them. */
export const namespaceQuestions: fc.Arbitrary<Asked> = fc
  .record({
    object: fc.record(
      {
        apiVersion: fc.constant('v1'),
        kind: fc.constant('Namespace'),
        metadata: fc.record(
          {
            name: fc.constantFrom('shop', 'keptn-system', 'kube-system', '__proto__', 'ü'),
            annotations: absent(maps),
            labels: absent(maps),
            unheardOf: unknown,
          },
          { requiredKeys: ['name'] },
        ),
        spec: maybe(fc.record({ finalizers: maybe(fc.constant(['kubernetes'])) })),
        status: unknown,
      },
      { requiredKeys: ['apiVersion', 'kind', 'metadata'] },
    ),
    request: requests,
  })
  .map(({ object, request }) => ({
    review: reviewOf(object, {
      ...request,
      kind: { group: '', version: 'v1', kind: 'Namespace' },
      namespace: object.metadata.name,
    }),
    owner: 'missing',
  }))

const strange = fc.oneof(
  fc.constantFrom(null, '', 0, true, [], {}, [null], { __proto__: null }, 'text', [[]], -1.5),
  fc.jsonValue({ maxDepth: 2 }),
)

/** The same questions with something in the place of one of their members, at any depth: what no API server would send. */
export const bentQuestions = (whole: fc.Arbitrary<Asked>): fc.Arbitrary<Asked> =>
  fc
    .tuple(whole, fc.boolean(), fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), strange)
    .map(([asked, isObject, path, value]) => {
      const review = JSON.parse(JSON.stringify(asked.review)) as Asked['review']
      if (!isObject) return { ...asked, review: bend(review, path, value) }
      const object = bend(review.request.object, path, value)
      return { ...asked, review: { ...review, request: { ...review.request, object } } }
    })

/** Follows a path of numbers down through the members, as far as there are any. */
const bend = <T>(from: T, [step = 0, ...rest]: readonly number[], value: unknown): T => {
  const names = Object.keys(from as object)
  const name = names[step % names.length]
  if (name === undefined) return from
  const member = (from as Record<string, unknown>)[name]
  const goesOn = rest.length > 0 && typeof member === 'object' && member !== null
  const bent = goesOn && Object.keys(member).length > 0 ? bend(member, rest, value) : value
  const entries = Object.entries(from as object).map(([key, each]) => [
    key,
    key === name ? bent : (each as unknown),
  ])
  // `fromEntries`, so that a member called `__proto__` stays one.
  return (Array.isArray(from) ? entries.map(([, each]) => each) : Object.fromEntries(entries)) as T
}

interface Pod {
  readonly metadata: {
    readonly annotations?: Texts | null
    readonly labels?: Texts | null
    readonly ownerReferences?:
      | readonly {
          readonly apiVersion: string
          readonly kind: string
          readonly uid: string
          readonly controller?: boolean | null
        }[]
      | null
  }
  readonly spec: { readonly nodeName?: string | null }
}

/** What must happen to a pod, read from the tables in `webhook/README.md`. */
export const expectedFor = ({ review, owner }: Asked): 'untouched' | 'held' | 'refused' => {
  const { metadata, spec } = review.request.object as Pod
  const revision = isAboutCreation(review.request) ? heldRevision(metadata) : undefined
  if (revision === undefined || isReleased(review.request.namespace, revision)) return 'untouched'
  const isManaged = namesWorkload(metadata) || typeof owner === 'string' || namesWorkload(owner)
  if (!isManaged) return 'untouched'
  return (spec.nodeName ?? '') === '' ? 'held' : 'refused'
}

const isReleased = (namespace: string, revision: string): boolean =>
  new Map(Object.entries(releasedLists)).get(namespace)?.includes(revision) ?? false

const isAboutCreation = ({
  operation,
  namespace,
  ...rest
}: Readonly<Record<'operation' | 'namespace', string>>): boolean =>
  operation === 'CREATE' &&
  ((rest as { readonly subResource?: string }).subResource ?? '') === '' &&
  !['keptn-system', 'kube-system', 'kube-public'].includes(namespace)

/** The revision of a pod whose owner is one of those that are held; its hash may be missing. */
const heldRevision = ({ ownerReferences, labels }: Pod['metadata']): string | undefined => {
  const owner = ownerReferences?.find((each) => each.controller === true)
  if (owner?.apiVersion.startsWith('apps/') !== true) return undefined
  if (!['ReplicaSet', 'StatefulSet', 'DaemonSet'].includes(owner.kind)) return undefined
  const hash = labels?.['controller-revision-hash'] ?? ''
  return owner.kind === 'ReplicaSet' ? owner.uid : `${owner.uid}/${hash}`
}

const namesWorkload = ({
  annotations,
  labels,
}: {
  readonly annotations?: Texts | null | undefined
  readonly labels?: Texts | null | undefined
}): boolean =>
  [annotations, labels].some((map) =>
    ['keptn.sh/workload', 'app.kubernetes.io/name'].some((key) => (map?.[key] ?? '') !== ''),
  )
