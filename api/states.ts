/**
 * The words for how far something has come.
 *
 * @module
 */
import { Type } from 'typebox'
import { withDefault } from './schema.ts'

/**
 * `Pending`: not begun. `Progressing`: under way. `Succeeded`, `Failed`: ended. `Unknown`: nobody can tell.
 * `Deprecated`: will not happen any more. `Warning`: failed, and the settings say to go on nevertheless.
 */
export const states = [
  'Pending',
  'Progressing',
  'Succeeded',
  'Failed',
  'Unknown',
  'Deprecated',
  'Warning',
] as const
export type State = (typeof states)[number]

/** A state that has to be written. The CRD takes any string: old objects may hold words that are no longer used. */
export const state = (description: string) => Type.Unsafe<State>({ type: 'string', description })

/** A state that begins as `Pending`. */
export const stateFromPending = (description: string) => withDefault(state(description), 'Pending')
