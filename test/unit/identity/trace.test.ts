import { expect, test } from '@jest/globals'
import { readTraceparent, spanIdOf, traceIdOf, traceparentOf } from '../../../identity/trace.ts'

// The example of https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
const example = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  isSampled: true,
}

test('a traceparent is read, and written as it was read', () => {
  expect(readTraceparent(example)).toEqual(span)
  expect(traceparentOf(span)).toBe(example)
  expect(readTraceparent(example.replace(/01$/, '00'))).toEqual({ ...span, isSampled: false })
})

test('a later version may say more, this one may not', () => {
  expect(readTraceparent(`${example.replace(/^00/, '01')}-more`)).toEqual(span)
  expect(readTraceparent(`${example}-more`)).toBeUndefined()
})

test.each([
  undefined,
  '',
  'x',
  '00-1-2-01',
  example.toUpperCase(),
  example.replace(/^00/, 'ff'),
  example.replace(span.traceId, '0'.repeat(32)),
  example.replace(span.spanId, '0'.repeat(16)),
  `${example}\n`,
  ` ${example}`,
])('%j is no traceparent', (text) => {
  expect(readTraceparent(text)).toBeUndefined()
})

test('the same thing has the same ids, another has others', () => {
  expect(traceIdOf('a')).toBe(traceIdOf('a'))
  expect(traceIdOf('a')).toMatch(/^[0-9a-f]{32}$/)
  expect(spanIdOf('a', 1, 'AppDeploy')).toMatch(/^[0-9a-f]{16}$/)
  const ids = [
    spanIdOf('a', 1, 'AppDeploy'),
    spanIdOf('b', 1, 'AppDeploy'),
    spanIdOf('a', 2, 'AppDeploy'),
    spanIdOf('a', 1, 'AppPreDeployTasks'),
  ]
  expect(new Set(ids).size).toBe(ids.length)
})
