/**
 * How objects name each other. Pure.
 *
 * A definition names its templates, and a template its provider, by name and, if they like, by namespace. Without a namespace
 * the object is in that of the AnalysisDefinition: its home.
 *
 * @module
 */
import type { AnalysisDefinition, TemplateReference } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'

/** A name, with a namespace if its author gave one: an empty one is none. */
type Reference = Pick<TemplateReference, 'name' | 'namespace'>

/** How people call a template: with its namespace where the definition names that. */
export const nameOf = ({ name, namespace = '' }: Reference): string =>
  namespace === '' ? name : `${namespace}/${name}`

/** The namespace that a reference is about. */
export const namespaceOf = <Home extends string | undefined>(
  { namespace = '' }: Reference,
  home: Home,
): string | Home => (namespace === '' ? home : namespace)

/** Finds an object by a reference. */
export type Find<T> = (reference: Reference) => T | undefined

/** Finds objects as a definition of this namespace, and its templates, name them. */
export const byReference = <T extends KubeObject>(
  objects: readonly T[],
  home: string | undefined,
): Find<T> => {
  const found = new Map(objects.map((object) => [keyOf(object), object]))
  return (reference) => found.get(joinKey(namespaceOf(reference, home), reference.name))
}

/** The templates that a definition names, each once, in the order of its objectives. */
export const referencesOf = ({ spec }: AnalysisDefinition): readonly TemplateReference[] => [
  ...new Map(
    (spec.objectives ?? []).map(({ analysisValueTemplateRef: reference }) => [
      nameOf(reference),
      reference,
    ]),
  ).values(),
]
