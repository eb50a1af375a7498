/**
 * What has to be there before the Job of a task is made, as far as the task and its definition tell.
 *
 * @module
 */
import type { KeptnTask, KeptnTaskDefinition } from '../../api/index.ts'
import { parseDuration } from '../../api/duration.ts'
import type { Container } from '../../api/kubernetes.ts'
import type { RuntimeSpec } from '../../api/index.ts'
import { childName } from '../../identity/names.ts'
import { currentVerdict } from '../task-definition/decide.ts'
import { functionConfigMapName } from '../task-definition/function-config-map.ts'
import { blamedOn, lineageOf, placesFor } from '../task-definition/lineage.ts'
import type { Code, Language, RemoteCode } from '../task-definition/source.ts'
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

/** A definition, and all that it refers to by `functionRef`. */
export interface Defined {
  readonly definition: KeptnTaskDefinition
  readonly parents: readonly KeptnTaskDefinition[]
}

/** Tells what a task is going to run. `home`: the namespace whose definitions serve every namespace. */
export const planOf = (task: KeptnTask, defined: Defined | undefined, home: string): Plan => {
  if (defined === undefined) return notFound(task, home)
  const { definition, parents } = defined
  const places = placesFor(task.metadata.namespace ?? '', home)
  // What a definition says about the one it refers to is about tasks of its own namespace: this one may find another.
  const lineage = lineageOf(definition, parents, places)
  if (lineage.kind === 'unusable') return stalledBy(lineage.definition, lineage)
  const obstacle = obstacleIn(lineage.definition)
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
  switch (lineage.kind) {
    case 'container':
      return { kind: 'container', ...common, container: lineage.container }
    case 'script': {
      const secret = secretFor(task, lineage.runtime)
      return {
        kind: 'script',
        ...common,
        language: lineage.language,
        runtime: lineage.runtime,
        code: codeFor(task, lineage.definition, lineage.code),
        ...(secret === undefined ? {} : { secret }),
      }
    }
  }
}

const notFound = (task: KeptnTask, home: string): Plan => {
  const places = placesFor(task.metadata.namespace ?? '', home).map((place) => `"${place}"`)
  return {
    kind: 'stalled',
    reason: 'DefinitionNotFound',
    message: `KeptnTaskDefinition "${task.spec.taskDefinition}" does not exist in the namespace ${places.join(' or ')}: create it in one of them, and the task starts`,
  }
}

/** What the controller of definitions says against this one, if anything. */
const obstacleIn = (definition: KeptnTaskDefinition): Plan | undefined => {
  const verdict = currentVerdict(definition)
  if (verdict === undefined) return { kind: 'waiting' }
  return verdict.status === 'True' ? undefined : stalledBy(definition, verdict)
}

const stalledBy = (
  definition: KeptnTaskDefinition,
  problem: { readonly reason: string; readonly message: string },
): Plan => ({ kind: 'stalled', ...blamedOn(definition, problem) })

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
