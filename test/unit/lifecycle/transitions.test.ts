import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import {
  completedTransition,
  cutMessage,
  factTransition,
  phaseTransition,
  type Telling,
} from '../../../lifecycle/transitions.ts'
import { workloadVersion } from './objects.ts'

const telling = (more: Partial<Telling> = {}): Telling => ({
  subject: workloadVersion(),
  version: '2',
  eventNames: 'seeds',
  now: new Date('2026-03-01T12:00:00Z'),
  ...more,
})
const phase = { name: 'WorkloadDeploy', longName: 'Workload Deployment' }

test.each([
  ['seeds', 'Started', 'WorkloadDeployStarted', 'Normal'],
  ['seeds', 'Succeeded', 'WorkloadDeploySucceeded', 'Normal'],
  ['seeds', 'Errored', 'WorkloadDeployErrored', 'Warning'],
  ['keptn', 'Started', 'WorkloadDeployStarted', 'Normal'],
  ['keptn', 'Succeeded', 'WorkloadDeployFinished', 'Normal'],
  ['keptn', 'Errored', 'WorkloadDeployFailed', 'Warning'],
] as const)('in the words of %s, %s is %s (%s)', (eventNames, fact, reason, severity) => {
  const told = phaseTransition(telling({ eventNames }), phase, fact)
  expect(told).toMatchObject({ reason, severity, id: `uid-shop-cart-2/WorkloadDeploy/${fact}` })
})

test('the end is Completed, in the words of Keptn its own', () => {
  expect(completedTransition(telling(), 'Workload').reason).toBe('Completed')
  const keptn = telling({ eventNames: 'keptn' })
  expect(completedTransition(keptn, 'App').reason).toBe('AppCompletedFinished')
})

test('a message says what happened and where, without a version where there is none', () => {
  const { message } = phaseTransition(telling(), phase, 'Errored', 'has reached timeout')
  expect(message).toBe(
    'Workload Deployment: has failed: has reached timeout / Namespace: shop, Name: shop-cart-2, Version: 2',
  )
  const fact = { reason: 'X', what: 'y', message: 'made' }
  expect(factTransition(telling({ version: '' }), fact).message).toBe(
    'made / Namespace: shop, Name: shop-cart-2',
  )
})

describe('messages', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 2_000 }),
    fc.string({ unit: 'binary', maxLength: 2_000 }),
    fc.constantFrom('x', 'é', '漢', '😀', '\uD800').map((unit) => unit.repeat(1_500)),
  )

  test('have at most 1,024 bytes and keep where it happened, whatever texts come in', () => {
    fc.assert(
      fc.property(texts, texts, texts, (detail, version, what) => {
        const told = [
          phaseTransition(telling({ version }), phase, 'Errored', detail),
          factTransition(telling({ version }), { reason: 'X', what, message: detail }),
          completedTransition(telling({ version }), 'App'),
        ]
        for (const { message } of told) {
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024)
          expect(message).toContain(' / Namespace: shop, Name: shop-cart-2')
        }
      }),
    )
  })

  test('are cut between characters, never longer than asked for, and left alone when short', () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 10, max: 500 }), (text, limit) => {
        const cut = cutMessage(text, limit)
        const isShort = Buffer.byteLength(text) <= limit
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(limit)
        expect(cut).toBe(isShort ? text : cut)
        if (!isShort) expect(cut.endsWith('…')).toBe(true)
      }),
    )
    expect(cutMessage('漢漢漢漢', 10)).toBe('漢漢…')
  })
})
