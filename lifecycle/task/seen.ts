/**
 * What a decision about a task is made on.
 *
 * @module
 */
import type { KeptnTask, KeptnTaskDefinition, StatusOf, TaskPods } from '../../api/index.ts'
import type { Abandonment } from '../checks/ending.ts'
import type { EventNames } from '../transitions.ts'
import type { Ending } from './ending.ts'
import type { FollowedJob } from './job.ts'
import type { Obstacle } from './obstacle.ts'
import type { Defined } from './plan.ts'
import type { Left } from './result.ts'

/** The status of a task. */
export type Status = StatusOf<KeptnTask>

/** What the controller of tasks is told once. */
export interface Settings {
  /** The namespace whose definitions serve every namespace. */
  readonly namespace: string
  readonly denoImage: string
  readonly pythonImage: string
  readonly eventNames: EventNames
  /** What pods are given besides what their definitions say. */
  readonly taskPods?: TaskPods
}

/** Whether a task's Secret has what the task needs. `unknown`: we may not read it, so the kubelet will tell. */
export type SecretState = 'usable' | 'missing' | 'key-missing' | 'unknown'

/** What was found of the things that a pod would hang on. */
export interface Prerequisites {
  readonly secret?: SecretState
  /** The resource versions of the Secrets that the task is given, by name, as far as we may read them. */
  readonly secretVersions?: Readonly<Record<string, string>>
  /** The code in a user's ConfigMap, or `missing`. */
  readonly code?: { readonly text: string } | 'missing'
  /** Whether the copy of the code is in the task's namespace. */
  readonly isCopied?: boolean
  /** Which of the names a Job may have is free; `undefined`: none. */
  readonly salt?: number
  /** Whether the task's namespace refuses pods that do not say what Pod Security "restricted" asks for. */
  readonly isRestricted?: boolean
}

/** `gone`: it was made, and the API server says that it is no more. `name`: where the task does not say it. */
export type SeenJob =
  | { readonly kind: 'none' }
  | { readonly kind: 'gone'; readonly name?: string }
  | { readonly kind: 'there'; readonly job: FollowedJob }

/** A task, and what there is of its Job or, while there is none, of what it needs. */
export interface Seen {
  readonly now: Date
  readonly settings: Settings
  readonly task: KeptnTask
  readonly definition?: KeptnTaskDefinition
  /** What the definition refers to, as `parentsOf` finds it. */
  readonly parents?: readonly KeptnTaskDefinition[]
  readonly job: SeenJob
  /** There once everything else says that the Job may be made. */
  readonly prerequisites?: Prerequisites
  /** There once it was looked for what keeps the Job's pod from starting. */
  readonly look?: { readonly obstacle?: Obstacle }
  /** There once the Job has failed. */
  readonly ending?: Ending
  /** There once the Job has succeeded, if the task has left something. */
  readonly left?: Left
  /** There once the version that made the task has ended before its time. */
  readonly abandonment?: Abandonment
}

/** The definition of a task with what it refers to; `undefined`: there is none. */
export const definedIn = ({
  definition,
  parents = [],
}: Pick<Seen, 'definition' | 'parents'>): Defined | undefined =>
  definition === undefined ? undefined : { definition, parents }
