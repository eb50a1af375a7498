/**
 * Lets one check count as passed.
 *
 * @module
 */
import type { ItemStatus, VersionAction } from '../../api/index.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { isNotRun } from '../checks/check-phase.ts'
import { isAborted } from '../checks/ending.ts'
import { isPassed, isTerminal } from '../checks/roll-up.ts'
import { namesIn } from '../children.ts'
import type { CheckPhase } from '../phases.ts'
import {
  byWhom,
  checksIn,
  itemsIn,
  refused,
  reopened,
  stateIn,
  withItems,
  type ActedStatus,
  type Answer,
  type Asked,
} from './asked.ts'

/** Whether an item fails its phase; one that was not run for another's sake does not. */
const hasFailed = (item: ItemStatus): boolean =>
  item.status === 'Failed' || (item.status === 'Deprecated' && !isNotRun(item))

/** The phase in which a check is skipped, or why in none. */
const phaseToSkip = <Status extends ActedStatus>(
  { status, phases, listed }: Asked<Status>,
  check: string,
): CheckPhase | string => {
  const phase = checksIn(phases).find(
    (each) => !isPassed(stateIn(status, each)) && namesIn(listed[each.list]).includes(check),
  )
  if (phase === undefined) {
    return `No phase that is not passed lists "${check}": name the definition of a check that is still to pass`
  }
  const item = itemsIn(status, phase).find(({ definitionName }) => definitionName === check)
  if (item !== undefined && isPassed(item.status)) {
    return `"${check}" has passed in ${phase.name}: there is nothing to skip`
  }
  const failed = phases.find((each) => stateIn(status, each) === 'Failed')
  if (failed === undefined || failed === phase) return phase
  const advice =
    failed.runs === 'deployment'
      ? 'ask for a retry'
      : 'skip what has failed there, or ask for a retry'
  return `The version has failed in ${failed.name}, before "${check}" was due: ${advice}`
}

/** Records that a check is skipped; a version that has failed goes on if nothing else of the phase has. */
const skipIn = <Status extends ActedStatus>(
  asked: Asked<Status>,
  phase: CheckPhase,
  { check, words }: { readonly check: string; readonly words: string },
): Answer<Status> => {
  const { status, telling } = asked
  const place = `"${check}" of ${phase.name}: ${words}`
  const before = itemsIn(status, phase)
  const own = before.find(({ definitionName }) => definitionName === check)
  const others = before.filter((each) => each !== own)
  const endTime = wholeSeconds(telling.now)
  const item: ItemStatus = {
    ...own,
    ...{ definitionName: check, status: 'Warning', message: words, endTime },
  }
  const done = { kind: 'done', phase: phase.name } as const
  if (status.status !== 'Failed') {
    return { ...done, message: place, status: withItems(status, phase, [...others, item]) }
  }
  const failed = others.filter(hasFailed).map(({ definitionName = '' }) => `"${definitionName}"`)
  if (failed.length > 0) {
    const message = `${place}; the version stays failed, since this has failed too: ${failed.join(', ')}`
    return { ...done, message, status: withItems(status, phase, [...others, item]) }
  }
  // What was not run since something had failed is looked at anew.
  const kept = others.filter((each) => !isNotRun(each))
  const next = withItems(reopened(asked, place), phase, [...kept, item])
  const verdict = { status: 'Unknown', reason: 'ChecksRunning', message: place } as const
  return { ...done, message: place, status: next, verdict }
}

/** Lets the check that the entry names count as passed. */
export const skip = <Status extends ActedStatus>(
  asked: Asked<Status>,
  entry: VersionAction,
): Answer<Status> => {
  const { status } = asked
  const { check = '' } = entry
  if (isAborted({ status })) return refused('The version was aborted: ask for a retry or a release')
  if (isTerminal(status.status) && status.status !== 'Failed') {
    return refused('The version has ended: there is nothing to skip')
  }
  const phase = phaseToSkip(asked, check)
  return typeof phase === 'string'
    ? refused(phase)
    : skipIn(asked, phase, { check, words: `Skipped ${byWhom(entry)}` })
}
