import { describe, expect, test } from '@jest/globals'
import { readAdmission, readHolding, requireGates } from '../../../webhook/holding.ts'
import { ask, patched, podOf, reviewOf, webhook } from './reviews.ts'

describe('how pods are held', () => {
  test.each([
    [undefined, 'gate'],
    ['', 'gate'],
    ['gate', 'gate'],
    ['permit', 'permit'],
  ])('HOLDING %j means %s', (text, holding) => {
    expect(readHolding(text === undefined ? {} : { HOLDING: text })).toBe(holding)
  })

  test.each([
    [undefined, 'webhook'],
    ['', 'webhook'],
    ['webhook', 'webhook'],
    ['policy', 'policy'],
  ])('ADMISSION %j means by the %s', (text, admission) => {
    expect(readAdmission(text === undefined ? {} : { ADMISSION: text })).toBe(admission)
  })

  test('ADMISSION is one of two words', () => {
    expect(() => readAdmission({ ADMISSION: 'auto' })).toThrow(
      'Cannot start: ADMISSION is "auto", and must be one of policy, webhook',
    )
  })

  test('HOLDING is one of two words', () => {
    expect(() => readHolding({ HOLDING: 'gates' })).toThrow(
      'Cannot start: HOLDING is "gates", and must be one of gate, permit',
    )
  })

  test.each([
    ['gate', 1, 26, true],
    ['gate', 1, 27, false],
    ['gate', 1, 36, false],
    ['permit', 1, 22, false],
    ['permit', 1, 36, false],
  ] as const)('by %s is refused on Kubernetes %i.%i: %s', (holding, major, minor, isRefused) => {
    const start = (): void => {
      requireGates(holding, { major, minor })
    }
    if (isRefused) expect(start).toThrow('Kubernetes 1.26 drops scheduling gates silently')
    else expect(start).not.toThrow()
  })
})

describe('a pod that its scheduler is to hold', () => {
  const app = () => webhook({}, { holding: 'permit' })

  test.each([[{}], [{ schedulerName: 'default-scheduler' }], [{ schedulerName: '' }]])(
    'with %j is given to the scheduler that asks, labelled, and gets no gate',
    async (spec) => {
      const pod = podOf({}, spec)
      const stored = patched(pod, await ask(app(), reviewOf(pod)))
      expect(stored.spec).toEqual({ ...podOf().spec, schedulerName: 'keptn-scheduler' })
      expect(stored.metadata).toMatchObject({
        labels: { app: 'web', 'keptn.sh/gated': 'true' },
        annotations: { 'keptn.sh/app': 'web' },
      })
      // The same answer twice is the same as once.
      expect(await ask(app(), reviewOf(stored))).toEqual({ uid: 'review-uid', allowed: true })
    },
  )

  test('is refused with a scheduler of its own, which would not ask', async () => {
    const pod = podOf({}, { schedulerName: 'volcano' })
    const response = await ask(app(), reviewOf(pod))
    expect(response.allowed).toBe(false)
    expect(response.status?.message).toContain('a pod of the scheduler "volcano" cannot be held')
  })

  test('keeps its scheduler where gates hold', async () => {
    const pod = podOf({}, { schedulerName: 'volcano' })
    const stored = patched(pod, await ask(webhook(), reviewOf(pod)))
    expect(stored.spec).toMatchObject({ schedulerName: 'volcano' })
  })

  test('is left alone once its revision is released, whatever scheduler it names', async () => {
    const cluster = { released: () => new Set(['rs-uid']) }
    const pod = podOf({}, { schedulerName: 'volcano' })
    const response = await ask(webhook(cluster, { holding: 'permit' }), reviewOf(pod))
    expect(response).toEqual({ uid: 'review-uid', allowed: true })
  })
})
