/**
 * Which old versions are kept.
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../../api/object.ts'
import { removal, type Action } from '../../kube/decision.ts'

/** The versions of one workload or app, and which of them must stay. */
export interface History<T extends KubeObject> {
  /** The newest first. */
  readonly history: readonly T[]
  /** How many are kept. */
  readonly kept: number
  readonly isNeeded: (version: T) => boolean
}

/** What has to be there no longer: the oldest, as many as there are too many. What is needed stays, and counts. */
export const outdated = <T extends KubeObject>(of: History<T>): readonly T[] => {
  const tooMany = Math.max(0, of.history.length - of.kept)
  return of.history
    .toReversed()
    .filter((version) => !of.isNeeded(version))
    .slice(0, tooMany)
}

/** Deletes those versions; what they own goes with them. */
export const expired = <T extends KubeObject>(
  type: ResourceType<T>,
  of: History<T>,
): readonly Action[] => outdated(of).map((version) => removal(type, version))

/** Sorts the newest first. */
export const newestFirst = (one: KubeObject, other: KubeObject): number =>
  other.metadata.creationTimestamp.localeCompare(one.metadata.creationTimestamp)
