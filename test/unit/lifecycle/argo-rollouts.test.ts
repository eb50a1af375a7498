/** What an Argo Rollout says about its ReplicaSets, and which of them it speaks for. */
import { describe, expect, test } from '@jest/globals'
import type { ReplicaSet, Rollout } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { rolloutOf } from '../../../lifecycle/checks/rollout.ts'
import { isNewest, replicaSetOwner, replicaSetsOf } from '../../../lifecycle/owners.ts'
import { lifecycleIndexes, type LifecycleStores } from '../../../lifecycle/stores.ts'
import { workloadVersionController } from '../../../lifecycle/workload-version/index.ts'
import { filledStore } from '../filled-store.ts'
import { guard, metadata, workloadVersion } from './objects.ts'

const storeOf = <T extends KubeObject>(objects: readonly T[]) =>
  filledStore(objects, lifecycleIndexes.replicaSets)

const hashKey = 'rollouts-pod-template-hash'

/** What ReplicaSets differ in. */
interface Difference {
  readonly wanted: number
  readonly available: number
  readonly annotations: Readonly<Record<string, string>>
  /** Of the owner. */
  readonly kind: 'Rollout' | 'Deployment'
}

/** A ReplicaSet of the Rollout "cart", of 2 replicas that are available unless said otherwise. */
const replicaSet = (hash: string, revision: number, more: Partial<Difference> = {}): ReplicaSet => {
  const { wanted = 2, available = wanted, annotations = {}, kind = 'Rollout' } = more
  const apiVersion = kind === 'Rollout' ? 'argoproj.io/v1alpha1' : 'apps/v1'
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata(`cart-${hash}`, {
      labels: { [hashKey]: hash },
      annotations: {
        'rollout.argoproj.io/revision': String(revision),
        'rollout.argoproj.io/desired-replicas': '2',
        ...annotations,
      },
      ownerReferences: [{ apiVersion, kind, name: 'cart', uid: 'uid-cart', controller: true }],
    }),
    spec: { replicas: wanted },
    status: { availableReplicas: available },
  }
}

const healthy: NonNullable<Rollout['status']> = {
  observedGeneration: '10',
  currentPodHash: 'b',
  stableRS: 'b',
  phase: 'Healthy',
  replicas: 2,
  updatedReplicas: 2,
}

const rollout = (status: Partial<Rollout['status']> | undefined, replicas = 2): Rollout => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: metadata('cart', { generation: 10 }),
  spec: { replicas },
  ...(status === undefined ? {} : { status: { ...healthy, ...status } }),
})

const newest = replicaSet('b', 2)
const ready = { kind: 'ready' }
const progressing = (message: string) => ({ kind: 'progressing', message })
const notTakenUp = progressing('the change has not been taken up yet')
const gone = {
  kind: 'missing',
  message: 'the Rollout of this version does not exist any more',
}

interface World {
  readonly of?: ReplicaSet
  readonly siblings?: readonly ReplicaSet[]
  readonly rollouts: readonly Rollout[]
}

const seenIn = ({ of = newest, siblings = [], rollouts }: World) => {
  const stores = { replicaSets: storeOf([of, ...siblings]), rollouts: storeOf(rollouts) }
  return rolloutOf(replicaSetOwner(stores, of), undefined)
}

