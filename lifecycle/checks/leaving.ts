/**
 * Objects that have a name which is needed, and that will be gone.
 *
 * @module
 */
import { controllerOf, type KubeObject } from '../../api/object.ts'

/** Whether the object is being deleted: it counts as gone, but its name is taken until it is. */
export const isLeaving = ({ metadata }: KubeObject): boolean =>
  metadata.deletionTimestamp !== undefined

/**
 * Whether this child is being deleted, or belongs to an earlier object that had its owner's name and waits for garbage
 * collection. Its removal wakes whoever needs the name.
 */
export const isOnItsWayOut = (child: KubeObject, owner: KubeObject): boolean => {
  if (isLeaving(child)) return true
  const other = controllerOf(child)
  return (
    other !== undefined &&
    other.kind === owner.kind &&
    other.name === owner.metadata.name &&
    other.uid !== owner.metadata.uid
  )
}
