import { expect, test } from '@jest/globals'
import type { ReplicaSet, Rollout, StatefulSet } from '../../../api/kubernetes.ts'
import { cutOwner } from '../../../controller/reflections.ts'
import { rolloutOf } from '../../../lifecycle/checks/rollout.ts'
import { noteOf } from '../../../lifecycle/owners.ts'

test('what is kept of an owner tells as much of its rollout as the whole does', () => {
  const set = (updateStrategy: StatefulSet['spec']['updateStrategy'] & object): StatefulSet => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'db',
      namespace: 'shop',
      uid: 'db-uid',
      resourceVersion: '1',
      generation: 2,
      creationTimestamp: '2026-01-01T12:00:00Z',
    },
    spec: { replicas: 3, updateStrategy, template: { spec: { containers: [] } } },
    status: {
      observedGeneration: 2,
      availableReplicas: 3,
      updatedReplicas: 2,
      updateRevision: 'db-2',
    },
  })
  const strategies = [
    { type: 'OnDelete' },
    { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
  ]
  for (const strategy of strategies) {
    const object = set(strategy)
    const kept = cutOwner(object) as StatefulSet
    expect(kept.spec).not.toHaveProperty('template')
    expect(rolloutOf({ kind: 'StatefulSet', object: kept }, 'db-2')).toEqual(
      rolloutOf({ kind: 'StatefulSet', object }, 'db-2'),
    )
  }
})

test('what is kept of a Rollout and its ReplicaSet tells as much as the whole does', () => {
  const template = { spec: { containers: [] } }
  const common = {
    namespace: 'shop',
    resourceVersion: '1',
    generation: 2,
    creationTimestamp: '2026-01-01T12:00:00Z',
  }
  const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'cart', uid: 'cart' }
  const replicaSet: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      ...common,
      ...{ name: 'cart-b', uid: 'cart-b' },
      ownerReferences: [{ ...owner, controller: true }],
      labels: { 'rollouts-pod-template-hash': 'b', app: 'cart' },
      annotations: {
        'rollout.argoproj.io/revision': '2',
        'rollout.argoproj.io/desired-replicas': '3',
      },
    },
    spec: { replicas: 3, template },
  }
  const phases = [
    ['Healthy', ''],
    ['Paused', 'BlueGreenPause'],
  ] as const
  for (const [phase, message] of phases) {
    const rollout: Rollout = {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { ...common, name: 'cart', uid: 'cart' },
      spec: { replicas: 3, template },
      status: {
        ...{ observedGeneration: '2', currentPodHash: 'b', stableRS: 'b', phase, message },
        ...{ replicas: 4, updatedReplicas: 3 },
      },
    }
    const kept = cutOwner(rollout) as Rollout
    const keptSet = cutOwner(replicaSet) as ReplicaSet
    expect(kept.spec).toEqual({ replicas: 3 })
    expect(rolloutOf({ kind: 'ReplicaSet', object: keptSet, rollout: kept }, undefined)).toEqual(
      rolloutOf({ kind: 'ReplicaSet', object: replicaSet, rollout }, undefined),
    )
    for (const note of ['revision', 'desired-replicas'] as const)
      expect(noteOf(keptSet, note)).toBe(noteOf(replicaSet, note))
  }
})
