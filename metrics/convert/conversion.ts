/**
 * What both converters share: what they refuse, how they name objects, and how they read and write YAML. Pure.
 *
 * @module
 */
import { parse, stringify } from 'yaml'

/** What was given can't be converted; the message says what to change. */
export class ConversionError extends Error {
  override readonly name = 'ConversionError'
}

/** Objects for Kubernetes, and what a person should know about them. */
export interface Converted {
  readonly yaml: string
  /** A sentence each. The objects can be used all the same. */
  readonly notes: readonly string[]
}

const longestName = 253

/** The name that an object for an SLI has: `Response_Time` becomes `response-time`. */
export const objectName = (sli: string): string => {
  const name = sli
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, longestName)
    .replace(/-$/, '')
  if (name !== '') return name
  throw new ConversionError(`Rename the SLI "${sli}": a name needs a letter from a to z or a digit`)
}

/** Returns the name of an object or a namespace; throws if it can't be one. `of`: where it was said. */
export const checkedName = (of: string, name: string): string => {
  if (name.length <= longestName && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return name
  throw new ConversionError(
    `Set ${of} to a name of small letters, digits, "-" and ".", ${longestName} at most, with a letter or digit at both ends: it is "${name}"`,
  )
}

/** A map as it was written. Its members may be anything. */
export type Fields = Readonly<Record<string, unknown>>

/** Reads a file that holds one map. */
export const readFields = (text: string): Fields => {
  let value: unknown
  try {
    // As Kubernetes' own tools do it, `<<` takes in another map.
    value = parse(text, { merge: true, logLevel: 'error' })
  } catch (error) {
    throw new ConversionError(`It is not YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  return fieldsOf('It', value)
}

/** Takes a value for a map, or says that it is none. */
export const fieldsOf = (place: string, value: unknown): Fields => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new ConversionError(`${place} is not a map`)
}

/** Takes a value for a list, or says that it is none. What is missing is empty. */
export const listOf = (place: string, value: unknown): readonly unknown[] => {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw new ConversionError(`${place} is not a list`)
}

/** Takes a value for a text, or says that it is none. */
export const textOf = (place: string, value: unknown): string => {
  if (typeof value === 'string') return value
  throw new ConversionError(`${place} is not a text: put it in quotes`)
}

/** Writes an object so that every reader of YAML, old or new, finds the same in it. Keys are in order. */
export const writeObject = (object: object): string =>
  stringify(object, {
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    compat: 'yaml-1.1',
  })

/** What Keptn's converter says of every object that it makes. */
export const metadataOf = (name: string): object => ({ creationTimestamp: null, name })
