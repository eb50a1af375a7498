import { expect, test } from '@jest/globals'
import { findCondition, withCondition } from '../../../kube/conditions.ts'

const noon = new Date('2026-01-01T12:00:00.123Z')
const later = new Date('2026-01-01T12:05:00.456Z')
const waiting = {
  type: 'Ready',
  status: 'Unknown',
  reason: 'Waiting',
  message: 'For a task',
} as const

test('a first condition holds since now, in whole seconds', () => {
  expect(withCondition(undefined, waiting, noon)).toEqual([
    { ...waiting, lastTransitionTime: '2026-01-01T12:00:00Z' },
  ])
})

test('another reason or message leaves the time as it was', () => {
  const list = withCondition(undefined, waiting, noon)
  const next = withCondition(list, { ...waiting, message: 'For two tasks' }, later)
  expect(findCondition(next, 'Ready')).toMatchObject({
    message: 'For two tasks',
    lastTransitionTime: '2026-01-01T12:00:00Z',
  })
})

test('another status holds since now', () => {
  const list = withCondition(undefined, waiting, noon)
  const next = withCondition(list, { ...waiting, status: 'True' }, later)
  expect(findCondition(next, 'Ready')?.lastTransitionTime).toBe('2026-01-01T12:05:00Z')
})

test('other conditions keep their places and are not touched', () => {
  const other = { ...waiting, type: 'Stalled' }
  const list = withCondition(withCondition(undefined, waiting, noon), other, noon)
  const next = withCondition(list, { ...waiting, status: 'False' }, later)
  expect(next.map(({ type }) => type)).toEqual(['Ready', 'Stalled'])
  expect(next[1]).toBe(list[1])
  expect(list[0]?.status).toBe('Unknown')
})

test('a message that the API server would refuse is cut', () => {
  const next = { type: 'Ready', status: 'True', reason: 'x', message: 'y'.repeat(40_000) } as const
  const [condition] = withCondition(undefined, next, new Date(0))
  expect(condition?.message).toBe(`${'y'.repeat(32_767)}…`)
})
