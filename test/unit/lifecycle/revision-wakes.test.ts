/** Which revision is current follows from objects that may be seen after the pods: these must wake it again. */
import { expect, test } from '@jest/globals'
import type { ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { createFeed } from '../../../kube/store.ts'
import {
  revisionKeysOfReplicaSet,
  revisionKeysOfStatefulSet,
  type RevisionReader,
} from '../../../lifecycle/revision/observe.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { metadata } from './objects.ts'

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

const storeOf = <T extends KubeObject>(
  objects: readonly T[],
  indexes: Readonly<Record<string, (object: T) => readonly string[]>>,
) => {
  const feed = createFeed<T>({
    project: (object) => object as T,
    matches: () => true,
    indexes,
    onError: (error) => {
      throw error
    },
  })
  for (const object of objects) feed.apply('ADDED', object)
  return feed.store
}

test('a ReplicaSet wakes those of its Deployment that have held pods', () => {
  const sets = ['cart-1', 'cart-2', 'cart-3'].map(replicaSet)
  const reader = {
    stores: {
      pods: storeOf([pod('a', 'cart-1'), pod('b', 'cart-3')], lifecycleIndexes.pods),
      replicaSets: storeOf(sets, lifecycleIndexes.replicaSets),
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
