/** Which revision is current follows from objects that may be seen after the pods: these must wake it again. */
import { expect, test } from '@jest/globals'
import type { KeptnWorkload } from '../../../api/index.ts'
import type { DaemonSet, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import {
  revisionKeysOfReplicaSet,
  revisionKeysOfStatefulSet,
  revisionKeysOfVersion,
  revisionKeysOfWorkload,
  type RevisionReader,
} from '../../../lifecycle/revision/observe.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { filledStore } from '../filled-store.ts'
import { metadata, workloadVersion } from './objects.ts'

const owner = (kind: string, name: string) => ({
  apiVersion: 'apps/v1',
  kind,
  name,
  uid: `uid-${name}`,
  controller: true,
})

const replicaSet = (name: string): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: metadata(name, { ownerReferences: [owner('Deployment', 'cart')] }),
  spec: {},
})

const pod = (name: string, of: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name, { ownerReferences: [owner('ReplicaSet', of)] }),
})

test('a ReplicaSet wakes those of its Deployment that have held pods', () => {
  const sets = ['cart-1', 'cart-2', 'cart-3'].map(replicaSet)
  const reader = {
    stores: {
      pods: filledStore([pod('a', 'cart-1'), pod('b', 'cart-3')], lifecycleIndexes.pods),
      replicaSets: filledStore(sets, lifecycleIndexes.replicaSets),
      workloadVersions: filledStore([], lifecycleIndexes.workloadVersions),
    },
  } as unknown as Pick<RevisionReader, 'stores'>
  const keys = revisionKeysOfReplicaSet(reader)(replicaSet('cart-2'))
  expect(keys).toEqual(['shop/uid-cart-1', 'shop/uid-cart-3'])
})

test('a StatefulSet wakes the revision that it updates to', () => {
  const set: StatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata('db'),
    spec: { template: { spec: { containers: [] } } },
  }
  expect(revisionKeysOfStatefulSet(set)).toEqual([])
  expect(revisionKeysOfStatefulSet({ ...set, status: { updateRevision: 'db-2' } })).toEqual([
    'shop/uid-db/db-2',
  ])
})

const workload = (more: Parameters<typeof metadata>[1] = {}): KeptnWorkload => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnWorkload',
  metadata: metadata('shop-cart', more),
  spec: {
    app: 'shop',
    version: '2',
    resourceReference: { uid: 'uid-cart', kind: 'ReplicaSet', name: 'cart' },
  },
})

const heldPod = (name: string, of: string, workloadKey = 'cart'): KubeObject => {
  const { apiVersion, kind, metadata: data } = pod(name, of)
  const annotations = {
    'keptn.sh/workload': workloadKey,
    'keptn.sh/version': '2',
    'keptn.sh/app': 'shop',
  }
  return { apiVersion, kind, metadata: { ...data, annotations } }
}

const agent: DaemonSet = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: metadata('cart'),
  spec: { template: { spec: { containers: [] } } },
}

/** Pods of two revisions of one workload, of which a version records the first, and of a revision of another workload. */
const held = (workloads: readonly KeptnWorkload[], sets: readonly StatefulSet[] = []) =>
  ({
    stores: {
      pods: filledStore(
        [heldPod('a', 'cart'), heldPod('b', 'cart-2'), heldPod('c', 'web', 'web')],
        lifecycleIndexes.pods,
      ),
      workloads: filledStore(workloads, lifecycleIndexes.workloads),
      workloadVersions: filledStore([workloadVersion()], lifecycleIndexes.workloadVersions),
      replicaSets: filledStore([], {}),
      statefulSets: filledStore(sets, {}),
      daemonSets: filledStore([agent], { uid: (set: DaemonSet) => [set.metadata.uid] }),
    },
  }) as unknown as Pick<RevisionReader, 'stores'>

test('a KeptnWorkload that is gone wakes the revisions that no version records', () => {
  expect(revisionKeysOfWorkload(held([]))(workload())).toEqual(['shop/uid-cart-2'])
})

test('a KeptnWorkload that is being deleted wakes them, and so does one that was made again', () => {
  const leaving = workload({ deletionTimestamp: '2026-03-01T12:00:00Z' })
  expect(revisionKeysOfWorkload(held([leaving]))(leaving)).toEqual(['shop/uid-cart-2'])
  const next = workload({ uid: 'uid-next' })
  expect(revisionKeysOfWorkload(held([next]))(workload())).toEqual(['shop/uid-cart-2'])
})

test('a KeptnWorkload that is there wakes nobody: they would take it from each other', () => {
  expect(revisionKeysOfWorkload(held([workload()]))(workload())).toEqual([])
})

test('a KeptnWorkload that was moved back wakes the revision that its owner wants', () => {
  const set: StatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata('db'),
    spec: { template: { spec: { containers: [] } } },
    status: { updateRevision: 'db-1' },
  }
  const at = (revision: string): KeptnWorkload => {
    const { spec, ...rest } = workload()
    const resourceReference = { uid: 'uid-db', kind: 'StatefulSet', name: 'db' }
    return { ...rest, spec: { ...spec, resourceReference, revision } }
  }
  const woken = (present: KeptnWorkload) => revisionKeysOfWorkload(held([present], [set]))(present)
  expect(woken(at('uid-db/db-2'))).toEqual(['shop/uid-db/db-1'])
  expect(woken(at('uid-db/db-1'))).toEqual([])
})

test('one of a DaemonSet wakes the recorded revisions that it is not at: one of them may be wanted', () => {
  const at = (revision: string): KeptnWorkload => {
    const { spec, ...rest } = workload()
    const resourceReference = { uid: 'uid-cart', kind: 'DaemonSet', name: 'cart' }
    return { ...rest, spec: { ...spec, resourceReference, revision } }
  }
  const woken = (present: KeptnWorkload) => revisionKeysOfWorkload(held([present]))(present)
  expect(woken(at('uid-cart/3'))).toEqual(['shop/uid-cart'])
  expect(woken(at('uid-cart'))).toEqual([])
})

test('a version wakes the revisions that it records, and those whose turn it is', () => {
  const keys = revisionKeysOfVersion(held([workload()]))(workloadVersion())
  expect(keys).toEqual(['shop/uid-cart', 'shop/uid-cart-2'])
})
