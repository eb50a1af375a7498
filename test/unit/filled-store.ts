import type { KubeObject } from '../../api/object.ts'
import { createFeed, type Indexes, type Store } from '../../kube/store.ts'

/** A real store that holds these objects, in which nothing is expected to fail. */
export const filledStore = <T extends KubeObject>(
  objects: readonly T[],
  indexes: Indexes<T> = {},
): Store<T> => {
  const feed = createFeed<T>({
    project: (object) => object as T,
    matches: () => true,
    indexes,
    onError: (error) => {
      throw error
    },
  })
  for (const object of objects) feed.apply('ADDED', object)
  return feed.store
}
