/**
 * Checks that were added to a version when it was too late to run them.
 *
 * @module
 */
import { conditionTypes, type ItemStatus, type State } from '../../api/index.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import type { Decision } from '../../kube/decision.ts'
import { namesIn } from '../children.ts'
import type { CheckItems, CheckList, CheckPhase, CheckState, Phase } from '../phases.ts'
import type { VersionStatus } from '../version-status.ts'
import { cutMessage, factTransition, type Telling } from '../transitions.ts'
import { isPassed } from './roll-up.ts'

/** The checks that a version lists. */
type Listed = Readonly<Partial<Record<CheckList, readonly string[]>>>

/** What became of those that were run. */
type Ran = Readonly<Partial<Record<CheckItems, readonly ItemStatus[]> & Record<CheckState, State>>>

/**
 * The definitions that are listed for a phase which has passed without them. They are not run: a verdict is never taken
 * back, and the same version has one.
 */
export const addedTooLate = (
  spec: Listed,
  status: Ran,
  phases: readonly Phase[],
): readonly string[] => {
  const lateIn = (phase: CheckPhase): readonly string[] => {
    if (!isPassed(status[phase.state])) return []
    const run = new Set((status[phase.items] ?? []).map(({ definitionName }) => definitionName))
    return namesIn(spec[phase.list]).filter((name) => !run.has(name))
  }
  const late = phases.flatMap((phase) => (phase.runs === 'deployment' ? [] : lateIn(phase)))
  return [...new Set(late)]
}

/** Far less than the API server takes: names are as long as an annotation. */
const longestCondition = 4096
const cutMark = '…'

const quoted = (name: string): string => `"${name}"`

const sentenceOf = (late: readonly string[]): string =>
  late.length === 1
    ? `check ${late.map(quoted).join('')} was added after its phase had passed and is not run: raise the version`
    : `checks ${late.map(quoted).join(', ')} were added after their phases had passed and are not run: raise the version`

/** Says on the version which checks came too late, and tells each once. Where none did nothing is said. */
export const withLateChecks = <Status extends VersionStatus>(
  decision: Decision<Status>,
  { status, late, telling }: { status: Status; late: readonly string[]; telling: Telling },
): Decision<Status> => {
  const type = conditionTypes.checksAddedTooLate
  const said = findCondition(status.conditions, type)
  if (late.length === 0 && said?.status !== 'True') return decision
  const condition =
    late.length === 0
      ? ({ type, status: 'False', reason: 'NoneLeft', message: '' } as const)
      : ({
          type,
          status: 'True',
          reason: type,
          message: cutMessage(sentenceOf(late), longestCondition),
        } as const)
  const current = decision.status ?? status
  const isTold = (name: string): boolean =>
    said?.message.includes(quoted(name)) === true || said?.message.endsWith(cutMark) === true
  const told = late
    .filter((name) => !isTold(name))
    .map((name) =>
      factTransition(telling, {
        reason: type,
        what: name,
        message: sentenceOf([name]),
        severity: 'Warning',
      }),
    )
  const conditions = withCondition(current.conditions, condition, telling.now)
  return {
    ...decision,
    status: { ...current, conditions },
    transitions: [...decision.transitions, ...told],
  }
}
