import { expect, test } from '@jest/globals'
import { createMemory } from '../../../../gate/permit/memory.ts'

const pod = { key: 'shop/web-1', uid: 'first' }
const namesake = { ...pod, uid: 'second' }
const at = (second: number): Date => new Date(Date.UTC(2026, 2, 1, 12, 0, second))

test('what is known of a pod is not known of a namesake', () => {
  const memory = createMemory()
  memory.settle(pod)
  memory.leave(pod)
  expect([memory.isSettled(pod), memory.hasLeft(pod)]).toEqual([true, true])
  expect([memory.isSettled(namesake), memory.hasLeft(namesake)]).toEqual([false, false])
  expect(memory.announcedAt(pod, true, at(1))).toEqual(at(1))
  expect(memory.announcedAt(namesake, true, at(2))).toEqual(at(2))
})

test('a scheduler that was told to hold has to be told again', () => {
  const memory = createMemory()
  memory.settle(pod)
  memory.unsettle(pod)
  expect(memory.isSettled(pod)).toBe(false)
})

test('what is announced counts from the first time, until it is not so any more', () => {
  const memory = createMemory()
  expect(memory.announcedAt(pod, true, at(1))).toEqual(at(1))
  expect(memory.announcedAt(pod, true, at(2))).toEqual(at(1))
  expect(memory.announcedAt(pod, false, at(3))).toBeUndefined()
  expect(memory.announcedAt(pod, true, at(4))).toEqual(at(4))
})

test('a pod that does not wait any more is forgotten', () => {
  const memory = createMemory()
  memory.settle(pod)
  memory.forget(pod.key)
  expect(memory.isSettled(pod)).toBe(false)
})

test('those that may go and were not told so are counted', () => {
  const memory = createMemory()
  const other = { key: 'shop/web-2', uid: 'other' }
  for (const each of [pod, other]) memory.announcedAt(each, true, at(1))
  expect(memory.untold()).toBe(2)
  memory.settle(pod)
  expect(memory.untold()).toBe(1)
  memory.unsettle(pod)
  expect(memory.untold()).toBe(2)
  memory.announcedAt(pod, false, at(2))
  expect(memory.untold()).toBe(1)
  memory.forget(other.key)
  expect(memory.untold()).toBe(0)
})
