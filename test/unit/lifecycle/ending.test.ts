import { expect, test } from '@jest/globals'
import { conditionTypes } from '../../../api/index.ts'
import { abandonmentOf } from '../../../lifecycle/checks/ending.ts'
import { nameOfChild } from '../../../lifecycle/children.ts'
import { appPhases } from '../../../lifecycle/phases.ts'
import { appVersion, evaluation, task } from './objects.ts'

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
