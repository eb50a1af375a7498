/** Who still wants a version: what the stores hold, and what follows from it. */
import { expect, test } from '@jest/globals'
import type { KeptnWorkload, KeptnWorkloadVersion } from '../../../api/index.ts'
import type { Namespace, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import type { KubeObject, ObjectMeta } from '../../../api/object.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import {
  hasGonePast,
  isHeld,
  standingOf,
  type Standing,
  type StandingStores,
} from '../../../lifecycle/workload-version/standing.ts'
import { filledStore } from '../filled-store.ts'
import { metadata, workloadVersion } from './objects.ts'

const leaving = { deletionTimestamp: '2026-03-01T12:00:10Z' }
const controller = (kind: string, name: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `uid-${name}`, controller: true }],
})

/** A ReplicaSet of the Deployment `deployment`, the newest of which has the highest number. */
const replicaSet = (name: string, revision: number, deployment = 'shop'): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: metadata(name, {
    ...controller('Deployment', deployment),
    annotations: { 'deployment.kubernetes.io/revision': String(revision) },
  }),
  spec: {},
})

const statefulSet = (updateRevision: string): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: metadata('db'),
  spec: { template: { spec: { containers: [] } } },
  status: { updateRevision },
})

const pod = (of: string, more: Partial<ObjectMeta> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(`${of}-pod`, { ...controller('ReplicaSet', of), ...more }),
})

const podOfSet = (hash: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('db-0', {
    ...controller('StatefulSet', 'db'),
    labels: { 'controller-revision-hash': hash },
  }),
})

/** The KeptnWorkload of the version in question, where it is now. */
const workload = (
  version: string,
  reference: KeptnWorkload['spec']['resourceReference'],
  more: Partial<ObjectMeta> = {},
): KeptnWorkload => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnWorkload',
  metadata: metadata('shop-cart', more),
  spec: { app: 'shop', version, resourceReference: reference },
})

const of = (kind: string, name: string) => ({ uid: `uid-${name}`, kind, name })

const namespace = (isManaged: boolean, released = 'v1'): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    ...metadata('shop'),
    annotations: {
      'keptn.sh/lifecycle-toolkit': isManaged ? 'enabled' : 'disabled',
      'gatekept.dev/released': released,
    },
  },
})

interface World {
  readonly version: KeptnWorkloadVersion
  readonly namespace?: Namespace
  readonly pods?: readonly KubeObject[]
  readonly workloads?: readonly KeptnWorkload[]
  readonly replicaSets?: readonly ReplicaSet[]
  readonly statefulSets?: readonly StatefulSet[]
  /** Other versions that are recorded. */
  readonly versions?: readonly KeptnWorkloadVersion[]
}

const storesOf = ({
  pods,
  workloads,
  replicaSets,
  statefulSets,
  versions,
}: Omit<World, 'version'>) =>
  ({
    pods: filledStore(pods ?? [], lifecycleIndexes.pods),
    workloads: filledStore(workloads ?? [], lifecycleIndexes.workloads),
    replicaSets: filledStore(replicaSets ?? [], lifecycleIndexes.replicaSets),
    statefulSets: filledStore(statefulSets ?? []),
    daemonSets: filledStore([]),
    workloadVersions: filledStore(versions ?? [], lifecycleIndexes.workloadVersions),
  }) satisfies StandingStores

/** Version 2, of the ReplicaSet `cart`. */
const mine = workloadVersion()
/** The same, of which another owner has pods, too. */
const shared = workloadVersion({ revisions: ['uid-cart', 'uid-other'] })
const ofSet = (hash: string) =>
  workloadVersion({
    resourceReference: of('StatefulSet', 'db'),
    revision: `uid-db/${hash}`,
    revisions: [`uid-db/${hash}`],
  })
const movedOn = workload('3', of('ReplicaSet', 'cart-3'))