const sentences: Readonly<Record<string, readonly [World, object]>> = {
  'is ready when the Rollout is healthy with it': [{ rollouts: [rollout({})] }, ready],
  'waits while the Rollout pauses, though all that it wants of it is there': [
    {
      of: replicaSet('b', 2, { wanted: 1 }),
      rollouts: [rollout({ phase: 'Paused', message: 'CanaryPauseStep' })],
    },
    progressing('the Rollout is Paused: CanaryPauseStep'),
  ],
  'waits while the Rollout is degraded, and says so': [
    { rollouts: [rollout({ phase: 'Degraded', message: 'RolloutAborted: aborted update' })] },
    progressing('the Rollout is Degraded: RolloutAborted: aborted update'),
  ],
  'waits while the Rollout progresses without a word': [
    { rollouts: [rollout({ phase: 'Progressing', message: '' })] },
    progressing('the Rollout is Progressing'),
  ],
  'of an aborted Rollout was not deployed, though it has no replicas any more': [
    {
      of: replicaSet('b', 2, { wanted: 0 }),
      rollouts: [rollout({ phase: 'Degraded', message: 'RolloutAborted', stableRS: 'a' })],
    },
    progressing('the Rollout is Degraded: RolloutAborted'),
  ],
  'of a Rollout that is scaled to nothing is ready': [
    { of: replicaSet('b', 2, { wanted: 0 }), rollouts: [rollout(undefined, 0)] },
    ready,
  ],
  'waits while older replicas are left': [
    { rollouts: [rollout({ replicas: 4 })] },
    progressing('2 of 4 replicas are updated'),
  ],
  'waits while another one is the stable one': [
    { rollouts: [rollout({ stableRS: 'a' })] },
    progressing('the Rollout has not made it the stable one yet'),
  ],
  'is not what a status speaks of that knows only the one before': [
    { rollouts: [rollout({ currentPodHash: 'a', stableRS: 'a' })] },
    notTakenUp,
  ],
  // As text, "9" would come after "10".
  'waits for a status that is about the present spec': [
    { rollouts: [rollout({ observedGeneration: '9' })] },
    notTakenUp,
  ],
  'waits for a Rollout that has no status yet': [{ rollouts: [rollout(undefined)] }, notTakenUp],
  'waits for a status that counts no generations, as those before 0.10': [
    { rollouts: [rollout({ observedGeneration: '7d8f9c' })] },
    notTakenUp,
  ],
  'whose Rollout is not there is missing it': [{ rollouts: [] }, gone],
  'is not told about by a Rollout that was made again under the name': [
    { rollouts: [{ ...rollout({}), metadata: metadata('cart', { uid: 'uid-other' }) }] },
    gone,
  ],
  'that a newer one has replaced is judged by itself': [
    {
      of: replicaSet('a', 1, { wanted: 2, available: 1 }),
      siblings: [newest],
      rollouts: [rollout({})],
    },
    progressing('1 of 2 replicas are available'),
  ],
  'that a newer one has replaced before it was complete waits for what it never gets': [
    {
      of: replicaSet('a', 1, { wanted: 1 }),
      siblings: [newest],
      rollouts: [rollout({ phase: 'Paused' })],
    },
    progressing('1 of 2 replicas are available'),
  ],
  'that a newer one has replaced and scaled to nothing is ready': [
    {
      of: replicaSet('a', 1, { wanted: 0 }),
      siblings: [newest],
      rollouts: [rollout({ phase: 'Paused' })],
    },
    ready,
  ],
  'of a Deployment is no business of a Rollout of the name': [
    { of: replicaSet('b', 2, { kind: 'Deployment' }), rollouts: [rollout({ phase: 'Paused' })] },
    ready,
  ],
}

describe('a ReplicaSet', () => {
  test.each(Object.entries(sentences))('%s', (_, [world, result]) => {
    expect(seenIn(world)).toEqual(result)
  })

  test('that is gone is missing itself', () => {
    const stores = { replicaSets: storeOf<ReplicaSet>([]), rollouts: storeOf([rollout({})]) }
    expect(rolloutOf(replicaSetOwner(stores, undefined), undefined)).toEqual({
      kind: 'missing',
      message: 'the ReplicaSet of this version does not exist any more',
    })
  })
})

test('the newest ReplicaSet of a Rollout is the one with its highest number, a rollback included', () => {
  // The Rollout was a Deployment once, and copies what that one had noted.
  const annotations = { 'deployment.kubernetes.io/revision': '7' }
  const sets = [replicaSet('a', 11, { annotations }), replicaSet('b', 9), replicaSet('c', 10)]
  const stores = { replicaSets: storeOf(sets) }
  expect(sets.map((set) => isNewest(stores, set))).toEqual([true, false, false])
})

test('the newest ReplicaSet of a Deployment is told by the Deployment alone', () => {
  const of = (name: string, deployment: string, rollouts: number) =>
    replicaSet(name, rollouts, {
      kind: 'Deployment',
      annotations: { 'deployment.kubernetes.io/revision': deployment },
    })
  const sets = [of('a', '2', 1), of('b', '1', 5)]
  const stores = { replicaSets: storeOf(sets) }
  expect(sets.map((set) => isNewest(stores, set))).toEqual([true, false])
})

test('a Rollout speaks for the ReplicaSets that it controls', () => {
  const other = { ...rollout({}), metadata: metadata('web') }
  const stores = { replicaSets: storeOf([replicaSet('a', 1), newest]) }
  expect(replicaSetsOf(stores, rollout({})).map(({ metadata: { name } }) => name)).toEqual([
    'cart-a',
    'cart-b',
  ])
  expect(replicaSetsOf(stores, other)).toEqual([])
})

test('a Rollout wakes the versions that its ReplicaSets are of', () => {
  const never = () => Promise.reject(new Error('Not to be read'))
  const resourceReference = { uid: 'uid-cart-b', kind: 'ReplicaSet', name: 'cart-b' }
  const versions = [workloadVersion({ resourceReference })]
  const rollouts = storeOf<Rollout>([])
  const stores = {
    workloadVersions: filledStore(versions, lifecycleIndexes.workloadVersions),
    replicaSets: storeOf([replicaSet('a', 1), newest]),
    rollouts,
  } as unknown as LifecycleStores
  const reader = { stores, client: { get: never }, namespace: 'keptn-system', guard }
  const { wakes } = workloadVersionController(reader)
  const woken = wakes
    .filter(({ store }) => store === rollouts)
    .flatMap(({ keys }) => keys(rollout({})))
  expect(woken).toEqual(['shop/shop-cart-2'])
})
