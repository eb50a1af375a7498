/**
 * Which transitions a receiver of notifications is told.
 *
 * @module
 */
import type { Transition } from '../../kube/decision.ts'

/** What has come of something: a phase was entered, passed or has failed; or there is anything else to say. */
export type Outcome = 'Started' | 'Succeeded' | 'Failed' | 'Warning' | 'Note'

/** What a receiver wants to hear. A list that is missing rules nothing out. */
export interface Filter {
  readonly namespaces?: readonly string[]
  readonly apps?: readonly string[]
  readonly phases?: readonly string[]
  readonly outcomes?: readonly Outcome[]
  readonly kinds?: readonly string[]
}

const states: Readonly<Record<NonNullable<Transition['phase']>['state'], Outcome>> = {
  Started: 'Started',
  Succeeded: 'Succeeded',
  Errored: 'Failed',
}

/** What has come of what a transition is about. */
export const outcomeOf = ({ phase, severity }: Transition): Outcome => {
  if (phase !== undefined) return states[phase.state]
  return severity === 'Warning' ? 'Warning' : 'Note'
}

/** The short name of the phase that a transition is about; `''`: of none. */
export const phaseOf = ({ phase, attributes }: Transition): string =>
  phase?.name ?? attributes?.['phase'] ?? ''

const versions: readonly string[] = ['KeptnAppVersion', 'KeptnWorkloadVersion']

/** What people want to hear who have not said: the end of each app version, and what fails or waits for somebody. */
const isOfInterest = (transition: Transition): boolean => {
  const outcome = outcomeOf(transition)
  if (outcome === 'Failed' || outcome === 'Warning') return true
  return transition.phase?.name === 'Completed' && transition.subject.kind === 'KeptnAppVersion'
}

/** `shop-*` is whatever begins with `shop-`. */
const isNamed = (name: string, patterns: readonly string[] | undefined): boolean =>
  patterns?.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  ) ?? true

const isListed = <T>(one: T, list: readonly T[] | undefined): boolean => list?.includes(one) ?? true

const isOfOutcome = ({ phases, outcomes }: Filter, transition: Transition): boolean =>
  phases === undefined && outcomes === undefined
    ? isOfInterest(transition)
    : isListed(outcomeOf(transition), outcomes) && isListed(phaseOf(transition), phases)

/** Whether a receiver with this filter is told of it. */
export const isWanted = (filter: Filter, transition: Transition): boolean => {
  const { subject, attributes = {} } = transition
  const { namespace = '' } = subject
  return (
    isListed(subject.kind, filter.kinds ?? versions) &&
    isNamed(namespace, filter.namespaces) &&
    isNamed(attributes['appName'] ?? '', filter.apps) &&
    isOfOutcome(filter, transition)
  )
}
