/**
 * What must hold of versions, and of what has ended.
 *
 * @module
 */
import { isDeepStrictEqual } from 'node:util'
import {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import type { Stored } from '../api-server.ts'
import { named, type Facts, type Invariant } from './invariant.ts'
import {
  attemptOf,
  doneFor,
  hasEnded,
  idsAsked,
  isAborted,
  recordsOf,
  stateOf,
  verdictOf,
} from './reading.ts'

const endingKinds: ReadonlySet<string> = new Set([
  KeptnTask.kind,
  KeptnEvaluation.kind,
  KeptnAppVersion.kind,
  KeptnWorkloadVersion.kind,
])

/** Whether people have just let it go on from where it had failed. */
const isReopened = (before: Stored, after: Stored): boolean => {
  const done = (version: Stored): number =>
    doneFor(version, 'skip').length + doneFor(version, 'release').length
  return stateOf(before) === 'Failed' && done(after) === done(before) + 1
}

const isTriedAgain = (before: Stored, after: Stored): boolean =>
  attemptOf(after) === attemptOf(before) + 1 && hasEnded(before)

/** An app version that was made again ends once more: nothing of it counts from then on. */
const isReplaced = (after: Stored): boolean =>
  after.kind === KeptnAppVersion.kind && stateOf(after) === 'Deprecated'

const staysEnded: Invariant = {
  says: 'What has ended stays as it has ended, except in a new attempt, or where people let it go on',
  judge:
    () =>
    ({ type, before, after }) => {
      if (!endingKinds.has(type.kind) || before === undefined || after === undefined)
        return undefined
      const isSame = !hasEnded(before) || stateOf(before) === stateOf(after)
      return isSame || isReplaced(after) || isTriedAgain(before, after) || isReopened(before, after)
        ? undefined
        : `${named(after)} ended ${String(stateOf(before))}, became ${String(stateOf(after))}`
    },
}

const keepsVerdicts: Invariant = {
  says: 'A verdict that let pods go is never taken back',
  judge:
    () =>
    ({ type, before, after }) => {
      if (type.kind !== KeptnWorkloadVersion.kind || after === undefined) return undefined
      const isTakenBack =
        before !== undefined && verdictOf(before) === 'True' && verdictOf(after) !== 'True'
      return isTakenBack ? named(after) : undefined
    },
}

/** Whether some version of its app that lists it has passed its own checks. */
const hasAppPassed = ({ chronicle }: Facts, { spec }: Stored): boolean => {
  const name = String(spec?.['workloadName'])
  const app = String(spec?.['app'])
  const of = { workload: name.slice(app.length + 1), version: String(spec?.['version']) }
  return chronicle.appVersionsOf(of).some(chronicle.hasPassedOwn)
}

const earnsVerdicts: Invariant = {
  says: 'A version passes only when its own checks and those of its app have succeeded, or people have let it go',
  judge:
    (facts) =>
    ({ type, before, after }) => {
      if (type.kind !== KeptnWorkloadVersion.kind || after === undefined) return undefined
      const wasPassed = before !== undefined && verdictOf(before) === 'True'
      if (!facts.intent.blocking || wasPassed || verdictOf(after) !== 'True') return undefined
      // What was listed when it passed: a check that is added in the same moment comes too late.
      const { chronicle } = facts
      const isEarned =
        chronicle.isReleased(after) || (chronicle.hasPassedOwn(after) && hasAppPassed(facts, after))
      return isEarned ? undefined : named(after)
    },
}

const phases = [
  'PreDeployTasks',
  'PreDeployEvaluations',
  'Deploy',
  'PostDeployTasks',
  'PostDeployEvaluations',
  'Completed',
]

const placeOf = ({ status }: Stored): number =>
  phases.indexOf(String(status?.['currentPhase']).replace(/^(App|Workload)/, ''))

const goesForward: Invariant = {
  says: 'A version never goes back to an earlier phase, except in a new attempt',
  judge:
    () =>
    ({ before, after }) => {
      if (before === undefined || after === undefined) return undefined
      const isBack = placeOf(after) < placeOf(before)
      return isBack && !isTriedAgain(before, after) ? named(after) : undefined
    },
}

const keepsRecords: Invariant = {
  says: 'What is recorded of what people asked is never changed or taken away, and grows by entries that they wrote',
  judge:
    () =>
    ({ type, before, after }) => {
      const isVersion =
        type.kind === KeptnAppVersion.kind || type.kind === KeptnWorkloadVersion.kind
      if (!isVersion || before === undefined || after === undefined) return undefined
      const [earlier, later] = [recordsOf(before), recordsOf(after)]
      const isKept = isDeepStrictEqual(later.slice(0, earlier.length), earlier)
      const isAsked = later.every(({ id }) => idsAsked(after).includes(id))
      return isKept && isAsked ? undefined : named(after)
    },
}

const abortsAtOnce: Invariant = {
  says: 'A version ends as failed in the write that records its abort',
  judge:
    () =>
    ({ before, after }) => {
      if (before === undefined || after === undefined) return undefined
      const isNew = doneFor(after, 'abort').length > doneFor(before, 'abort').length
      return isNew && !isAborted(after) ? named(after) : undefined
    },
}

export const versionInvariants: readonly Invariant[] = [
  staysEnded,
  keepsVerdicts,
  earnsVerdicts,
  goesForward,
  keepsRecords,
  abortsAtOnce,
]
