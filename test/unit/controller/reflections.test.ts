import { expect, test } from '@jest/globals'
import type { StatefulSet } from '../../../api/kubernetes.ts'
import { cutOwner } from '../../../controller/reflections.ts'
import { rolloutOf } from '../../../lifecycle/checks/rollout.ts'

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
