import { expect, test } from '@jest/globals'
import { grade, type Found } from '../../../../metrics/analysis/grade.ts'
import { rawOf } from '../../../../metrics/analysis/raw.ts'
import { aDefinition, anObjective } from './objects.ts'

const raw = (
  objectives: Parameters<typeof aDefinition>[0],
  found: readonly Found[],
  limits: readonly [number, number] = [90, 75],
): string => rawOf(grade(aDefinition(objectives, ...limits), found))

test('one objective that passes, as the specification has it', () => {
  const target = { failure: { greaterThan: { fixedValue: 10 } } }
  expect(raw([anObjective('demo', { target })], [{ query: 'up', value: '7' }])).toBe(
    '{"objectiveResults":[{"result":{"failResult":{"operator":{"greaterThan":{"fixedValue":"10"}},"fulfilled":false},"warnResult":{"operator":{},"fulfilled":false},"warning":false,"pass":true},"objective":{"analysisValueTemplateRef":{"name":"demo"},"target":{"failure":{"greaterThan":{"fixedValue":"10"}}},"weight":1},"value":7,"query":"up","score":1}],"totalScore":1,"maximumScore":1,"pass":true,"warning":false}',
  )
})

// Weights 2, 1, 1 and values 11, 20, 30: 11 is not below 5 nor below 4 (2), 20 is not above 20 but above 15 (half of 1), 30 is
// within 25 and 35 (1). 3.5 of 4 is 87.5 %, a pass from 75 %.
test('three providers, one warning', () => {
  const objectives = [
    anObjective('value-1', {
      target: {
        failure: { lessThan: { fixedValue: 5 } },
        warning: { lessThan: { fixedValue: 4 } },
      },
      weight: 2,
    }),
    anObjective('value-2', {
      target: {
        failure: { greaterThan: { fixedValue: 20 } },
        warning: { greaterThan: { fixedValue: 15 } },
      },
    }),
    anObjective('value-3', {
      target: { failure: { notInRange: { lowBound: 25, highBound: 35 } } },
    }),
  ]
  const found = ['11', '20', '30'].map((value, at) => ({ query: `query-${at + 1}`, value }))
  const text = raw(objectives, found, [75, 50])
  expect(text).toContain('"totalScore":3.5,"maximumScore":4,"pass":true,"warning":false}')
  expect(text).toContain(
    '{"result":{"failResult":{"operator":{"greaterThan":{"fixedValue":"20"}},"fulfilled":false},"warnResult":{"operator":{"greaterThan":{"fixedValue":"15"}},"fulfilled":true},"warning":true,"pass":false},"objective":{"analysisValueTemplateRef":{"name":"value-2"},"target":{"failure":{"greaterThan":{"fixedValue":"20"}},"warning":{"greaterThan":{"fixedValue":"15"}}},"weight":1},"value":20,"query":"query-2","score":0.5}',
  )
  expect(text).toContain('{"notInRange":{"lowBound":"25","highBound":"35"}}')
})

test('a met failure leaves no question of a warning', () => {
  const target = {
    failure: { lessThan: { fixedValue: '0.5' } },
    warning: { lessThan: { fixedValue: 1000 } },
  }
  expect(raw([anObjective('a', { target })], [{ query: 'q', value: '0.25' }])).toBe(
    '{"objectiveResults":[{"result":{"failResult":{"operator":{"lessThan":{"fixedValue":"500m"}},"fulfilled":true},"warnResult":{"operator":{},"fulfilled":false},"warning":false,"pass":false},"objective":{"analysisValueTemplateRef":{"name":"a"},"target":{"failure":{"lessThan":{"fixedValue":"500m"}},"warning":{"lessThan":{"fixedValue":"1k"}}},"weight":1},"value":0.25,"query":"q","score":0}],"totalScore":0,"maximumScore":1,"pass":false,"warning":false}',
  )
})

test('a namespace and a key are said where they are set, weight 0 is not', () => {
  const objective = anObjective('a', {
    analysisValueTemplateRef: { name: 'a', namespace: 'lib' },
    weight: 0,
    keyObjective: true,
  })
  expect(raw([objective], [{ query: 'q', value: '1' }])).toContain(
    '"objective":{"analysisValueTemplateRef":{"name":"a","namespace":"lib"},"target":{},"keyObjective":true},"value":1,"query":"q","score":0}],"totalScore":0,"maximumScore":0,"pass":false',
  )
})

test('what has no value says so, and does not pass', () => {
  const text = raw(
    [anObjective('a'), anObjective('b')],
    [{ query: 'q' }, { query: '', value: '1' }],
    [1, 0],
  )
  expect(text).toContain('"value":0,"query":"q","score":0,"error":{}}')
  expect(text).toContain('"totalScore":1,"maximumScore":2,"pass":false,"warning":false}')
})

test.each([
  ['a > 1 && b < 2', 'a \\u003e 1 \\u0026\\u0026 b \\u003c 2'],
  ['"\\', '\\"\\\\'],
  ['a\u2028b\u2029\n\t\u0001', 'a\\u2028b\\u2029\\n\\t\\u0001'],
  ['größe 🙂', 'größe 🙂'],
])('the query %j is written as Go would', (query, written) => {
  expect(raw([anObjective('a')], [{ query, value: '1' }])).toContain(`"query":"${written}"`)
})

test.each([
  ['1000000', '1000000'],
  ['123456789012345680000', '123456789012345680000'],
  ['1e+21', '1e+21'],
  ['0.000001', '0.000001'],
  ['0.0000001', '1e-7'],
  ['0.1', '0.1'],
  ['-2.50', '-2.5'],
])('the value %s is written as %s', (value, written) => {
  expect(raw([anObjective('a')], [{ query: 'q', value }])).toContain(`"value":${written},`)
})
