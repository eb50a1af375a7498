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

/** Reads an object; `undefined`: there is none of that name. */
export type ReadObject = (
  type: ResourceType<Templated>,
  at: { readonly namespace: string; readonly name: string },
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
  namespace: string,
  reference: OwnerReference,
): Promise<Templated | undefined> => {
  const type = typeOf(reference)
  if (type === undefined) return undefined
  const object = await read(type, { namespace, name: reference.name })
  // A namesake that was made since then is another owner.
  return object?.metadata.uid === reference.uid ? object : undefined
}

/**
 * What `identify` asks of a pod's owner: the metadata of the topmost one, and the template of the direct one.
 * `undefined`: the pod is not one that is held, or one of its owners does not exist (any more).
 * Throws what `read` throws.
 */
export const ownerOf = async (pod: KubeObject, read: ReadObject): Promise<Owner | undefined> => {
  const { namespace } = pod.metadata
  const reference = heldOwnerOf(pod)
  if (reference === undefined || namespace === undefined) return undefined
  const direct = await readOne(read, namespace, reference)
  if (direct === undefined) return undefined
  const above = controllerOf(direct)
  // What stands above and is not known is not asked: the direct owner is the topmost one that can be.
  const top =
    above === undefined || typeOf(above) === undefined
      ? direct
      : await readOne(read, namespace, above)
  if (top === undefined) return undefined
  return { metadata: top.metadata, template: direct.spec?.template ?? { spec: { containers: [] } } }
}
