import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { pino } from 'pino'
import { announceTo, tellAgain, type Listener } from '../../../controller/listeners.ts'
import type { Transition } from '../../../kube/decision.ts'

const log = pino({ level: 'silent' })

const transitions = (count: number): readonly Transition[] =>
  Array.from({ length: count }, (_, index) => ({
    id: String(index),
    subject: { apiVersion: 'v1', kind: 'Pod', name: 'cart', uid: 'uid-cart' },
    reason: 'Held',
    severity: 'Normal',
    message: '',
    at: new Date(0),
  }))

const listener = (knowsRepeats = true) => {
  const heard: string[] = []
  const one: Listener = {
    hear: (told) => {
      heard.push(...told.map(({ id }) => id))
    },
    knowsRepeats,
  }
  return { ...one, heard }
}

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

test('one that throws keeps nobody else from hearing', () => {
  const broken: Listener = {
    hear: () => {
      throw new Error('broken')
    },
    knowsRepeats: true,
  }
  const other = listener()
  announceTo([broken, other], log)(transitions(1))
  expect(other.heard).toEqual(['0'])
})

test('only who knows a repeat is told again, in order and a few at a time', () => {
  const events = listener()
  const counts = listener(false)
  const signal = new AbortController().signal
  tellAgain(transitions(50), { listeners: [events, counts], log, signal })
  expect(events.heard).toHaveLength(20)
  jest.advanceTimersByTime(5_000)
  expect(events.heard).toEqual(transitions(50).map(({ id }) => id))
  expect(counts.heard).toEqual([])
})

test('nothing is told again once the term has ended', () => {
  const events = listener()
  const term = new AbortController()
  tellAgain(transitions(50), { listeners: [events], log, signal: term.signal })
  term.abort()
  jest.advanceTimersByTime(5_000)
  expect(events.heard).toHaveLength(20)
  tellAgain(transitions(1), { listeners: [events], log, signal: term.signal })
  expect(events.heard).toHaveLength(20)
})
