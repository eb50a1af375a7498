/**
 * What has to be there before the Job of a task is made, as far as the task and its definition tell.
 *
 * @module
 */
import { conditionTypes, type KeptnTask, type KeptnTaskDefinition } from '../../api/index.ts'
import { parseDuration } from '../../api/duration.ts'
import type { Container } from '../../api/kubernetes.ts'
import type { RuntimeSpec } from '../../api/index.ts'
import { childName } from '../../identity/names.ts'
import { findCondition } from '../../kube/conditions.ts'
import { functionConfigMapName } from '../task-definition/function-config-map.ts'
import { sourceOf, type Code, type Language, type RemoteCode } from '../task-definition/source.ts'
import { secretFor } from './environment.ts'

/** Where the code is that a script's pod mounts. */
export interface CodeAt {
  readonly namespace: string
  readonly name: string
  /** The code itself, if the definition has it: then the ConfigMap is ours. */
  readonly text?: string
  /** The name of the copy in the task's namespace, if the code is in another. */
  readonly copy?: string
}

/** What a task is going to run. */
export type Plan =
  /** A person has to change something. */
  | { readonly kind: 'stalled'; readonly reason: string; readonly message: string }
  /** The definition has just been written, and is looked at at this moment. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'script'
      readonly definition: KeptnTaskDefinition
      readonly timeoutSeconds: number
      readonly language: Language
      readonly runtime: RuntimeSpec
      readonly code: CodeAt | RemoteCode
      readonly secret?: string
    }
  | {
      readonly kind: 'container'
      readonly definition: KeptnTaskDefinition
      readonly timeoutSeconds: number
      readonly container: Container
    }

/** Tells what a task is going to run. `home`: the namespace whose definitions serve every namespace. */
export const planOf = (
  task: KeptnTask,
  definition: KeptnTaskDefinition | undefined,
  home: string,
): Plan => {
  if (definition === undefined) return notFound(task, home)
  const obstacle = obstacleIn(definition)
  if (obstacle !== undefined) return obstacle
  const timeoutMs = parseDuration(task.spec.timeout)
  if (timeoutMs === undefined || timeoutMs < 0) {
    return {
      kind: 'stalled',
      reason: 'InvalidTimeout',
      message: `The timeout "${task.spec.timeout}" is not a duration such as "90s" or "5m"`,
    }
  }
  const common = { definition, timeoutSeconds: Math.floor(timeoutMs / 1000) }
  const source = sourceOf(definition.spec)
  switch (source.kind) {
    case 'unusable':
      return stalledBy(definition, source)
    case 'container':
      return { kind: 'container', ...common, container: source.container }
    case 'script': {
      const secret = secretFor(task, source.runtime)
      return {
        kind: 'script',
        ...common,
        language: source.language,
        runtime: source.runtime,
        code: codeFor(task, definition, source.code),
        ...(secret === undefined ? {} : { secret }),
      }
    }
  }
}

const notFound = (task: KeptnTask, home: string): Plan => {
  const { namespace = '' } = task.metadata
  const places = namespace === home ? `"${home}"` : `"${namespace}" or "${home}"`
  return {
    kind: 'stalled',
    reason: 'DefinitionNotFound',
    message: `KeptnTaskDefinition "${task.spec.taskDefinition}" does not exist in the namespace ${places}: create it in one of them, and the task starts`,
  }
}

/** What the controller of definitions says against this one, if anything. */
const obstacleIn = (definition: KeptnTaskDefinition): Plan | undefined => {
  const ready = findCondition(definition.status?.conditions, conditionTypes.ready)
  // What an older generation was found to be says nothing about this one: its code may not be in the ConfigMap yet.
  const isCurrent = ready?.observedGeneration === definition.metadata.generation
  if (ready === undefined || !isCurrent) return { kind: 'waiting' }
  return ready.status === 'True' ? undefined : stalledBy(definition, ready)
}

const stalledBy = (
  { metadata: { namespace = '', name } }: KeptnTaskDefinition,
  { reason, message }: { readonly reason: string; readonly message: string },
): Plan => ({
  kind: 'stalled',
  reason,
  message: `KeptnTaskDefinition "${namespace}/${name}" cannot be used: ${message}`,
})

const codeFor = (
  task: KeptnTask,
  definition: KeptnTaskDefinition,
  code: Code,
): CodeAt | RemoteCode => {
  if (code.kind === 'url') {
    const { url, sha256 } = code
    return { url, ...(sha256 === undefined ? {} : { sha256 }) }
  }
  const { namespace = '', name } = definition.metadata
  return {
    namespace,
    ...(code.kind === 'inline'
      ? { name: functionConfigMapName(name), text: code.text }
      : { name: code.name }),
    ...(namespace === task.metadata.namespace
      ? {}
      : { copy: childName('keptnfn', name, task.metadata.uid) }),
  }
}
