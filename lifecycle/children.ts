/**
 * The tasks and evaluations that a version has made, and how they are made.
 *
 * A child's name follows from its parent's UID, the phase, the definition and the attempt. So a child that was made by a
 * process that crashed before it could say so is found again, and none is ever made twice.
 *
 * @module
 */
import { formatDuration, parseDuration } from '../api/duration.ts'
import {
  KeptnEvaluation,
  KeptnTask,
  newObject,
  type KeptnEvaluationDefinition,
  type KeptnTaskDefinition,
  type TaskContext,
} from '../api/index.ts'
import { ownedBy, type KubeObject } from '../api/object.ts'
import { childName } from '../identity/names.ts'
import { carrierOf, type VersionTrace } from '../identity/trace.ts'
import type { Create } from '../kube/decision.ts'
import type { CheckPhase } from './phases.ts'

/** Whose checks are run: what its children are told about it. */
export interface Parent {
  readonly object: KubeObject
  readonly objectType: 'App' | 'Workload'
  readonly appName: string
  /** `''` for a workload: its tasks belong to no app version. */
  readonly appVersion: string
  /** `''` for an app. */
  readonly workloadName: string
  readonly workloadVersion: string
  readonly metadata: Readonly<Record<string, string>>
  /** How often the parent has gone through its phases, this time included: each time has children of its own. */
  readonly attempt: number
  /** Its spans; missing: nobody is told of spans. */
  readonly trace?: VersionTrace | undefined
}

/** What exists of the children of one version. */
export interface Children {
  readonly tasks: readonly KeptnTask[]
  readonly evaluations: readonly KeptnEvaluation[]
}

/** The definitions that a version names, as far as they exist, by name. */
export interface Definitions {
  readonly tasks: ReadonlyMap<string, KeptnTaskDefinition>
  readonly evaluations: ReadonlyMap<string, KeptnEvaluationDefinition>
}

/** The definitions that a list names, each once: Keptn finds items by the definition's name. */
export const namesIn = (list: readonly string[] | undefined): readonly string[] => [
  ...new Set((list ?? []).map((name) => name.trim()).filter((name) => name !== '')),
]

/** The name of the child that runs this definition in this phase of this parent. */
export const nameOfChild = (
  parent: Pick<Parent, 'object' | 'attempt'>,
  phase: Pick<CheckPhase, 'name' | 'checkType'>,
  definition: string,
): string =>
  childName(
    phase.checkType,
    definition,
    parent.object.metadata.uid,
    phase.name,
    definition,
    parent.attempt,
  )

const metadataOfChild = (parent: Parent, name: string) => {
  const { namespace } = parent.object.metadata
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ownerReferences: [ownedBy(parent.object)],
  }
}

/** Free words, and the span that a task may hang its own below: it is not for anybody else to name (spec/lifecycle 6.1). */
const metadataFor = ({ metadata, trace }: Parent, phase: CheckPhase): Parent['metadata'] =>
  trace === undefined ? metadata : { ...metadata, ...carrierOf(trace, phase.name) }

/** What a task is told of its parent, in `KEPTN_CONTEXT`. */
const contextOf = (parent: Parent, phase: CheckPhase): TaskContext => ({
  workloadName: parent.workloadName,
  appName: parent.appName,
  appVersion: parent.appVersion,
  workloadVersion: parent.workloadVersion,
  taskType: phase.checkType,
  objectType: parent.objectType,
  ...withMetadata(metadataFor(parent, phase)),
})

const withMetadata = (metadata: Parent['metadata']): Pick<TaskContext, 'metadata'> =>
  Object.keys(metadata).length === 0 ? {} : { metadata }

/** Keptn's tasks have durations in the form that Go prints, `5m0s` (spec/lifecycle 4.14). */
const asKeptnWrites = (duration: string): string => {
  const ms = parseDuration(duration)
  return ms === undefined ? duration : formatDuration(ms)
}

/** What tasks have left that another depends on, by the names of their definitions. */
export type Results = Readonly<Record<string, unknown>>

/**
 * Makes the task of a definition; labels and annotations come along, retries and timeout are frozen in it. `results`: there
 * for a definition that depends on others.
 */
export const createTask = (
  parent: Parent,
  phase: CheckPhase,
  definition: KeptnTaskDefinition,
  results?: Results,
): Create => {
  const { labels, annotations, name } = definition.metadata
  const metadata = metadataOfChild(parent, nameOfChild(parent, phase, name))
  return {
    kind: 'create',
    type: KeptnTask,
    object: newObject(KeptnTask, {
      metadata: {
        ...metadata,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations: withoutLastApplied(annotations) }),
      },
      spec: {
        taskDefinition: name,
        checkType: phase.checkType,
        context: contextOf(parent, phase),
        retries: definition.spec.retries,
        timeout: asKeptnWrites(definition.spec.timeout),
        ...(results === undefined ? {} : { results }),
      },
    }),
  }
}

/** kubectl's copy of what a person applied describes the definition, not the task. */
const withoutLastApplied = (
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(annotations).filter(
      ([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration',
    ),
  )

/** Makes the evaluation of a definition. */
export const createEvaluation = (
  parent: Parent,
  phase: CheckPhase,
  definition: KeptnEvaluationDefinition,
): Create => {
  const { name } = definition.metadata
  return {
    kind: 'create',
    type: KeptnEvaluation,
    object: newObject(KeptnEvaluation, {
      metadata: metadataOfChild(parent, nameOfChild(parent, phase, name)),
      spec: {
        evaluationDefinition: name,
        checkType: phase.checkType,
        appName: parent.appName,
        appVersion: parent.appVersion,
        workload: parent.workloadName,
        workloadVersion: parent.workloadVersion,
        retries: definition.spec.retries,
        retryInterval: asKeptnWrites(definition.spec.retryInterval),
      },
    }),
  }
}
