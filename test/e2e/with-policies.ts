/**
 * Tests of what admission policies alone do. On a cluster that has none they are left out, and their names say why.
 *
 * @module
 */
import { describe, test } from '@jest/globals'
import { hasPolicies } from './mode.ts'

const why = '(this API server has no admission policies)'

/** As `test`. */
export const testWithPolicies = (
  name: string,
  run: () => Promise<void>,
  timeoutMs: number,
): void => {
  if (hasPolicies) test(name, run, timeoutMs)
  else test.skip(`${name} ${why}`, run, timeoutMs)
}

/** As `test`, of what is to be done without: there for clusters alone that have no policies. */
export const testWithoutPolicies = (
  name: string,
  run: () => Promise<void>,
  timeoutMs: number,
): void => {
  if (!hasPolicies) test(name, run, timeoutMs)
}

/** As `describe`. */
export const describeWithPolicies = (name: string, define: () => void): void => {
  if (hasPolicies) describe(name, define)
  else describe.skip(`${name} ${why}`, define)
}
