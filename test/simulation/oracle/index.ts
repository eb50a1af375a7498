/**
 * Judges a history by what was stored, one change at a time, and by what people wanted. It shares no rule with the code it
 * judges.
 *
 * @module
 */
import type { ApiServer, Change } from '../api-server.ts'
import type { Intent } from '../intent.ts'
import { checkInvariants } from './checks.ts'
import { createChronicle } from './chronicle.ts'
import { endInvariants, hasForgotten } from './end.ts'
import { gateInvariants } from './gates.ts'
import { ownershipInvariants } from './ownership.ts'
import { versionInvariants } from './versions.ts'

/** What has gone wrong, in sentences. */
export interface Oracle {
  /** Judges a change right after it was stored. */
  readonly judge: (change: Change) => void
  /** When nothing happens any more. */
  readonly judgeEnd: () => void
  /** Whether a pod was forgotten in the one way that is known. */
  readonly hasForgotten: () => boolean
  readonly complaints: readonly string[]
}

const invariants = [
  ...gateInvariants,
  ...checkInvariants,
  ...versionInvariants,
  ...ownershipInvariants,
]

/** Makes an oracle for one history. */
export const createOracle = (server: ApiServer, intent: Intent): Oracle => {
  const complaints: string[] = []
  const facts = { server, intent, chronicle: createChronicle(server, intent) }
  const judges = invariants.map(({ says, judge }) => ({ says, judge: judge(facts) }))
  return {
    complaints,
    hasForgotten: () => hasForgotten(facts),
    judge: (change) => {
      facts.chronicle.note(change)
      for (const { says, judge } of judges) {
        const problem = judge(change)
        if (problem !== undefined) complaints.push(`${says}: ${problem}`)
      }
    },
    judgeEnd: () => {
      for (const { says, judge } of endInvariants) {
        complaints.push(...judge(facts).map((problem) => `${says}: ${problem}`))
      }
    },
  }
}
