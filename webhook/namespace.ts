/**
 * Mirrors the opt-in annotation of a namespace to the label of the same key, by which the API server selects.
 *
 * A namespace without the annotation keeps its label: the label opts in on its own, and whoever takes the annotation
 * away may mean just that. To opt out, remove the label or give the annotation another value.
 *
 * @module
 */
import { keys } from '../identity/keys.ts'
import { isManaged, systemNamespaces, wantsManaging } from '../identity/scope.ts'
import { addMembers, pointer } from './patch.ts'
import { untouched, type Answer, type Question } from './review.ts'

/** The answer about a namespace that is created or changed. */
export const admitNamespace = (question: Question, ownNamespace: string): Answer => {
  const { object } = question
  if (!isMirrored(question, ownNamespace)) return untouched
  if (wantsManaging(object) === isManaged(object)) return untouched
  return {
    allowed: true,
    patch: isManaged(object)
      ? [{ op: 'remove', path: pointer('metadata', 'labels', keys.optIn) }]
      : addMembers(['metadata', 'labels'], object.metadata.labels, { [keys.optIn]: 'enabled' }),
  }
}

const isMirrored = ({ operation, kind, subResource, object }: Question, own: string): boolean => {
  const name = object.metadata.name ?? ''
  return (
    (operation === 'CREATE' || operation === 'UPDATE') &&
    kind === 'Namespace' &&
    subResource === '' &&
    name !== own &&
    !systemNamespaces.includes(name)
  )
}
