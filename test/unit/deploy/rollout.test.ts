import { describe, expect, test } from '@jest/globals'
import { isRolledOut, trouble } from '../../../deploy/rollout.ts'

const done = { observedGeneration: 2, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }
const deployment = (status: object) => ({
  metadata: { generation: 2 },
  spec: { replicas: 2, selector: {} },
  status,
})

describe('a Deployment', () => {
  test('is rolled out when all its pods are new and available', () => {
    expect(isRolledOut(deployment(done))).toBe(true)
  })

  test.each([
    ['its controller has not seen the newest template', { ...done, observedGeneration: 1 }],
    ['an old pod is left', { ...done, replicas: 3 }],
    ['a pod is of the old template', { ...done, updatedReplicas: 1 }],
    ['a pod is not available', { ...done, availableReplicas: 1 }],
    ['nothing is known yet', {}],
  ])('is not rolled out while %s', (_, status) => {
    expect(isRolledOut(deployment(status))).toBe(false)
  })
})

describe('the trouble of a pod', () => {
  test('is why its containers wait, how they ended, and which conditions are unmet', () => {
    const pod = {
      metadata: { name: 'web-1' },
      status: {
        phase: 'Pending',
        conditions: [
          { type: 'Ready', status: 'False', message: 'containers with unready status: [web]' },
          { type: 'PodScheduled', status: 'True' },
        ],
        containerStatuses: [
          {
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
            lastState: { terminated: { exitCode: 1 } },
          },
        ],
      },
    }
    expect(trouble(pod)).toBe(
      'Pod "web-1" (Pending): CrashLoopBackOff back-off 10s; exited with 1; ' +
        'containers with unready status: [web]',
    )
  })

  test('is none while nothing is wrong', () => {
    expect(trouble({ metadata: { name: 'web-1' }, status: { phase: 'Running' } })).toBeUndefined()
  })
})
