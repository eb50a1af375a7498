/**
 * Keeps the code of a definition where pods can mount it, and says whether tasks can be run from the definition.
 *
 * A definition is Ready when nothing it needs is missing, for the generation that the condition names: tasks wait for
 * that. It is Stalled when a person has to change it, or to make what it names.
 *
 * @module
 */
import {
  conditionTypes,
  type Condition,
  type KeptnTaskDefinition,
  type StatusOf,
} from '../../api/index.ts'
import { ConfigMap } from '../../api/kubernetes.ts'
import { controllerOf, ownedBy } from '../../api/object.ts'
import { findCondition, withCondition } from '../../kube/conditions.ts'
import { settled, type Action, type Decision, type Patch } from '../../kube/decision.ts'
import type { ApiError } from '../../kube/errors.ts'
import { factTransition, type EventNames } from '../transitions.ts'
import {
  codeKey,
  createFunctionConfigMap,
  digestOf,
  functionConfigMapName,
  functionLabel,
  type FunctionConfigMap,
} from './function-config-map.ts'
import { blamedOn, lineageOf } from './lineage.ts'
import { sourceOf } from './source.ts'
import { nextLook } from './unwatched.ts'

/** The status of a definition. */
export type Status = StatusOf<KeptnTaskDefinition>

/** A definition, what it refers to, and the ConfigMap that has or should have its code. */
export interface Seen {
  readonly now: Date
  readonly eventNames: EventNames
  readonly definition: KeptnTaskDefinition
  readonly configMap?: FunctionConfigMap
  /** What `parentsOf` found. */
  readonly parents?: readonly KeptnTaskDefinition[]
  /** Where it was looked for: tasks of another namespace may find others. */
  readonly namespaces?: readonly string[]
}

/** The name of the ConfigMap that a definition's script is mounted from; `undefined`: it is not mounted. */
export const configMapOf = (definition: KeptnTaskDefinition): string | undefined => {
  const source = sourceOf(definition.spec)
  if (source.kind !== 'script') return undefined
  switch (source.code.kind) {
    case 'inline':
      return functionConfigMapName(definition.metadata.name)
    case 'configMap':
      return source.code.name
    case 'url':
      return undefined
  }
}

/** Tells what a definition's ConfigMap and status should be. */
export const decide = (seen: Seen): Decision<Status> => {
  const { definition, parents = [], namespaces = [] } = seen
  const lineage = lineageOf(definition, parents, namespaces)
  const isOwn = lineage.definition === definition
  if (lineage.kind === 'unusable') {
    return stall(seen, isOwn ? lineage : blamedOn(lineage.definition, lineage))
  }
  if (!isOwn) return withCodeOf(seen, lineage.definition)
  if (lineage.kind === 'container') return ready(seen, [])
  switch (lineage.code.kind) {
    case 'url':
      return ready(seen, [])
    case 'configMap':
      return withUsersConfigMap(seen, lineage.code.name)
    case 'inline':
      return withCode(seen, lineage.code.text)
  }
}

/** Nothing is said before the other definition was looked at: its own status wakes this one. */
const withCodeOf = (seen: Seen, owner: KeptnTaskDefinition): Decision<Status> => {
  const verdict = currentVerdict(owner)
  if (verdict === undefined) return settled
  return verdict.status === 'True' ? ready(seen, []) : stall(seen, blamedOn(owner, verdict))
}

/**
 * What the controller of definitions found of this one as it is now. What an older generation was found to be says nothing
 * about it: its code may not be in the ConfigMap yet.
 */
export const currentVerdict = ({
  metadata,
  status,
}: KeptnTaskDefinition): Condition | undefined => {
  const ready = findCondition(status?.conditions, conditionTypes.ready)
  return ready?.observedGeneration === metadata.generation ? ready : undefined
}

/** Tells what a person should know when the API server does not take what was decided. */
export const refused = (seen: Seen, action: Action, error: ApiError): Decision<Status> => {
  const name = action.kind === 'create' ? action.object.metadata.name : action.name
  return stall(seen, {
    reason: 'ConfigMapRefused',
    message: `The ConfigMap "${name}" for the code was refused: ${error.message}`,
  })
}

