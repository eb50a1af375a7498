/**
 * What a reflector has seen of one kind, and the rules by which it changes.
 *
 * Three sources feed it: lists, watch events, and the answers to our own writes, which often arrive before the watch tells. The
 * resource version decides between them. The *mark* is the version up to which everything has been told: an
 * event or answer at or below it can bring nothing new, so an object that isn't held and comes with such a version
 * was deleted since, and is not revived. Above the mark, the newer version of an object wins.
 *
 * @module
 */
import type { KubeObject } from '../api/object.ts'
import { keyOf, joinKey } from './keys.ts'
import { createListeners } from './listeners.ts'
import { compareVersions } from './resource-version.ts'

/** A change of one object: `before` alone is a deletion, `now` alone an addition. */
export interface Change<T extends KubeObject> {
  readonly now?: T
  readonly before?: T
}

/** A view of the objects of one kind. Whatever it returns is never changed afterwards. */
export interface Store<T extends KubeObject> {
  get(namespace: string | undefined, name: string): T | undefined
  all(): Iterable<T>
  /** The objects for which the index function named a value. Throws for an index that doesn't exist. */
  by(index: string, value: string): readonly T[]
  /** Calls the listener for each change from now on, in the same turn in which the change is seen; until `signal` is aborted. */
  subscribe(
    listener: (change: Change<T>) => void,
    options?: { readonly signal?: AbortSignal },
  ): void
  /**
   * How many lists have been put in it. A list shows what there is, and not what came and went, or was selected no longer,
   * since the last word before it.
   */
  lists(): number
  /** Calls the listener after each list that is put in it from now on, until `signal` is aborted. */
  onListed(listener: () => void, options?: { readonly signal?: AbortSignal }): void
  /** Folds in the answer to a write, if newer than what is held; never revives what was seen deleted. */
  learn(object: KubeObject): void
  /** Folds in the answer that this very object is not there any more. */
  learnGone(object: KubeObject): void
}

/** Functions that name the values under which an object is found. */
export type Indexes<T extends KubeObject> = Readonly<
  Record<string, (object: T) => readonly string[]>
>

/** What a store is made of. */
export interface StoreOptions<T extends KubeObject> {
  /** Keeps what is read of an object. It must keep name, namespace, UID and resource version. */
  readonly project: (object: KubeObject) => T
  /** Whether an object belongs here: kind, namespace, selectors. Asked of answers to writes, as they come. */
  readonly matches: (object: KubeObject) => boolean
  readonly indexes: Indexes<T>
  /** Told of a listener, projection or index that threw. */
  readonly onError: (error: unknown, what: { readonly step: string; readonly key: string }) => void
}

/** What was on a list, by key, already projected. */
export type Listed<T extends KubeObject> = Map<string, T>

/** The side of a store that its reflector writes to. */
export interface Feed<T extends KubeObject> {
  readonly store: Store<T>
  /** Takes the items of a page into what will replace the store's objects. */
  collect(into: Listed<T>, items: readonly KubeObject[]): void
  /** Makes the store equal to a whole list that was taken at a version; returns the number of differences. */
  replace(listed: Listed<T>, resourceVersion: string): number
  /** Folds in a change from the watch. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void
  /** Everything up to this version has been told. */
  advance(resourceVersion: string): void
  /** The mark: the version to go on from. */
  resourceVersion(): string
}

