import { describe, expect, test } from '@jest/globals'
import { labelGated, lacksLabel, openGate } from '../../../gate/scheduling-gate.ts'
import { permitScheduler } from '../../../identity/keys.ts'
import { pod } from './objects.ts'

describe('the patch that opens the gate', () => {
  test('deletes our gate by name, for this very pod, and leaves the mark', () => {
    expect(openGate(pod())).toMatchObject({
      kind: 'patch',
      namespace: 'shop',
      name: 'web-1',
      patchType: 'strategic',
      patch: {
        metadata: {
          uid: 'web-1-uid',
          labels: { 'keptn.sh/gated': null },
          annotations: { 'keptn.sh/scheduling-gate-removed': 'true' },
        },
        spec: { schedulingGates: [{ $patch: 'delete', name: 'keptn-prechecks-gate' }] },
      },
    })
  })

  test('names no gate but ours, whatever gates the pod has', () => {
    const shared = pod({
      spec: {
        schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }, { name: 'keptn-prechecks-gate' }],
      },
    })
    expect(openGate(shared)).toEqual(openGate(pod()))
  })
})

describe('a pod that its scheduler holds', () => {
  const waiting = pod({ spec: { schedulerName: permitScheduler, schedulingGates: [] } })

  test('is let go without a word about gates, which its API server may not know', () => {
    expect(openGate(waiting).patch).toEqual({
      metadata: {
        uid: 'web-1-uid',
        labels: { 'keptn.sh/gated': null },
        annotations: { 'keptn.sh/scheduling-gate-removed': 'true' },
      },
    })
  })

  test('lacks the label as one with a gate does, until it has a node', () => {
    const { spec } = waiting
    expect(lacksLabel(pod({ metadata: { labels: {} }, spec }))).toBe(true)
    expect(lacksLabel(waiting)).toBe(false)
    const bound = { ...spec, nodeName: 'node-1' }
    expect(lacksLabel(pod({ metadata: { labels: {} }, spec: bound }))).toBe(false)
  })
})

describe('the label', () => {
  test.each([
    ['a gate without a label lacks it', pod({ metadata: { labels: {} } }), true],
    ['a gate with the label has it', pod(), false],
    [
      'another value of the label is not selected by it',
      pod({ metadata: { labels: { 'keptn.sh/gated': 'yes' } } }),
      true,
    ],
    [
      'a pod without our gate needs none',
      pod({ metadata: { labels: {} }, spec: { schedulingGates: [{ name: 'example.org/other' }] } }),
      false,
    ],
  ])('%s', (_, subject, expected) => {
    expect(lacksLabel(subject)).toBe(expected)
  })

  test('is put on by a patch that touches nothing else', () => {
    expect(labelGated(pod()).patch).toEqual({
      metadata: { uid: 'web-1-uid', labels: { 'keptn.sh/gated': 'true' } },
    })
  })
})
