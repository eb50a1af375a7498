import { describe, expect, test } from '@jest/globals'
import type { State } from '../../../api/index.ts'
import { isPassed, isTerminal, rollUp } from '../../../lifecycle/checks/roll-up.ts'

const sentences: Readonly<
  Record<string, readonly [readonly (State | undefined)[], number, State]>
> = {
  'nothing to do is a success': [[], 0, 'Succeeded'],
  'all parts that succeeded are a success': [['Succeeded', 'Succeeded'], 2, 'Succeeded'],
  'a warning does not stop a success': [['Succeeded', 'Warning'], 2, 'Succeeded'],
  'one failure fails at once': [['Progressing', 'Failed', 'Pending'], 3, 'Failed'],
  'one part that will not happen fails at once': [['Succeeded', 'Deprecated'], 2, 'Failed'],
  'a failure counts even when parts are missing': [['Failed'], 2, 'Failed'],
  'what is under way wins over what waits': [['Pending', 'Progressing'], 2, 'Progressing'],
  'what waits wins over what nobody knows': [['Unknown', 'Pending'], 2, 'Pending'],
  'what nobody knows is no success': [['Succeeded', 'Unknown'], 2, 'Unknown'],
  'what nobody knows counts even when parts are missing': [['Unknown'], 5, 'Unknown'],
  'a part without a state waits': [['Succeeded', undefined], 2, 'Pending'],
  'a part that is missing keeps the whole waiting': [['Succeeded'], 2, 'Pending'],
  'a word that is not ours is no success': [['Succeeded', 'Cancelled' as State], 2, 'Unknown'],
}

describe('rollUp', () => {
  test.each(Object.entries(sentences))('%s', (_, [states, expected, whole]) => {
    expect(rollUp(states, expected)).toBe(whole)
  })
})

test.each([
  ['Pending', false, false],
  ['Progressing', false, false],
  ['Unknown', false, false],
  ['Succeeded', true, true],
  ['Warning', true, true],
  ['Failed', false, true],
  ['Deprecated', false, true],
  [undefined, false, false],
] as const)('%s lets the next phase begin: %s; is never left again: %s', (state, passed, ended) => {
  expect(isPassed(state)).toBe(passed)
  expect(isTerminal(state)).toBe(ended)
})