/** Makes an empty store. */
export const createFeed = <T extends KubeObject>(options: StoreOptions<T>): Feed<T> => {
  const objects = new Map<string, T>()
  const indexes = createIndexes(options)
  /** UIDs that an answer to a write showed to match no longer, with its version, until the mark has passed it. */
  const departed = new Map<string, string>()
  /**
   * UIDs of which an answer said that they are gone, until the watch or a list says so; with the number of lists by then. The
   * next list may have been asked for before, but one after it that has the object knows better.
   */
  const gone = new Map<string, number>()
  let mark = '0'

  const isOlder = (version: string, than: string): boolean => compareVersions(version, than) < 0

  const changes = createListeners<Change<T> & { readonly key: string }>((error, { key }) => {
    options.onError(error, { step: 'listener', key })
  })
  const listings = createListeners<undefined>((error) => {
    options.onError(error, { step: 'listener', key: '' })
  })
  let lists = 0

  const remove = (key: string, before: T): void => {
    objects.delete(key)
    indexes.remove(key, before)
    changes.tell({ key, before })
  }

  const put = (key: string, now: T): void => {
    let before = objects.get(key)
    // A namesake with another UID is another object: the first one is gone, and listeners get to know that.
    if (before !== undefined && before.metadata.uid !== now.metadata.uid) {
      remove(key, before)
      before = undefined
    }
    if (before !== undefined) indexes.remove(key, before)
    objects.set(key, now)
    indexes.add(key, now)
    changes.tell(before === undefined ? { key, now } : { key, now, before })
  }

  const project = (object: KubeObject): T | undefined => {
    try {
      return options.project(object)
    } catch (error) {
      options.onError(error, { step: 'projection', key: keyOf(object) })
      return undefined
    }
  }

  const admit = (key: string, object: KubeObject): void => {
    const projected = project(object)
    if (projected !== undefined) put(key, projected)
  }

  const hasDeparted = ({ metadata }: KubeObject): boolean => {
    if (gone.has(metadata.uid)) return true
    const version = departed.get(metadata.uid)
    return version !== undefined && !isOlder(version, metadata.resourceVersion)
  }

  const advance = (version: string): void => {
    if (isOlder(mark, version)) mark = version
    for (const [uid, at] of departed) {
      if (!isOlder(mark, at)) departed.delete(uid)
    }
  }

  const store: Store<T> = {
    get: (namespace, name) => objects.get(joinKey(namespace, name)),
    all: () => objects.values(),
    by: indexes.by,
    subscribe: changes.add,
    lists: () => lists,
    onListed: listings.add,
    learn(object) {
      const version = object.metadata.resourceVersion
      const key = keyOf(object)
      const held = objects.get(key)
      if (!isOlder(mark, version) || hasDeparted(object)) return
      if (held !== undefined && !isOlder(held.metadata.resourceVersion, version)) return
      if (options.matches(object)) {
        admit(key, object)
      } else if (held !== undefined) {
        departed.set(object.metadata.uid, version)
        remove(key, held)
      }
    },
    learnGone(object) {
      const key = keyOf(object)
      const held = objects.get(key)
      if (held?.metadata.uid !== object.metadata.uid) return
      gone.set(object.metadata.uid, lists)
      remove(key, held)
    },
  }

  return {
    store,
    advance,
    resourceVersion: () => mark,
    collect(into, items) {
      for (const item of items) {
        const projected = project(item)
        if (projected !== undefined) into.set(keyOf(item), projected)
      }
    },
    replace(listed, version) {
      // A list that is older than what was told before: the cluster was restored from a backup. It is the truth now.
      const isRestored = isOlder(version, mark)
      if (isRestored) {
        mark = '0'
        departed.clear()
        gone.clear()
      }
      const listedUids = new Set([...listed.values()].map(({ metadata }) => metadata.uid))
      for (const [uid, listsBy] of gone) {
        if (!listedUids.has(uid) || listsBy < lists) gone.delete(uid)
      }
      const missing = [...objects].filter(([key, held]) => {
        const isLater = !isRestored && isOlder(version, held.metadata.resourceVersion)
        return !listed.has(key) && !isLater
      })
      const fresh = [...listed].filter(([key, object]) => {
        const held = objects.get(key)
        if (held === undefined) return !hasDeparted(object)
        const order = compareVersions(
          held.metadata.resourceVersion,
          object.metadata.resourceVersion,
        )
        return isRestored ? order !== 0 : order < 0
      })
      for (const [key, held] of missing) remove(key, held)
      for (const [key, object] of fresh) put(key, object)
      advance(version)
      lists += 1
      listings.tell(undefined)
      return missing.length + fresh.length
    },
    apply(type, object) {
      const version = object.metadata.resourceVersion
      // Equal is let through: what a lease deletes together is deleted at one version.
      if (isOlder(version, mark)) return
      const key = keyOf(object)
      const held = objects.get(key)
      const order = held === undefined ? 1 : compareVersions(version, held.metadata.resourceVersion)
      if (type === 'DELETED') {
        gone.delete(object.metadata.uid)
        if (held !== undefined && order >= 0) remove(key, held)
      } else if (order > 0 && !hasDeparted(object)) {
        admit(key, object)
      }
      advance(version)
    },
  }
}

interface IndexSet<T extends KubeObject> {
  add(key: string, object: T): void
  remove(key: string, object: T): void
  readonly by: (index: string, value: string) => readonly T[]
}

/** Most values are those of one or two objects: a Set for each would be most of the memory of an index. */
type Group<T> = T[] | Set<T>
const mostInList = 8

const addTo = <T>(groups: Map<string, Group<T>>, value: string, object: T): void => {
  const group = groups.get(value)
  if (group === undefined) groups.set(value, [object])
  else if (group instanceof Set) group.add(object)
  else if (group.includes(object)) return
  else if (group.length < mostInList) group.push(object)
  else groups.set(value, new Set([...group, object]))
}

const removeFrom = <T>(groups: Map<string, Group<T>>, value: string, object: T): void => {
  const group = groups.get(value)
  if (group instanceof Set) group.delete(object)
  else if (group?.includes(object) === true) group.splice(group.indexOf(object), 1)
  const size = group instanceof Set ? group.size : group?.length
  if (size === 0) groups.delete(value)
}

const createIndexes = <T extends KubeObject>(options: StoreOptions<T>): IndexSet<T> => {
  const tables = new Map(
    Object.keys(options.indexes).map((name) => [name, new Map<string, Group<T>>()]),
  )

  const valuesOf = (index: string, key: string, object: T): readonly string[] => {
    try {
      return options.indexes[index]?.(object) ?? []
    } catch (error) {
      options.onError(error, { step: `index ${index}`, key })
      return []
    }
  }

  return {
    add(key, object) {
      for (const [index, table] of tables) {
        for (const value of valuesOf(index, key, object)) {
          addTo(table, value, object)
        }
      }
    },
    remove(key, object) {
      for (const [index, table] of tables) {
        for (const value of valuesOf(index, key, object)) {
          removeFrom(table, value, object)
        }
      }
    },
    by(index, value) {
      const table = tables.get(index)
      if (table === undefined) throw new Error(`Cannot look up by "${index}": no such index`)
      return [...(table.get(value) ?? [])]
    },
  }
}