const withUsersConfigMap = (seen: Seen, name: string): Decision<Status> => {
  if (seen.configMap?.codeDigest !== undefined) return ready(seen, [])
  const { namespace = '' } = seen.definition.metadata
  const problem =
    seen.configMap === undefined
      ? {
          reason: 'ConfigMapMissing',
          message: `ConfigMap "${namespace}/${name}" does not exist: create it with the code under the key "${codeKey}"`,
        }
      : {
          reason: 'CodeMissing',
          message: `ConfigMap "${namespace}/${name}" has no code: add it under the key "${codeKey}"`,
        }
  return {
    ...stall(seen, problem),
    wakeAt: nextLook(conditionOf(seen, conditionTypes.stalled), seen.now),
  }
}

const withCode = (seen: Seen, code: string): Decision<Status> => {
  const { definition, configMap } = seen
  if (configMap === undefined) {
    const name = functionConfigMapName(definition.metadata.name)
    return ready(seen, [createFunctionConfigMap(definition, name, code)])
  }
  const owner = controllerOf(configMap)
  if (owner !== undefined && owner.uid !== definition.metadata.uid) {
    return stall(seen, {
      reason: 'ConfigMapTaken',
      message: `ConfigMap "${configMap.metadata.name}" belongs to ${owner.kind} "${owner.name}": delete it, or give the definition another name`,
    })
  }
  const isKept =
    owner !== undefined &&
    configMap.codeDigest === digestOf(code) &&
    configMap.metadata.labels?.[functionLabel] !== undefined
  return ready(seen, isKept ? [] : [keepCode(seen.definition, configMap, code)])
}

/** Also takes over a ConfigMap that Keptn made, which nobody owns. */
const keepCode = (
  definition: KeptnTaskDefinition,
  { metadata }: FunctionConfigMap,
  code: string,
): Patch => ({
  kind: 'patch',
  type: ConfigMap,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  name: metadata.name,
  patchType: 'merge',
  patch: {
    metadata: {
      uid: metadata.uid,
      // The list of owners is replaced as a whole: nobody else's entry may be lost.
      resourceVersion: metadata.resourceVersion,
      labels: { [functionLabel]: 'code' },
      ownerReferences: [
        ...(metadata.ownerReferences ?? []).filter(({ uid }) => uid !== definition.metadata.uid),
        ownedBy(definition),
      ],
    },
    data: { [codeKey]: code },
  },
})

const conditionOf = (seen: Seen, type: string): Condition | undefined =>
  findCondition(seen.definition.status?.conditions, type)

type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>

const withVerdict = (seen: Seen, type: string, verdict: Verdict, list = conditionsOf(seen)) => {
  const { generation } = seen.definition.metadata
  return withCondition(
    list,
    {
      type,
      ...verdict,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
    seen.now,
  )
}

const conditionsOf = (seen: Seen): readonly Condition[] | undefined =>
  seen.definition.status?.conditions

const ready = (seen: Seen, actions: readonly Action[]): Decision<Status> => {
  const verdict = { status: 'True', reason: 'Ready', message: 'Tasks can be run' } as const
  const conditions = withVerdict(seen, conditionTypes.ready, verdict)
  const configMap = configMapOf(seen.definition)
  return {
    status: {
      ...(configMap === undefined ? {} : { function: { configMap } }),
      conditions:
        conditionOf(seen, conditionTypes.stalled) === undefined
          ? conditions
          : withVerdict(
              seen,
              conditionTypes.stalled,
              { status: 'False', reason: 'Ready', message: '' },
              conditions,
            ),
    },
    actions,
    transitions: [],
  }
}

const stall = (
  seen: Seen,
  { reason, message }: Pick<Condition, 'reason' | 'message'>,
): Decision<Status> => {
  const { definition, now, eventNames } = seen
  const problem = { reason, message }
  const before = conditionOf(seen, conditionTypes.stalled)
  const isKnown = before?.status === 'True' && before.reason === problem.reason
  const telling = { subject: definition, version: '', eventNames, now }
  return {
    status: {
      ...definition.status,
      conditions: withVerdict(
        seen,
        conditionTypes.stalled,
        { status: 'True', ...problem },
        withVerdict(seen, conditionTypes.ready, { status: 'False', ...problem }),
      ),
    },
    actions: [],
    transitions: isKnown
      ? []
      : [
          factTransition(telling, {
            reason: eventNames === 'keptn' ? 'ReconcileTaskFailed' : 'ReconcileTask',
            what: problem.reason,
            message: problem.message,
            severity: 'Warning',
          }),
        ],
  }
}
