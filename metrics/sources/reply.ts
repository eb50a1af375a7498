/**
 * What all sources do with a reply before they know what is in it.
 *
 * @module
 */
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Reply } from '../fetch.ts'
import { ProviderError } from '../source.ts'

/** Whether a status says that the question was answered. */
export const isSuccess = (status: number): boolean => status >= 200 && status < 300

/** For a status that is not explained. */
export const refusedWith = (status: number): ProviderError =>
  new ProviderError(`The source answered with status ${status}`, { status })

/** For an explanation of the source, already cut to what may be repeated. */
export const refusedFor = (quoted: string, status: number): ProviderError =>
  new ProviderError(`The source refused the query: ${quoted}`, { status })

/** For JSON of another shape than the API of the source has. */
export const unlike = (api: string, status: number): ProviderError =>
  new ProviderError(`The source answered with JSON that is not of the ${api}`, {
    status,
    isUnreadable: true,
  })

/** Names are what takes longest to parse: as many of their own as a megabyte has room for take a tenth of a second. */
const mostNames = 40_000

/** Whether a text has more names than is read. One that is within a string counts as well: it would be a strange one. */
const hasTooManyNames = (text: string): boolean => {
  let count = 0
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) {
    count += 1
    if (count > mostNames) return true
  }
  return false
}

/** The JSON in a reply. Throws a `ProviderError` for anything else, and for more than anybody needs. */
export const jsonOf = ({ body, status }: Reply): unknown => {
  if (hasTooManyNames(body)) {
    throw new ProviderError(`The reply holds more than ${mostNames} fields: ask for less`)
  }
  try {
    return JSON.parse(body)
  } catch (cause) {
    // The parser's message quotes the body, so it goes no further than the cause.
    throw new ProviderError('The source answered with something that is not JSON', {
      status,
      isUnreadable: true,
      cause,
    })
  }
}

/** The JSON in a reply that explains a failure; `undefined` if it is none. */
export const explanationOf = ({ body }: Reply): unknown => {
  if (hasTooManyNames(body)) return undefined
  try {
    return JSON.parse(body)
  } catch {
    // A proxy's page: the status alone tells.
    return undefined
  }
}

/**
 * Tells whether JSON has the shape that a source's API gives it. Compiled, at its first use: a reply of a megabyte is looked
 * through in milliseconds, where the schema itself takes a second, in which nothing else happens.
 */
export const shape = <S extends TSchema>(schema: S): ((json: unknown) => json is Static<S>) => {
  let compiled: { readonly Check: (json: unknown) => boolean } | undefined
  return (json): json is Static<S> => {
    compiled ??= Compile(schema)
    return compiled.Check(json)
  }
}
