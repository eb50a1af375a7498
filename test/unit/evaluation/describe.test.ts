import { expect, test } from '@jest/globals'
import type { ObjectiveStatus } from '../../../api/index.ts'
import type { Status } from '../../../lifecycle/evaluation/seen.ts'
import { describeEvaluation } from '../../../lifecycle/evaluation/index.ts'
import { anEvaluation } from './objects.ts'

const objective = (over: Partial<ObjectiveStatus>): ObjectiveStatus => ({
  name: 'available-cpus',
  namespace: 'shop',
  target: '>4',
  status: 'Failed',
  message: 'why',
  ...over,
})
const status = (over: Partial<Status>): Status => ({
  retryCount: 10,
  evaluationStatus: {},
  overallStatus: 'Failed',
  ...over,
})

test.each<[string, Status | undefined]>([
  [
    'available-cpus is 3, wanted > 4 (attempt 10 of 10)',
    status({ objectives: [objective({ value: '3' })] }),
  ],
  [
    'available-cpus is 3, wanted > 4; errors is 7, wanted <= 1 (attempt 2 of 10)',
    status({
      retryCount: 2,
      overallStatus: 'Progressing',
      objectives: [
        objective({ value: '3' }),
        objective({ name: 'latency', value: '1', status: 'Succeeded' }),
        objective({ name: 'errors', target: '<=1', value: '7' }),
      ],
    }),
  ],
  [
    'shop/cpus is 3, wanted > 4, measured 7 s ago; bank/cpus is 5, wanted 1..2, measured 0 s ago (attempt 10 of 10)',
    status({
      objectives: [
        objective({ name: 'cpus', value: '3', ageSeconds: 7 }),
        objective({ name: 'cpus', namespace: 'bank', value: '5', target: '1..2', ageSeconds: 0 }),
      ],
    }),
  ],
  [
    'available-cpus has no value that counts, wanted > 4: why (attempt 10 of 10)',
    status({ objectives: [objective({})] }),
  ],
  ['why (attempt 10 of 10)', status({ objectives: [objective({ target: 'about 4' })] })],
  [
    'available-cpus is 5, wanted > 4 (attempt 1 of 10)',
    status({
      retryCount: 1,
      overallStatus: 'Succeeded',
      objectives: [objective({ value: '5', status: 'Succeeded' })],
    }),
  ],
  [
    "cpus: value '3' did not meet objective '>4' (attempt 10 of 10)",
    status({
      evaluationStatus: {
        cpus: { value: '3', status: 'Failed', message: "value '3' did not meet objective '>4'" },
      },
    }),
  ],
  ['not evaluated yet', undefined],
  [
    'Create it',
    status({
      retryCount: 0,
      overallStatus: 'Pending',
      conditions: [
        {
          type: 'Stalled',
          status: 'True',
          reason: 'DefinitionNotFound',
          message: 'Create it',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    }),
  ],
])('%s', (text, given) => {
  expect(describeEvaluation(anEvaluation({ retries: 10 }, given))).toBe(text)
})

test('of many objectives the first are told, and how many more there are', () => {
  const names = Array.from({ length: 300 }, (_, at) => `metric-${at}`)
  const objectives = names.map((name) => objective({ name, value: '3' }))
  const told = describeEvaluation({
    ...anEvaluation({ retries: 10 }),
    status: status({ objectives }),
  })
  expect(told).toMatch(/^metric-0 is 3.*; metric-19 is 3, wanted > 4; and 280 more \(attempt 10 of/)
})
