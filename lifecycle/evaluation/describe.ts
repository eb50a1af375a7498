import type { KeptnEvaluation, ObjectiveStatus } from '../../api/index.ts'
import { firstOf } from '../../kube/conditions.ts'
import { labelOf } from './label.ts'
import { parseTarget, showTarget } from './target.ts'

/**
 * How an evaluation stands, in a sentence for people:
 * `available-cpus is 3, wanted > 4, measured 7 s ago (attempt 10 of 10)`.
 *
 * It is about the objectives that are not met; when all are, about all. Pure.
 */
export const describeEvaluation = ({
  spec,
  status,
}: Pick<KeptnEvaluation, 'spec' | 'status'>): string => {
  const { retryCount = 0, overallStatus } = status ?? {}
  if (retryCount === 0) return stalledMessage(status) ?? 'not evaluated yet'
  const lines = linesOf(status, overallStatus === 'Succeeded' ? 'Succeeded' : 'Failed')
  const found = lines.length === 0 ? 'there are no objectives' : firstOf(lines, '; ')
  return `${found} (attempt ${retryCount} of ${Math.max(retryCount, spec.retries)})`
}

const stalledMessage = (status: KeptnEvaluation['status']): string | undefined =>
  status?.conditions?.find(({ type, status: holds }) => type === 'Stalled' && holds === 'True')
    ?.message

const linesOf = (
  status: KeptnEvaluation['status'],
  wanted: 'Succeeded' | 'Failed',
): readonly string[] => {
  const objectives = status?.objectives
  if (objectives !== undefined) {
    return objectives
      .filter((objective) => objective.status === wanted)
      .map((objective) => line(objective, labelOf(objective, objectives)))
  }
  // Keptn's own evaluations have the map alone.
  return Object.entries(status?.evaluationStatus ?? {})
    .filter(([, item]) => item.status === wanted)
    .map(([name, { message = '' }]) => `${name}: ${message}`)
}

const line = ({ value, target, message, ageSeconds }: ObjectiveStatus, label: string): string => {
  if (parseTarget(target) === undefined) return message
  if (value === undefined) {
    return `${label} has no value that counts, wanted ${showTarget(target)}: ${message}`
  }
  const age = ageSeconds === undefined ? '' : `, measured ${String(ageSeconds)} s ago`
  return `${label} is ${value}, wanted ${showTarget(target)}${age}`
}
