/**
 * Which tasks of a phase wait for which: a definition may depend on others of the same list.
 *
 * @module
 */
import type { State } from '../../api/index.ts'
import { isPassed } from './roll-up.ts'

/** What a person has to change before a check can be run. */
export interface Obstacle {
  readonly reason: 'DependencyNotListed' | 'DependencyCycle'
  readonly message: string
}

/** Whether a task that was not made yet may be. */
export type Turn =
  | { readonly kind: 'now' }
  | { readonly kind: 'waits'; readonly message: string }
  /** What it depends on has not succeeded. */
  | { readonly kind: 'never'; readonly message: string }
  | { readonly kind: 'stuck'; readonly obstacle: Obstacle }

/** The tasks of a phase. */
export interface Order {
  readonly listed: readonly string[]
  /** The state of a task that was made, or is recorded; `undefined`: there is none yet. */
  readonly stateOf: (definition: string) => State | undefined
  readonly dependenciesOf: (definition: string) => readonly string[]
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')

/** All that a task which was not made waits for, directly or not. */
const behind = (
  order: Order,
  definition: string,
  found: Set<string> = new Set<string>(),
): ReadonlySet<string> => {
  for (const name of order.dependenciesOf(definition)) {
    if (found.has(name) || order.stateOf(name) !== undefined) continue
    found.add(name)
    behind(order, name, found)
  }
  return found
}

/** What is wrong with what a definition says that it depends on. */
const obstacleOf = (order: Order, definition: string): Obstacle | undefined => {
  const unlisted = order.dependenciesOf(definition).filter((name) => !order.listed.includes(name))
  if (unlisted.length > 0) {
    const message = `Task "${definition}" depends on ${quoted(unlisted)}, which its phase does not list: list it there, or correct dependsOn of the definition`
    return { reason: 'DependencyNotListed', message }
  }
  const waitedFor = behind(order, definition)
  if (!waitedFor.has(definition)) return undefined
  // The same words for each of them: it is one obstacle.
  const circle = [...waitedFor].filter((name) => behind(order, name).has(definition)).toSorted()
  const message = `Tasks that depend on each other can never begin: correct dependsOn of one of the definitions ${quoted(circle)}`
  return { reason: 'DependencyCycle', message }
}

/** Tells of a definition whose task was not made yet whether it may be. */
export const turnsIn = (order: Order): ((definition: string) => Turn) => {
  const { stateOf, dependenciesOf } = order
  // Many may depend on the same ones, those on the same ones again.
  const known = new Map<string, Turn>()
  const hasFailed = (name: string): boolean => {
    const state = stateOf(name)
    return state === undefined
      ? turnOf(name).kind === 'never'
      : state === 'Failed' || state === 'Deprecated'
  }
  const find = (definition: string): Turn => {
    const obstacle = obstacleOf(order, definition)
    if (obstacle !== undefined) return { kind: 'stuck', obstacle }
    const dependencies = dependenciesOf(definition)
    const failed = dependencies.filter(hasFailed)
    if (failed.length > 0) {
      return { kind: 'never', message: `Depends on ${quoted(failed)}, which did not succeed` }
    }
    // One that people have skipped counts as passed.
    const open = dependencies.filter((name) => !isPassed(stateOf(name)))
    return open.length > 0
      ? { kind: 'waits', message: `Waits for ${quoted(open)}` }
      : { kind: 'now' }
  }
  const turnOf = (definition: string): Turn => {
    const turn = known.get(definition) ?? find(definition)
    known.set(definition, turn)
    return turn
  }
  return turnOf
}
