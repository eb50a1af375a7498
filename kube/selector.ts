/**
 * Tells whether an object would be selected by the API server, so that the answer to a write can be judged before the watch
 * tells.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'

/** What a reflector asks for. */
export interface Selection {
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

type Test = (object: KubeObject) => boolean

/** Makes the test for a selection. Throws when a selector can't be read. */
export const selects = (selection: Selection): Test => {
  const { namespace } = selection
  const tests = [
    ...split(selection.labelSelector).map(labelTest),
    ...split(selection.fieldSelector).map(fieldTest),
    ...(namespace === undefined ? [] : [(o: KubeObject) => o.metadata.namespace === namespace]),
  ]
  return (object) => tests.every((test) => test(object))
}

/** The requirements of a selector: commas part them, except within parentheses. */
const split = (selector: string | undefined): readonly string[] =>
  (selector ?? '')
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '')

const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/
const equality = /^([^\s=!]+)\s*(==|=|!=)\s*(.*)$/
const existence = /^(!?)\s*([^\s=!(),]+)$/

const labelTest = (requirement: string): Test => {
  const inSet = set.exec(requirement)
  if (inSet) {
    const [, key = '', operator, list = ''] = inSet
    const values = list.split(',').map((value) => value.trim())
    return ({ metadata }) => {
      const value = metadata.labels?.[key]
      const isIn = value !== undefined && values.includes(value)
      return operator === 'in' ? isIn : !isIn
    }
  }
  const equal = equality.exec(requirement)
  if (equal) {
    const [, key = '', operator, value] = equal
    return ({ metadata }) => (metadata.labels?.[key] === value) === (operator !== '!=')
  }
  const exists = existence.exec(requirement)
  if (!exists) throw new Error(`Cannot read label selector "${requirement}"`)
  const [, not, key = ''] = exists
  return ({ metadata }) => (metadata.labels?.[key] === undefined) === (not === '!')
}

const fieldTest = (requirement: string): Test => {
  const equal = equality.exec(requirement)
  if (!equal) throw new Error(`Cannot read field selector "${requirement}"`)
  const [, path = '', operator, value] = equal
  return (object) => (fieldAt(object, path) === value) === (operator !== '!=')
}

/** A field that is missing counts as empty, as the API server has it. */
const fieldAt = (object: unknown, path: string): string => {
  let value = object
  for (const member of path.split('.')) {
    if (typeof value !== 'object' || value === null) return ''
    value = (value as Record<string, unknown>)[member]
  }
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    ? String(value)
    : ''
}
