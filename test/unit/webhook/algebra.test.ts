import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { expectRules, expectSense, startAsking, type Asking } from './algebra.ts'
import { bentQuestions, expectedFor, namespaceQuestions, podQuestions } from './questions.ts'

let asking: Asking
beforeAll(async () => {
  asking = await startAsking()
})
afterAll(() => asking.close())

describe('whatever is asked', () => {
  test.each([
    ['about pods', podQuestions, 1_500],
    ['about namespaces', namespaceQuestions, 500],
  ])('%s, the answer keeps to the rules', async (_, questions, numRuns) => {
    await fc.assert(
      fc.asyncProperty(questions, (asked) => expectRules(asking, asked)),
      { numRuns },
    )
  })

  test.each([
    ['pods', podQuestions],
    ['namespaces', namespaceQuestions],
  ])('about %s, and however bent, the answer makes sense', async (_, questions) => {
    await fc.assert(
      fc.asyncProperty(bentQuestions(questions), (asked) => expectSense(asking, asked)),
      { numRuns: 1_000 },
    )
  })

  test('pods of every fate are among the questions', () => {
    const fates = fc.sample(podQuestions, 5_000).map(expectedFor)
    for (const fate of ['held', 'refused', 'untouched'] as const) {
      expect(fates.filter((each) => each === fate).length).toBeGreaterThan(10)
    }
  })
})
