/**
 * The permit on stores that change: what it answers, and what it does when it knows more.
 */
import { expect, test } from '@jest/globals'
import type { KeptnWorkloadVersion } from '../../../../api/keptn-workload-version.ts'
import type { Namespace } from '../../../../api/kubernetes.ts'
import {
  createPermit,
  permitNamespaces,
  verdicts,
  waitingPods,
} from '../../../../gate/permit/index.ts'
import type { HeldPod } from '../../../../gate/held-pods.ts'
import { permitScheduler } from '../../../../identity/keys.ts'
import { createFeed } from '../../../../kube/store.ts'
import { managed, namespace, pod, version } from '../objects.ts'

const at = (ms: number): Date => new Date(Date.UTC(2026, 2, 1, 12, 0, 10) + ms)
const letGo = pod({
  metadata: { labels: {} },
  spec: { schedulerName: permitScheduler, schedulingGates: [] },
})
const unmanaged = namespace({ labels: {} })
const question = {
  pod: { namespace: 'shop', name: 'web-1', uid: 'web-1-uid' },
  nodeNames: ['node-1'],
}

/** A permit before stores that a test changes, and a Namespace as a live read finds it. */
const permitWith = (live: Namespace | undefined) => {
  const feedOf = <T extends HeldPod | KeptnWorkloadVersion | Namespace>(
    indexes: Readonly<Record<string, (object: T) => readonly string[]>>,
  ) =>
    createFeed<T>({
      project: (object) => object as T,
      matches: () => true,
      indexes,
      onError: (error) => {
        throw error
      },
    })
  const pods = feedOf<HeldPod>(waitingPods.indexes)
  const versions = feedOf<KeptnWorkloadVersion>(verdicts.indexes)
  const namespaces = feedOf<Namespace>({})
  let reads = 0
  const permit = createPermit({
    pods: pods.store,
    versions: versions.store,
    namespaces: namespaces.store,
    client: {
      get: (() => {
        reads += 1
        return Promise.resolve(live)
      }) as never,
    },
    isSynced: () => true,
    now: () => at(0),
  })
  /** What is done about the pod now. */
  const pass = async (now: Date): Promise<readonly string[]> => {
    const seen = await permit.controller.observe('shop/web-1', now)
    if (seen === undefined) return ['gone']
    const { actions, wakeAt } = permit.controller.decide(seen)
    permit.controller.applied?.(seen, actions)
    return [...actions.map(({ kind }) => kind), ...(wakeAt === undefined ? [] : ['later'])]
  }
  const passes = (): boolean => permit.ask(question).passes
  return { pods, versions, namespaces, pass, passes, reads: () => reads }
}

test('a pod that was told to wait before the verdict was seen is touched once', async () => {
  const { pods, versions, namespaces, pass, passes } = permitWith(managed())
  namespaces.apply('ADDED', managed())
  pods.apply('ADDED', letGo)
  expect(passes()).toBe(false)
  expect(await pass(at(0))).toEqual([])
  versions.apply('ADDED', version({ verdict: 'True' }))
  expect(await pass(at(0))).toEqual(['later'])
  expect(await pass(at(301))).toEqual(['patch'])
  expect(await pass(at(10_000))).toEqual([])
  expect(passes()).toBe(true)
})

test('a pod whose scheduler has asked by itself is not touched', async () => {
  const { pods, versions, namespaces, pass, passes } = permitWith(managed())
  namespaces.apply('ADDED', managed())
  versions.apply('ADDED', version({ verdict: 'True' }))
  pods.apply('ADDED', letGo)
  expect(await pass(at(0))).toEqual(['later'])
  expect(passes()).toBe(true)
  expect(await pass(at(301))).toEqual([])
})

test('answers ask nobody; that a namespace left is asked by the controller, and counts from then on', async () => {
  const { pods, namespaces, pass, passes, reads } = permitWith(unmanaged)
  namespaces.apply('ADDED', unmanaged)
  pods.apply('ADDED', letGo)
  expect(passes()).toBe(false)
  expect(reads()).toBe(0)
  expect(await pass(at(0))).toEqual(['later'])
  expect(reads()).toBe(1)
  expect(passes()).toBe(true)
})

test('an old view of a namespace lets nobody go', async () => {
  const { pods, namespaces, pass, passes } = permitWith(managed())
  namespaces.apply('ADDED', unmanaged)
  pods.apply('ADDED', letGo)
  expect(await pass(at(0))).toEqual([])
  expect(passes()).toBe(false)
})

test('nor does one that was read for a pod of the same name', async () => {
  const { pods, namespaces, pass, passes } = permitWith(unmanaged)
  namespaces.apply('ADDED', unmanaged)
  pods.apply('ADDED', pod({ metadata: { uid: 'earlier-uid' }, spec: letGo.spec }))
  await pass(at(0))
  pods.apply('MODIFIED', letGo)
  expect(passes()).toBe(false)
})

test('what is kept of a version and a namespace is what is read of them', () => {
  const stored = version({ verdict: 'True', status: { preDeploymentTaskStatus: [] } })
  const kept = verdicts.project(stored)
  expect(Object.keys(kept.spec)).toEqual(['app', 'revisions'])
  expect(Object.keys(kept.status ?? {})).toEqual(['conditions', 'status'])
  const { metadata } = permitNamespaces.project(
    managed('v1 a', { labels: { team: 'a' }, managedFields: [] }),
  )
  expect(metadata.labels).toEqual({})
  expect(metadata.annotations).toEqual({ 'gatekept.dev/released': 'v1 a' })
})
