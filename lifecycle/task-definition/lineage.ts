/**
 * Definitions that run the code of another one: `functionRef` names it, which may name a further one, and so on.
 *
 * The last of such a line has the code, and with it the language, the image and the place where the code is mounted. What is
 * given to the code comes from all of them, the nearest first: of the parameters each name by itself, of `secureParameters`
 * and `cmdParameters` those of the first that has any. All else that a pod needs (service account, token, pull secrets, how
 * long its Job stays) is the first definition's own affair.
 *
 * @module
 */
import type { KeptnTaskDefinition, RuntimeSpec } from '../../api/index.ts'
import { keyOf } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { isLeaving } from '../checks/leaving.ts'
import { sourceOf, type Source } from './source.ts'

/** What the tasks of a definition run, and whose it is; or why none can be run, and which definition is to blame. */
export type Lineage = Exclude<Source, { kind: 'reference' }> & {
  readonly definition: KeptnTaskDefinition
}

/** Finds a definition as a task does: in the first of these namespaces that has one of the name. */
export const finderIn =
  (definitions: Pick<Store<KeptnTaskDefinition>, 'get'>, namespaces: readonly string[]) =>
  (name: string): KeptnTaskDefinition | undefined =>
    namespaces
      .map((namespace) => definitions.get(namespace, name))
      .find((found) => found !== undefined && !isLeaving(found))

/** What a definition refers to, and what that refers to. In a circle, the last is one that was there before. */
export const parentsOf = (
  definition: KeptnTaskDefinition,
  find: (name: string) => KeptnTaskDefinition | undefined,
): readonly KeptnTaskDefinition[] => {
  const line = [definition]
  for (let last: KeptnTaskDefinition | undefined = definition; last !== undefined;) {
    const source = sourceOf(last.spec)
    const parent: KeptnTaskDefinition | undefined =
      source.kind === 'reference' ? find(source.name) : undefined
    const isCircle = parent !== undefined && line.some((other) => isSame(other, parent))
    if (parent !== undefined) line.push(parent)
    last = isCircle ? undefined : parent
  }
  return line.slice(1)
}

const isSame = (one: KeptnTaskDefinition, other: KeptnTaskDefinition): boolean =>
  keyOf(one) === keyOf(other)

/**
 * Tells what the tasks of a definition run. `parents`: what `parentsOf` found; `namespaces`: where it was looked for.
 */
export const lineageOf = (
  definition: KeptnTaskDefinition,
  parents: readonly KeptnTaskDefinition[],
  namespaces: readonly string[],
): Lineage => {
  const line = [definition, ...parents]
  const last = parents.at(-1) ?? definition
  const before = line.slice(0, -1)
  if (before.some((other) => isSame(other, last))) return circle(definition, line)
  const source = sourceOf(last.spec)
  return source.kind === 'reference'
    ? missing(last, source.name, namespaces)
    : ended(source, last, before.flatMap(givenBy))
}

const givenBy = ({ spec }: KeptnTaskDefinition): readonly RuntimeSpec[] => {
  const source = sourceOf(spec)
  return source.kind === 'reference' ? [source.runtime] : []
}

type Ended = Exclude<Source, { kind: 'reference' }>

const ended = (
  source: Ended,
  definition: KeptnTaskDefinition,
  given: readonly RuntimeSpec[],
): Lineage => {
  switch (source.kind) {
    case 'script':
      return { ...source, definition, runtime: given.reduceRight(inherit, source.runtime) }
    case 'container':
      return given.length === 0
        ? { ...source, definition }
        : {
            kind: 'unusable',
            definition,
            reason: 'ParentWithoutCode',
            message: 'It is a container, and `functionRef` can only run the code of a script',
          }
    case 'unusable':
      return { ...source, definition }
  }
}

const inherit = (parent: RuntimeSpec, child: RuntimeSpec): RuntimeSpec => {
  const { secureParameters = {} } = child
  const hasSecret = (secureParameters.secret ?? '') !== ''
  const hasArguments = (child.cmdParameters ?? '') !== ''
  return {
    ...parent,
    parameters: { map: { ...parent.parameters?.map, ...child.parameters?.map } },
    ...(hasSecret ? { secureParameters } : {}),
    ...(hasArguments ? { cmdParameters: child.cmdParameters } : {}),
  }
}

const circle = (
  definition: KeptnTaskDefinition,
  line: readonly KeptnTaskDefinition[],
): Lineage => ({
  kind: 'unusable',
  definition,
  reason: 'FunctionRefCircle',
  message: `Following \`functionRef\` leads in a circle: ${line.map((each) => `"${keyOf(each)}"`).join(' → ')}. Give one of them code of its own`,
})

const missing = (
  definition: KeptnTaskDefinition,
  name: string,
  namespaces: readonly string[],
): Lineage => ({
  kind: 'unusable',
  definition,
  reason: parentNotFound,
  message: `KeptnTaskDefinition "${name}", whose code \`functionRef\` asks for, does not exist in the namespace ${namespaces.map((each) => `"${each}"`).join(' or ')}: create it`,
})

/** The reason of a definition that refers to one that isn't there. */
export const parentNotFound = 'ParentNotFound'

/** The namespaces that definitions for tasks of this one are looked for in, ours last. */
export const placesFor = (namespace: string, home: string): readonly string[] =>
  namespace === home ? [home] : [namespace, home]

/** The index for the store of definitions that `heirsOf` needs. */
export const definitionIndexes = {
  refersTo: ({ spec }: KeptnTaskDefinition): readonly string[] => {
    const source = sourceOf(spec)
    return source.kind === 'reference' ? [source.name] : []
  },
}

/** The definitions that refer to one of this name, and those that refer to them, in whatever namespace they are. */
export const heirsOf = (
  definitions: Pick<Store<KeptnTaskDefinition>, 'by'>,
  name: string,
): readonly KeptnTaskDefinition[] => {
  const heirs = new Map<string, KeptnTaskDefinition>()
  const names = [name]
  for (const each of names) {
    for (const heir of definitions.by('refersTo', each)) {
      if (heirs.has(keyOf(heir))) continue
      heirs.set(keyOf(heir), heir)
      names.push(heir.metadata.name)
    }
  }
  return [...heirs.values()]
}

/** Why a task cannot be run from a definition, or another definition not from this one. */
export const blamedOn = (
  { metadata: { namespace = '', name } }: KeptnTaskDefinition,
  { reason, message }: { readonly reason: string; readonly message: string },
): { readonly reason: string; readonly message: string } => ({
  reason,
  message: `KeptnTaskDefinition "${namespace}/${name}" cannot be used: ${message}`,
})
