/**
 * How long the checks of each definition take, and how often one passes that has just failed for the same version.
 *
 * @module
 */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { KeptnEvaluation, KeptnTask, State } from '../../api/index.ts'
import { controllerOf } from '../../api/object.ts'
import type { Store } from '../../kube/store.ts'
import { follow, lengthOf, type Ending, type Leading } from './endings.ts'
import { createKeepers } from './keepers.ts'
import type { MeasuredStores } from './keptn.ts'

/** A check, whichever kind it is of. */
interface Check {
  readonly definition: string
  readonly when: string
  readonly state: State
}

const taskCheck = ({ spec, status }: KeptnTask): Check => ({
  definition: spec.taskDefinition,
  when: spec.checkType ?? '',
  state: status?.status ?? 'Pending',
})

const evaluationCheck = ({ spec, status }: KeptnEvaluation): Check => ({
  definition: spec.evaluationDefinition,
  when: spec.checkType ?? '',
  state: status?.overallStatus ?? 'Pending',
})

/** Whether a check has passed that had failed for the same version at the same place. */
export const isFlake = (check: Check, others: readonly Check[]): boolean =>
  check.state === 'Succeeded' &&
  others.some(
    ({ definition, when, state }) =>
      definition === check.definition && when === check.when && state === 'Failed',
  )

const labelNames = ['check', 'object_namespace', 'definition'] as const
const ends = { Succeeded: 'succeeded', Failed: 'failed' } as const
const buckets = [1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600]

/** Serves the figures of each definition, for as long as there is a check that was made from it. */
export const serveChecks = (from: {
  readonly stores: Pick<MeasuredStores, 'tasks' | 'evaluations'>
  readonly registry: Registry
  readonly leading: () => Leading | undefined
}): void => {
  const { stores, registry, leading } = from
  const registers = [registry]
  const lengths = new Histogram({
    name: 'gatekept_check_duration_seconds',
    help: 'How long the checks of a definition took',
    labelNames: [...labelNames, 'outcome'],
    buckets,
    registers,
  })
  const flakes = new Counter({
    name: 'gatekept_check_flakes_total',
    help: 'Checks that passed after they had failed for the same version',
    labelNames,
    registers,
  })
  const serve = <T extends Ending>(kind: string, store: Store<T>, checkOf: (of: T) => Check) => {
    const keepers = createKeepers()
    const keep = (object: T): Readonly<Record<(typeof labelNames)[number], string>> => {
      const { uid, namespace = '' } = object.metadata
      const { definition } = checkOf(object)
      const labels = { check: kind, object_namespace: namespace, definition }
      const key = JSON.stringify(labels)
      if (!keepers.has(key)) {
        flakes.inc(labels, 0)
        for (const outcome of Object.values(ends)) lengths.zero({ ...labels, outcome })
      }
      keepers.keep(uid, key, () => {
        flakes.remove(labels)
        for (const outcome of Object.values(ends)) lengths.remove({ ...labels, outcome })
      })
      return labels
    }
    follow(store, leading, {
      open: keep,
      ended: (object) => {
        const labels = keep(object)
        const check = checkOf(object)
        const seconds = lengthOf(object)
        // Those that were stopped say nothing about their definition.
        if (seconds === undefined || (check.state !== 'Succeeded' && check.state !== 'Failed')) {
          return
        }
        lengths.observe({ ...labels, outcome: ends[check.state] }, seconds)
        const owner = controllerOf(object)
        const siblings = owner === undefined ? [] : store.by('controller', owner.uid)
        if (isFlake(check, siblings.map(checkOf))) flakes.inc(labels)
      },
      gone: ({ metadata }) => {
        keepers.leave(metadata.uid)
      },
    })
  }
  serve('task', stores.tasks, taskCheck)
  serve('evaluation', stores.evaluations, evaluationCheck)
}