const cases: Readonly<Record<string, World & { readonly is: Standing }>> = {
  'a version whose workload is at it is wanted, though its owner was not seen yet': {
    version: mine,
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    is: 'wanted',
  },
  'a version whose workload is not there is wanted': { version: mine, is: 'wanted' },
  'a version whose workload is being deleted is wanted': {
    version: mine,
    workloads: [workload('3', of('ReplicaSet', 'cart-3'), leaving)],
    is: 'wanted',
  },
  'a version of a namespace that left has opted out': {
    version: mine,
    namespace: namespace(false),
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    is: 'opted-out',
  },
  'a version that was made by hand is wanted wherever its namespace and its workload are': {
    version: {
      ...mine,
      spec: {
        app: 'shop',
        workloadName: 'shop-cart',
        version: '2',
        resourceReference: of('ReplicaSet', 'cart'),
      },
    },
    namespace: namespace(false),
    workloads: [movedOn],
    is: 'wanted',
  },
  'a version whose workload has gone on, and whose owner wants a newer revision, is superseded': {
    version: mine,
    workloads: [movedOn],
    replicaSets: [replicaSet('cart', 1), replicaSet('cart-3', 2)],
    is: 'superseded',
  },
  'a version whose workload has gone on to another owner is wanted while its own owner wants it': {
    version: mine,
    workloads: [movedOn],
    replicaSets: [replicaSet('cart', 1), replicaSet('cart-3', 2, 'rival')],
    is: 'wanted',
  },
  'a version is wanted while another owner that wants it has held pods of it': {
    version: shared,
    workloads: [movedOn],
    pods: [pod('other')],
    replicaSets: [
      replicaSet('cart', 1),
      replicaSet('cart-3', 2),
      replicaSet('other', 1, 'another'),
    ],
    is: 'wanted',
  },
  'held pods that are being deleted want nothing': {
    version: shared,
    workloads: [movedOn],
    pods: [pod('other', leaving)],
    replicaSets: [
      replicaSet('cart', 1),
      replicaSet('cart-3', 2),
      replicaSet('other', 1, 'another'),
    ],
    is: 'superseded',
  },
  'a set that its workload has gone on with wants no older version, held pods or not': {
    version: ofSet('db-1'),
    workloads: [workload('3', of('StatefulSet', 'db'))],
    pods: [podOfSet('db-1')],
    // Its status may be behind what its newest pods say.
    statefulSets: [statefulSet('db-1')],
    is: 'superseded',
  },
  'a version whose owner went back to what was released before is superseded': {
    version: mine,
    namespace: namespace(true, 'v1 uid-cart-0'),
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    replicaSets: [replicaSet('cart-0', 3), replicaSet('cart', 2)],
    is: 'superseded',
  },
  'a version whose owner went on to what is not released yet is wanted until its workload follows':
    {
      version: mine,
      namespace: namespace(true),
      workloads: [workload('2', of('ReplicaSet', 'cart'))],
      replicaSets: [replicaSet('cart-3', 3), replicaSet('cart', 2)],
      is: 'wanted',
    },
  'a version whose owner went to another of its own revisions is wanted': {
    version: shared,
    namespace: namespace(true, 'v1 uid-other'),
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    replicaSets: [replicaSet('other', 3), replicaSet('cart', 2)],
    is: 'wanted',
  },
  'a version of a set that went back to what was released before is superseded': {
    version: ofSet('db-2'),
    namespace: namespace(true, 'v1 uid-db/db-1'),
    workloads: [workload('2', of('StatefulSet', 'db'))],
    statefulSets: [statefulSet('db-1')],
    is: 'superseded',
  },
  'a version whose owner went on to pods of another workload is superseded': {
    version: mine,
    namespace: namespace(true),
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    replicaSets: [replicaSet('cart-3', 3), replicaSet('cart', 2)],
    versions: [workloadVersion({ workloadName: 'shop-basket', revisions: ['uid-cart-3'] })],
    is: 'superseded',
  },
  'a version whose owner went on to pods that run without being held is superseded': {
    version: mine,
    namespace: namespace(true),
    workloads: [workload('2', of('ReplicaSet', 'cart'))],
    replicaSets: [
      { ...replicaSet('cart-3', 3), status: { availableReplicas: 1 } },
      replicaSet('cart', 2),
    ],
    is: 'superseded',
  },
}

test.each(Object.entries(cases))('%s', (_, { is, version, namespace: seen, ...world }) => {
  expect(standingOf(storesOf(world), version, seen)).toBe(is)
})

test('a version is held while a pod of any of its revisions is, and is not on its way out', () => {
  expect(isHeld(storesOf({ pods: [pod('other')] }), shared)).toBe(true)
  expect(isHeld(storesOf({ pods: [pod('other')] }), mine)).toBe(false)
  expect(isHeld(storesOf({ pods: [pod('cart', leaving)] }), mine)).toBe(false)
})

test('an owner that runs has not gone past what was made for it by hand', () => {
  const byHand = {
    app: 'shop',
    workloadName: 'shop-cart',
    version: '2',
    resourceReference: of('ReplicaSet', 'cart'),
  }
  const running = { ...replicaSet('cart', 2), status: { availableReplicas: 1 } }
  const stores = storesOf({ replicaSets: [running] })
  expect(hasGonePast(stores, { ...mine, spec: byHand }, namespace(true))).toBe(false)
})
