import { describe, expect, test } from '@jest/globals'
import { conditionTypes, type KeptnWorkloadVersion, type State } from '../../../api/index.ts'
import { abandonmentOf, isTriedAgainFor } from '../../../lifecycle/checks/ending.ts'
import { nameOfChild } from '../../../lifecycle/children.ts'
import { appPhases } from '../../../lifecycle/phases.ts'
import { appVersion, evaluation, task, workloadVersion } from './objects.ts'

const [preTasks, preEvaluations] = appPhases

/** An app version whose second attempt has ended before its time. */
const left = appVersion({
  status: 'Deprecated',
  attempt: 2,
  conditions: [
    {
      type: conditionTypes.ready,
      status: 'False',
      reason: 'OptedOut',
      message: 'Nobody waits',
      lastTransitionTime: '2026-03-01T12:00:20Z',
    },
  ],
})

const childrenOf = (attempt: number) => [
  task(nameOfChild({ object: left, attempt }, preTasks, 'smoke')),
  evaluation(nameOfChild({ object: left, attempt }, preEvaluations, 'slo')),
]

test('what a version has made is stopped when it ends before its time', () => {
  for (const child of [...childrenOf(1), ...childrenOf(2), task('by-hand')]) {
    expect(abandonmentOf(left, child)).toMatchObject({ reason: 'OptedOut' })
    expect(abandonmentOf(appVersion(), child)).toBeUndefined()
    expect(abandonmentOf(undefined, child)).toBeUndefined()
  }
})

test('what its next attempt has made is not, though the version does not say yet that it has begun anew', () => {
  for (const child of childrenOf(3)) expect(abandonmentOf(left, child)).toBeUndefined()
})

describe('a workload version that has failed', () => {
  const ended = (
    status: State,
    begunFor?: NonNullable<KeptnWorkloadVersion['status']>['begunFor'],
  ): KeptnWorkloadVersion =>
    workloadVersion(
      {},
      {
        preDeploymentStatus: 'Failed',
        deploymentStatus: 'Deprecated',
        preDeploymentEvaluationStatus: 'Deprecated',
        postDeploymentEvaluationStatus: 'Deprecated',
        postDeploymentStatus: 'Deprecated',
        status,
        ...(begunFor === undefined ? {} : { begunFor }),
      },
    )
  const at = (version: string, revision: number) => {
    const { spec, ...more } = appVersion()
    return { ...more, spec: { ...spec, version, revision } }
  }

  test('is tried again for a higher revision than the one that it began for', () => {
    const failed = ended('Failed', { version: '1', revision: 2 })
    expect(isTriedAgainFor(failed, at('1', 3))).toBe(true)
    expect(isTriedAgainFor(failed, at('1', 2))).toBe(false)
    expect(isTriedAgainFor(failed, at('1', 1))).toBe(false)
  })

  test('counts the revisions of another version of its app from the first one', () => {
    const failed = ended('Failed', { version: '1', revision: 3 })
    expect(isTriedAgainFor(failed, at('2', 1))).toBe(false)
    expect(isTriedAgainFor(failed, at('2', 2))).toBe(true)
  })

  test('is the only one that is tried again', () => {
    for (const state of ['Pending', 'Progressing', 'Succeeded', 'Deprecated'] as const) {
      expect(isTriedAgainFor(ended(state, { version: '1', revision: 1 }), at('1', 2))).toBe(false)
    }
  })
})
