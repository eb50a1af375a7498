/**
 * The owners of a pod, followed to the top. How an object is read is the caller's: live, or from a cache.
 *
 * @module
 */
import {
  DaemonSet,
  Deployment,
  ReplicaSet,
  Rollout,
  StatefulSet,
  type PodTemplate,
} from '../api/kubernetes.ts'
import {
  controllerOf,
  type KubeObject,
  type OwnerReference,
  type ResourceType,
} from '../api/object.ts'
import type { Owner } from './identity.ts'
import { groupOf, heldOwnerOf } from './scope.ts'

interface Templated extends KubeObject {
  readonly spec?: { readonly template?: PodTemplate }
}

/** Reads an object of the pod's namespace; `undefined`: there is none of that name. */
export type ReadObject = (
  type: ResourceType<Templated>,
  name: string,
) => Promise<Templated | undefined>

/** Kinds that can own what owns pods, by group and kind. */
const known: Readonly<Record<string, ResourceType<Templated>>> = {
  'apps/ReplicaSet': ReplicaSet,
  'apps/StatefulSet': StatefulSet,
  'apps/DaemonSet': DaemonSet,
  'apps/Deployment': Deployment,
  'argoproj.io/Rollout': Rollout,
}

const typeOf = ({ apiVersion, kind }: OwnerReference): ResourceType<Templated> | undefined =>
  known[`${groupOf(apiVersion)}/${kind}`]

const readOne = async (
  read: ReadObject,
  reference: OwnerReference,
): Promise<Templated | undefined> => {
  const type = typeOf(reference)
  if (type === undefined) return undefined
  const object = await read(type, reference.name)
  // A namesake that was made since then is another owner.
  return object?.metadata.uid === reference.uid ? object : undefined
}

/**
 * What `identify` asks of a pod's owner: the metadata of the topmost one, and the template of the direct one.
 * `undefined`: the pod is not one that is held, one of its owners does not exist (any more), or it has no template.
 * Throws what `read` throws.
 */
export const ownerOf = async (
  pod: { readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] } },
  read: ReadObject,
): Promise<Owner | undefined> => {
  const reference = heldOwnerOf(pod)
  const direct = reference && (await readOne(read, reference))
  if (direct === undefined) return undefined
  const above = controllerOf(direct)
  // What stands above and is not known is not asked: the direct owner is the topmost one that can be.
  const isKnown = above !== undefined && typeOf(above) !== undefined
  const top = isKnown ? await readOne(read, above) : direct
  const template = direct.spec?.template
  return top === undefined || template === undefined
    ? undefined
    : { metadata: top.metadata, template }
}
