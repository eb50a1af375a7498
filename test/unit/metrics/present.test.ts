import { expect, test } from '@jest/globals'
import type { KeptnMetric, StatusOf } from '../../../api/index.ts'
import { whyNotPresent } from '../../../metrics/present.ts'
import { aMetric } from '../evaluation/objects.ts'

const now = new Date('2026-01-01T00:02:00Z')
const good = { value: '4', lastUpdated: '2026-01-01T00:01:55Z' }
const ready = (observedGeneration: number) => ({
  type: 'Ready',
  status: 'True' as const,
  reason: 'Measured',
  message: 'It was measured',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  observedGeneration,
})

test.each<[string, StatusOf<KeptnMetric>, string | undefined]>([
  ['a value that was just measured counts', good, undefined],
  ['one of the spec of now counts', { ...good, conditions: [ready(7)] }, undefined],
  [
    'one of a former spec does not',
    { ...good, conditions: [ready(6)] },
    'its spec has changed since it was measured',
  ],
  [
    'one of the last two intervals and a minute counts',
    { ...good, lastUpdated: '2026-01-01T00:00:40Z' },
    undefined,
  ],
  [
    'an older one does not',
    { ...good, lastUpdated: '2026-01-01T00:00:39Z' },
    'its last value is of 2026-01-01T00:00:39Z, more than two intervals ago',
  ],
  [
    'one from a clock that is a little ahead counts',
    { ...good, lastUpdated: '2026-01-01T00:02:30Z' },
    undefined,
  ],
  [
    'one from the future does not',
    { ...good, lastUpdated: '2026-01-01T00:02:31Z' },
    'it says that it was measured at 2026-01-01T00:02:31Z, which is yet to come',
  ],
  ['one without an instant does not', { value: '4' }, 'it has not been asked for yet'],
  [
    'one with a strange instant does not',
    { ...good, lastUpdated: 'now' },
    'nothing says when it was measured',
  ],
  ['one from before a failure does not', { ...good, errMsg: 'no values' }, 'no values'],
])('%s', (_sentence, status, expected) => {
  const metric = aMetric(status)
  const seen = { ...metric, metadata: { ...metric.metadata, generation: 7 } }
  expect(whyNotPresent(seen, now)).toBe(expected)
})

test('an interval of zero is taken for ten seconds', () => {
  const metric = aMetric({ ...good, lastUpdated: '2026-01-01T00:00:45Z' })
  expect(
    whyNotPresent({ ...metric, spec: { ...metric.spec, fetchIntervalSeconds: 0 } }, now),
  ).toBeUndefined()
})
