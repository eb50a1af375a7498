/**
 * What objectives are called, so that no two of an evaluation are taken for one. Pure.
 *
 * Keptn calls an objective by the name of its metric, and so do we wherever that is enough.
 *
 * @module
 */
import type { ObjectiveStatus } from '../../api/index.ts'

type Named = Pick<ObjectiveStatus, 'name' | 'namespace' | 'target'>

/** The metric of an objective: its name, with its namespace where another objective's metric of that name is elsewhere. */
export const labelOf = ({ name, namespace }: Named, among: readonly Named[]): string =>
  among.some((other) => other.name === name && other.namespace !== namespace)
    ? `${namespace}/${name}`
    : name

/**
 * The key of an objective, unlike that of every other: its label, with its target where others are about the same metric.
 * Neither names nor namespaces have a slash or a blank, so that no key can be read as that of another objective.
 */
export const outcomeKeyOf = (objective: Named, among: readonly Named[]): string => {
  const { name, namespace, target } = objective
  const label = labelOf(objective, among)
  const sharing = among.filter((other) => other.name === name && other.namespace === namespace)
  return sharing.length > 1 ? `${label} ${target}` : label
}
