import { expect, test } from '@jest/globals'
import type { Awaited } from '../../../api/index.ts'
import {
  awaitedKeys,
  awaitingEvaluations,
  wantedAt,
  type AwaitingEvaluation,
} from '../../../metrics/keptn-metric/wanted.ts'
import { anEvaluation } from '../evaluation/objects.ts'
import { filledStore } from '../filled-store.ts'

const cpus = { name: 'cpus', namespace: 'shop' }

const awaiting = (name: string, awaits?: Awaited): AwaitingEvaluation => {
  const evaluation = anEvaluation(
    {},
    {
      retryCount: 1,
      evaluationStatus: {},
      overallStatus: 'Progressing',
      ...(awaits === undefined ? {} : { awaits }),
    },
  )
  const metadata = { ...evaluation.metadata, name, uid: name }
  return awaitingEvaluations.project({ ...evaluation, metadata })
}

test('of an evaluation nothing is kept but what it awaits', () => {
  const awaits = { since: '2026-01-01T00:00:00.250Z', metrics: [cpus] }
  const kept = awaiting('a', awaits)
  expect(kept).not.toHaveProperty('spec')
  expect(kept.status).toEqual({ awaits })
  expect(awaitedKeys(kept)).toEqual(['shop/cpus'])
  expect(awaiting('b')).not.toHaveProperty('status')
  expect(awaitedKeys(awaiting('b'))).toEqual([])
})

test('a metric is wanted since the last evaluation that awaits it', () => {
  const evaluations = filledStore(
    [
      awaiting('a', { since: '2026-01-01T00:00:00.250Z', metrics: [cpus] }),
      awaiting('b', { since: '2026-01-01T00:00:07Z', metrics: [cpus, { ...cpus, name: 'other' }] }),
      awaiting('c', { since: 'soon', metrics: [cpus] }),
      awaiting('d'),
    ],
    awaitingEvaluations.indexes,
  )
  expect(wantedAt(evaluations, 'shop/cpus')).toEqual(new Date('2026-01-01T00:00:07Z'))
  expect(wantedAt(evaluations, 'bank/cpus')).toBeUndefined()
})
