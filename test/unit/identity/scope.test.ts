import { describe, expect, test } from '@jest/globals'
import type { OwnerReference } from '../../../api/object.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { revisionOf } from '../../../identity/revision.ts'
import {
  carriesGate,
  heldOwnerOf,
  isHeld,
  isManaged,
  isMirror,
  asIneligible,
  countsAsIneligible,
  isEligible,
  wantsManaging,
} from '../../../identity/scope.ts'

const owner = (kind: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'apps/v1',
  kind,
  name: 'web',
  uid: 'u-1',
  controller: true,
  ...more,
})
const pod = (ownerReferences?: OwnerReference[], labels?: Record<string, string>) => ({
  metadata: { ...(ownerReferences && { ownerReferences }), ...(labels && { labels }) },
})

describe('a namespace', () => {
  const optIn = 'keptn.sh/lifecycle-toolkit'
  test.each([
    ['annotation enabled', { annotations: { [optIn]: 'enabled' } }, true],
    ['label enabled', { labels: { [optIn]: 'enabled' } }, true],
    [
      'the annotation wins over the label',
      { annotations: { [optIn]: 'disabled' }, labels: { [optIn]: 'enabled' } },
      false,
    ],
    ['any other word is no', { annotations: { [optIn]: 'true' } }, false],
    ['case counts', { annotations: { [optIn]: 'Enabled' } }, false],
    ['nothing', {}, false],
  ])('wants to be managed: %s', (_, metadata, expected) => {
    expect(wantsManaging({ metadata })).toBe(expected)
  })

  test('is managed by its label alone', () => {
    expect(isManaged({ metadata: { labels: { [optIn]: 'enabled' } } })).toBe(true)
    expect(isManaged({ metadata: { annotations: { [optIn]: 'enabled' } } })).toBe(false)
    expect(isManaged({ metadata: { labels: { [optIn]: 'disabled' } } })).toBe(false)
  })
})

describe('whose pods are held', () => {
  test.each([
    ['ReplicaSet', owner('ReplicaSet'), true],
    ['StatefulSet', owner('StatefulSet'), true],
    ['DaemonSet', owner('DaemonSet'), true],
    ['another version of the group', owner('ReplicaSet', { apiVersion: 'apps/v1beta2' }), true],
    ['Deployment', owner('Deployment'), false],
    ['Job', owner('Job', { apiVersion: 'batch/v1' }), false],
    ['the same kind of another group', owner('StatefulSet', { apiVersion: 'kruise.io/v1' }), false],
    ['the core group', owner('ReplicaSet', { apiVersion: 'v1' }), false],
    ['an owner that is not the controller', owner('ReplicaSet', { controller: false }), false],
  ])('%s', (_, reference, held) => {
    expect(heldOwnerOf(pod([reference]))).toBe(held ? reference : undefined)
  })

  test('the controller counts, wherever it stands', () => {
    const controller = owner('DaemonSet', { uid: 'u-2' })
    const others = owner('ReplicaSet', { controller: false })
    expect(heldOwnerOf(pod([others, controller, others]))).toBe(controller)
  })

  test('nobody', () => {
    expect(heldOwnerOf(pod())).toBeUndefined()
    expect(heldOwnerOf(pod([]))).toBeUndefined()
  })
})

describe('the revision of a pod', () => {
  const hash = { 'controller-revision-hash': 'h1' }
  test.each([
    ['a ReplicaSet is one', pod([owner('ReplicaSet')], hash), 'u-1'],
    ['a StatefulSet has one per hash', pod([owner('StatefulSet')], hash), 'u-1/h1'],
    ['a DaemonSet has one per hash', pod([owner('DaemonSet')], hash), 'u-1/h1'],
    ['without a hash it is of none', pod([owner('StatefulSet')]), undefined],
    [
      'nor with an empty one',
      pod([owner('DaemonSet')], { 'controller-revision-hash': '' }),
      undefined,
    ],
    ['nor of a Job', pod([owner('Job', { apiVersion: 'batch/v1' })], hash), undefined],
  ])('%s', (_, of, expected) => {
    expect(revisionOf(of)?.key).toBe(expected)
  })
})

test('our gate is found among others', () => {
  const gates = (...names: string[]) => ({
    spec: { schedulingGates: names.map((name) => ({ name })) },
  })
  expect(carriesGate(gates('other/gate', 'keptn-prechecks-gate'))).toBe(true)
  expect(carriesGate(gates('other/gate'))).toBe(false)
  expect(carriesGate({ spec: {} })).toBe(false)
})

describe('a pod of the scheduler that asks us', () => {
  const labels = { 'keptn.sh/gated': 'true' }
  const spec = { schedulerName: 'keptn-scheduler' }
  const held = { metadata: { labels }, spec }

  test.each([
    ['is held while it has our label and no node', held, true],
    ['is not once it has a node', { ...held, spec: { ...spec, nodeName: 'node-1' } }, false],
    ['is not once the label is gone', { ...held, metadata: {} }, false],
    [
      'is of that scheduler alone',
      { ...held, spec: { schedulerName: 'default-scheduler' } },
      false,
    ],
  ])('%s', (_, pod, expected) => {
    expect(isHeld(pod)).toBe(expected)
  })

  test('is held by our gate as any other', () => {
    expect(isHeld({ metadata: {}, spec: { schedulingGates: [{ name: gateName }] } })).toBe(true)
  })
})

test("a mirror pod is known by the kubelet's annotation", () => {
  expect(isMirror({ metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } })).toBe(true)
  expect(isMirror({ metadata: {} })).toBe(false)
})

describe('a namespace may opt in', () => {
  test.each([
    ['that nobody denies', { allowed: [], denied: ['monitoring'] }, true],
    ['but for those that are denied', { allowed: [], denied: ['shop'] }, false],
    ['that is among the allowed, denied or not', { allowed: ['shop'], denied: ['shop'] }, true],
    ['but for those that are not among the allowed', { allowed: ['other'], denied: [] }, false],
  ])('%s', (_which, eligibility, expected) => {
    expect(isEligible(eligibility, 'shop')).toBe(expected)
  })

  test('and counts as one that did not, where it may not, whatever it says', () => {
    const namespace = {
      metadata: {
        name: 'shop',
        labels: { [keys.optIn]: 'enabled', team: 'shop' },
        annotations: { [keys.optIn]: 'enabled', [keys.released]: 'v1' },
      },
    }
    const counted = asIneligible(namespace)
    expect(wantsManaging(counted)).toBe(false)
    expect(isManaged(counted)).toBe(false)
    expect(counted.metadata.labels).toEqual({ team: 'shop' })
    expect(counted.metadata.annotations[keys.released]).toBe('v1')
    expect([namespace, counted].map(countsAsIneligible)).toEqual([false, true])
  })
})
