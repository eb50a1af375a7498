/**
 * The shape of what must hold.
 *
 * @module
 */
import type { ApiServer, Change, Stored } from '../api-server.ts'
import type { Intent } from '../intent.ts'
import type { Chronicle } from './chronicle.ts'

/** What there is to judge by. */
export interface Facts {
  readonly server: ApiServer
  readonly intent: Intent
  readonly chronicle: Chronicle
}

/** Something that holds after every stored change. Each judge is made once a history, and may remember. */
export interface Invariant {
  /** What holds, as a sentence. */
  readonly says: string
  /** Answers what breaks it; `undefined`: nothing. */
  readonly judge: (facts: Facts) => (change: Change) => string | undefined
}

/** Something that holds once nothing happens any more. */
export interface EndInvariant {
  readonly says: string
  /** Names each object that breaks it. */
  readonly judge: (facts: Facts) => readonly string[]
}

/** How an object is named to people. */
export const named = ({ kind, metadata }: Stored): string => `${kind} "${metadata.name}"`
