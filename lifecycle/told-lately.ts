/**
 * What the leader before may have stored and not told any more, from what the stores hold: no request is made for it.
 *
 * @module
 */
import type { ActionRecord, PhaseTimes } from '../api/index.ts'
import type { Transition } from '../kube/decision.ts'
import type { EventNames } from './transitions.ts'
import type { LifecycleStores } from './stores.ts'
import { toldOfEvaluation, toldOfTask, toldOfVersion } from './told.ts'

/** For so long a leader may have been away before another one took over, and its words been on their way. */
const lateMs = 10 * 60_000

/** What an object says of when something has become true of it. */
interface Dated {
  readonly status?: {
    readonly startTime?: string
    readonly endTime?: string
    readonly phaseTimes?: PhaseTimes
    readonly actions?: readonly ActionRecord[]
  }
}

/** Most objects have ended long ago: to word all that was ever told of them would take too long. */
const hasChangedSince =
  (since: number) =>
  ({ status = {} }: Dated): boolean => {
    const { startTime, endTime, phaseTimes = {}, actions = [] } = status
    const times = [
      startTime,
      endTime,
      ...Object.values(phaseTimes).flatMap((phase) => [phase.startTime, phase.endTime]),
      ...actions.map(({ time }) => time),
    ]
    return times.some((time) => time !== undefined && Date.parse(time) >= since)
  }

/** All that was stored lately, the earliest first. */
export const toldLately = (
  stores: Pick<LifecycleStores, 'appVersions' | 'workloadVersions' | 'tasks' | 'evaluations'>,
  { now, eventNames }: { readonly now: Date; readonly eventNames: EventNames },
): readonly Transition[] => {
  const since = now.getTime() - lateMs
  const has = hasChangedSince(since)
  const told = [
    ...[...stores.appVersions.all()].filter(has).map((each) => toldOfVersion(each, eventNames)),
    ...[...stores.workloadVersions.all()]
      .filter(has)
      .map((each) => toldOfVersion(each, eventNames)),
    ...[...stores.tasks.all()].filter(has).map((each) => toldOfTask(each, eventNames)),
    ...[...stores.evaluations.all()].filter(has).map((each) => toldOfEvaluation(each, eventNames)),
  ]
  return told
    .flat()
    .filter(({ at }) => at.getTime() >= since)
    .toSorted((one, other) => one.at.getTime() - other.at.getTime())
}
