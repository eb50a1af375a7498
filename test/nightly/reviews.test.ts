/** A million questions to the webhook: what `test/unit/webhook/algebra.test.ts` asks a few thousand times. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from '../fast-check.ts'
import { expectRules, expectSense, startAsking, type Asking } from '../unit/webhook/algebra.ts'
import { bentQuestions, namespaceQuestions, podQuestions } from '../unit/webhook/questions.ts'

let asking: Asking
beforeAll(async () => {
  asking = await startAsking()
})
afterAll(() => asking.close())

test.each([
  ['about pods', podQuestions, expectRules, 550_000],
  ['about namespaces', namespaceQuestions, expectRules, 100_000],
  ['about pods, bent', bentQuestions(podQuestions), expectSense, 300_000],
  ['about namespaces, bent', bentQuestions(namespaceQuestions), expectSense, 50_000],
] as const)(
  '%s: each answer keeps to the rules, 99 of 100 take less than 5 ms',
  async (_, questions, expectations, numRuns) => {
    asking.took.length = 0
    await fc.assert(
      fc.asyncProperty(questions, (asked) => expectations(asking, asked)),
      { numRuns },
    )
    const sorted = Float64Array.from(asking.took).sort()
    const p99 = sorted[Math.floor(sorted.length * 0.99)]
    expect(p99).toBeLessThan(5)
  },
  7_200_000,
)
