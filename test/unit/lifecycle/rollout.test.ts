import { describe, expect, test } from '@jest/globals'
import type { DaemonSet, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import { rolloutOf, type Owner } from '../../../lifecycle/checks/rollout.ts'
import { metadata } from './objects.ts'

const replicaSet = (
  replicas: number | undefined,
  availableReplicas?: number,
  desired?: string,
): Owner => {
  const annotations =
    desired === undefined ? {} : { 'deployment.kubernetes.io/desired-replicas': desired }
  const object: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: metadata('cart', { annotations }),
    spec: replicas === undefined ? {} : { replicas },
    ...(availableReplicas === undefined ? {} : { status: { availableReplicas } }),
  }
  return { kind: 'ReplicaSet', object }
}

const statefulSet = (
  replicas: number,
  status: StatefulSet['status'],
  updateStrategy?: StatefulSet['spec']['updateStrategy'],
): Owner => ({
  kind: 'StatefulSet',
  object: {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata('db', { generation: 2 }),
    spec: {
      replicas,
      ...(updateStrategy === undefined ? {} : { updateStrategy }),
      template: { spec: { containers: [] } },
    },
    ...(status === undefined ? {} : { status }),
  },
})

const daemonSet = (
  status: DaemonSet['status'],
  updateStrategy?: DaemonSet['spec']['updateStrategy'],
): Owner => ({
  kind: 'DaemonSet',
  object: {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: metadata('log', { generation: 2 }),
    spec: {
      ...(updateStrategy === undefined ? {} : { updateStrategy }),
      template: { spec: { containers: [] } },
    },
    ...(status === undefined ? {} : { status }),
  },
})

const partition = (at: number) => ({ type: 'RollingUpdate', rollingUpdate: { partition: at } })
const onDelete = { type: 'OnDelete' }
const ofSet = (availableReplicas: number, updatedReplicas: number) => ({
  ...{ observedGeneration: 2, availableReplicas, updatedReplicas, updateRevision: 'db-2' },
})

const progressing = (message: string) => ({ kind: 'progressing', message })
const ready = { kind: 'ready' }
const seen = { observedGeneration: 2 }

const sentences: Readonly<Record<string, readonly [Owner, string | undefined, object]>> = {
  'a ReplicaSet is ready when all are available': [replicaSet(2, 2), undefined, ready],
  'a ReplicaSet without a status waits': [
    replicaSet(2),
    undefined,
    progressing('0 of 2 replicas are available'),
  ],
  'a ReplicaSet that does not say how many wants one': [replicaSet(undefined, 1), undefined, ready],
  'a ReplicaSet at the first step of a rollout waits for the last': [
    replicaSet(1, 1, '3'),
    undefined,
    progressing('1 of 3 replicas are available'),
  ],
  'a ReplicaSet that was scaled to nothing is ready': [replicaSet(0, 0, '3'), undefined, ready],
  'a ReplicaSet with a mark that is no number is ready by its own': [
    replicaSet(1, 1, 'many'),
    undefined,
    ready,
  ],
  'a StatefulSet is ready when all are available and of its revision': [
    statefulSet(3, { ...seen, availableReplicas: 3, updatedReplicas: 3, updateRevision: 'db-2' }),
    'db-2',
    ready,
  ],
  'a StatefulSet with pods of the old revision waits': [
    statefulSet(3, { ...seen, availableReplicas: 3, updatedReplicas: 1, updateRevision: 'db-2' }),
    'db-2',
    progressing('1 of 3 replicas are updated'),
  ],
  'a StatefulSet with a partition is ready when the pods above it are updated': [
    statefulSet(3, ofSet(3, 2), partition(1)),
    'db-2',
    ready,
  ],
  'a StatefulSet with a partition waits for the pods above it': [
    statefulSet(3, ofSet(3, 1), partition(1)),
    'db-2',
    progressing('1 of 2 replicas are updated'),
  ],
  'a StatefulSet with a partition waits until all are available': [
    statefulSet(3, ofSet(2, 2), partition(1)),
    'db-2',
    progressing('2 of 3 replicas are available'),
  ],
  'a StatefulSet with a partition above all pods updates none': [
    statefulSet(3, ofSet(3, 0), partition(5)),
    'db-2',
    ready,
  ],
  'a StatefulSet whose pods somebody has to delete is not waited for': [
    statefulSet(3, ofSet(3, 1), onDelete),
    'db-2',
    ready,
  ],
  'a DaemonSet whose pods somebody has to delete is not waited for': [
    daemonSet({ ...seen, desiredNumberScheduled: 2, numberReady: 2 }, onDelete),
    '5d8',
    ready,
  ],
  'a revision that the StatefulSet has left behind has nothing more to come': [
    statefulSet(3, { ...seen, availableReplicas: 3, updatedReplicas: 1, updateRevision: 'db-3' }),
    'db-2',
    ready,
  ],
  'a StatefulSet whose status is about an older spec waits': [
    statefulSet(1, { observedGeneration: 1, availableReplicas: 1 }),
    undefined,
    progressing('the change has not been taken up yet'),
  ],
  'a DaemonSet is ready when all nodes have the new pod': [
    daemonSet({ ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 2 }),
    '5d8',
    ready,
  ],
  'a DaemonSet with old pods waits, ready as they are': [
    daemonSet({ ...seen, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberReady: 2 }),
    '5d8',
    progressing('1 of 2 pods are updated'),
  ],
  'a DaemonSet without a node to run on is ready': [
    daemonSet({ ...seen, desiredNumberScheduled: 0 }),
    '5d8',
    ready,
  ],
  'a DaemonSet that nobody has looked at waits': [
    daemonSet(undefined),
    '5d8',
    progressing('the change has not been taken up yet'),
  ],
  'an owner that is gone is missing': [
    { kind: 'ReplicaSet', object: undefined },
    undefined,
    { kind: 'missing', message: 'the ReplicaSet of this version does not exist any more' },
  ],
  'another kind of owner is missing, and the message says what there is': [
    { kind: 'other', name: 'CloneSet' },
    undefined,
    {
      kind: 'missing',
      message: 'pods of a CloneSet are not supported; use a ReplicaSet, StatefulSet or DaemonSet',
    },
  ],
}

describe('rolloutOf', () => {
  test.each(Object.entries(sentences))('%s', (_, [owner, hash, rollout]) => {
    expect(rolloutOf(owner, hash)).toEqual(rollout)
  })
})
