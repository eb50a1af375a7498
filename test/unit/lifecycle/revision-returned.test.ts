/** A revision that its owner has gone back to has its say though none of its pods is held. */
import { expect, test } from '@jest/globals'
import type { KeptnWorkload } from '../../../api/index.ts'
import type { DaemonSet, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { observeRevision, type RevisionReader } from '../../../lifecycle/revision/observe.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { filledStore } from '../filled-store.ts'
import { metadata, workloadVersion } from './objects.ts'

const byUid = { uid: ({ metadata: { uid } }: KubeObject) => [uid] }
const template = { spec: { containers: [] } }

const replicaSet = (replicas: number): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: metadata('cart'),
  spec: { replicas },
})
const statefulSet = (updateRevision: string): StatefulSet => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: metadata('db'),
  spec: { template },
  status: { updateRevision },
})
const daemonSet: DaemonSet = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: metadata('agent'),
  spec: { template },
}

interface World {
  /** The revision that the KeptnWorkload is at. */
  readonly at?: string
  readonly replicaSet?: ReplicaSet
  readonly statefulSet?: StatefulSet
  readonly daemonSet?: DaemonSet
  readonly wantedByDaemonSet?: string
}

/** What the version 2 of a workload records. */
const recorded = workloadVersion({ revisions: ['uid-cart', 'uid-db/db-1', 'uid-agent/a'] })

const hasItsSay = async (revision: string, world: World): Promise<boolean> => {
  const workload: KeptnWorkload = {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkload',
    metadata: metadata('shop-cart'),
    spec: {
      app: 'shop',
      version: '3',
      revision: world.at ?? 'uid-cart-3',
      resourceReference: { uid: 'uid-cart-3', kind: 'ReplicaSet', name: 'cart-3' },
    },
  }
  const only = <T>(object: T | undefined): readonly T[] => (object === undefined ? [] : [object])
  const reader = {
    stores: {
      pods: filledStore([], lifecycleIndexes.pods),
      workloads: filledStore([workload], lifecycleIndexes.workloads),
      workloadVersions: filledStore([recorded], lifecycleIndexes.workloadVersions),
      replicaSets: filledStore(only(world.replicaSet), lifecycleIndexes.replicaSets),
      statefulSets: filledStore(only(world.statefulSet), byUid),
      daemonSets: filledStore(only(world.daemonSet), byUid),
      configs: filledStore([], lifecycleIndexes.configs),
    },
    client: { get: () => Promise.resolve(undefined) },
    wantedByDaemonSet: () => Promise.resolve(only(world.wantedByDaemonSet)),
    namespace: 'keptn-system',
  } as unknown as RevisionReader
  const now = new Date('2026-03-01T12:00:30Z')
  return (await observeRevision(reader)(`shop/${revision}`, now)) !== undefined
}

test('a ReplicaSet that has replicas again', async () => {
  expect(await hasItsSay('uid-cart', { replicaSet: replicaSet(2) })).toBe(true)
  expect(await hasItsSay('uid-cart', { replicaSet: replicaSet(0) })).toBe(false)
  expect(await hasItsSay('uid-cart', {})).toBe(false)
})

test('a StatefulSet that updates to it', async () => {
  expect(await hasItsSay('uid-db/db-1', { statefulSet: statefulSet('db-1') })).toBe(true)
  expect(await hasItsSay('uid-db/db-1', { statefulSet: statefulSet('db-2') })).toBe(false)
})

test('a DaemonSet whose newest revision it is', async () => {
  const world = { daemonSet, wantedByDaemonSet: 'uid-agent/a' }
  expect(await hasItsSay('uid-agent/a', world)).toBe(true)
  expect(await hasItsSay('uid-agent/a', { ...world, wantedByDaemonSet: 'uid-agent/b' })).toBe(false)
})

test('an owner that is being deleted wants nothing', async () => {
  const { metadata: usual, ...more } = replicaSet(2)
  const leaving = { ...more, metadata: { ...usual, deletionTimestamp: '2026-03-01T12:00:10Z' } }
  expect(await hasItsSay('uid-cart', { replicaSet: leaving })).toBe(false)
})

test('there is nothing to say where the workload is at it already', async () => {
  expect(await hasItsSay('uid-cart', { replicaSet: replicaSet(2), at: 'uid-cart' })).toBe(false)
})

test('a revision that no version records has nothing to go back to', async () => {
  const other = { ...replicaSet(2), metadata: metadata('other') }
  expect(await hasItsSay('uid-other', { replicaSet: other })).toBe(false)
})
