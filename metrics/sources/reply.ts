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

/** The JSON in a reply. Throws a `ProviderError` for anything else. */
export const jsonOf = ({ body, status }: Reply): unknown => {
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
