import { expect, test } from '@jest/globals'
import { nextVersion } from '../../../demo/example.ts'

test.each([
  ['1.0.2', '1.0.3'],
  ['1.0.9', '1.0.10'],
  ['v7', 'v8'],
  ['1.0.2-rc.1', '1.0.2-rc.2'],
  ['2026a', '2027a'],
])('after version %s comes %s', (version, next) => {
  expect(nextVersion(version)).toBe(next)
})
