/** What is kept of a workload may be less once a ReplicaSet is gone: that must wake it. */
import { expect, test } from '@jest/globals'
import type { ReplicaSet } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { createFeed } from '../../../kube/store.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { workloadKeysOfReplicaSet } from '../../../lifecycle/workload/index.ts'
import type { Reader } from '../../../lifecycle/workload/observe.ts'
import { metadata, workloadVersion } from './objects.ts'

const feedOf = <T extends KubeObject>(
  object: T,
  indexes: Readonly<Record<string, (object: T) => readonly string[]>>,
) => {
  const feed = createFeed<T>({
    project: (each) => each as T,
    matches: () => true,
    indexes,
    onError: (error) => {
      throw error
    },
  })
  feed.apply('ADDED', object)
  return feed
}

test('a ReplicaSet wakes the workload of its version when it goes, and not before', () => {
  const replicaSet: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata('cart'),
    spec: {},
  }
  const replicaSets = feedOf(replicaSet, lifecycleIndexes.replicaSets)
  const woken: string[] = []
  const keysOf = workloadKeysOfReplicaSet({
    stores: {
      replicaSets: replicaSets.store,
      workloadVersions: feedOf(workloadVersion(), lifecycleIndexes.workloadVersions).store,
    } as Pick<Reader['stores'], 'replicaSets' | 'workloadVersions'> as Reader['stores'],
  })
  replicaSets.store.subscribe(({ before, now }) => {
    for (const each of [before, now]) if (each !== undefined) woken.push(...keysOf(each))
  })

  const emptied: ReplicaSet = { ...replicaSet, spec: { replicas: 0 } }
  replicaSets.apply('MODIFIED', emptied)
  expect(woken).toEqual([])
  replicaSets.apply('DELETED', replicaSet)
  expect(woken).toEqual(['shop/shop-cart'])
})
