import type { ItemStatus } from '../../api/index.ts'
import type { Children, Definitions, Parent } from '../children.ts'
import type { LifecycleConfig } from '../config.ts'
import type { CheckItems, CheckList, CheckPhase } from '../phases.ts'
import type { PhaseResult } from '../progress.ts'
import { checkPhase } from './check-phase.ts'

/** What both kinds of version are looked at with when one of their check phases is run. */
export interface ChecksSeen {
  readonly version: { readonly spec: Readonly<Partial<Record<CheckList, readonly string[]>>> }
  readonly children: Children
  readonly definitions: Definitions
  readonly config: LifecycleConfig
}

/** Runs a phase of tasks or evaluations, for apps and workloads alike. */
export const runChecks = <Status extends Partial<Record<CheckItems, readonly ItemStatus[]>>>(
  seen: ChecksSeen,
  parent: Parent,
  phase: CheckPhase,
  status: Status,
): PhaseResult<Status> => {
  const { state, actions, detail, missing, stuck, items } = checkPhase({
    parent,
    phase,
    listed: seen.version.spec[phase.list] ?? [],
    recorded: status[phase.items] ?? [],
    children: seen.children,
    definitions: seen.definitions,
    blocking: seen.config.blocking,
  })
  // Those that depend on each other have one obstacle.
  const obstacles = [...new Map([...stuck.values()].map((each) => [each.message, each])).values()]
  // An empty list is left out, as Keptn does.
  const changes = items.length === 0 ? {} : ({ [phase.items]: items } as Partial<Status>)
  return { state, actions, detail, missing, obstacles, changes }
}
