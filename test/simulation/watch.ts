/**
 * How a process sees a simulated cluster: each kind through a watch that tells when the history says so. It lags, it tells
 * things twice, and it expires, so that only a list shows what has happened meanwhile.
 *
 * The rules of a store are the real ones. What a reflector does besides, which is to renew its connection, has tests of its
 * own; here its timers would keep a settled cluster from being settled.
 *
 * @module
 */
import type { KubeObject, ResourceType } from '../../api/object.ts'
import type { Reflector, ReflectorOptions } from '../../kube/reflector.ts'
import { selects } from '../../kube/selector.ts'
import { createFeed, type Feed } from '../../kube/store.ts'
import type { ApiServer, Change } from './api-server.ts'

/** A kind as one process watches it. */
export interface Watch {
  readonly kind: string
  /** Whether there is something that it has not told yet. */
  readonly isBehind: () => boolean
  /** Lists, if it has to, or tells the next change. */
  readonly deliver: () => void
  /** Tells the last change once more. */
  readonly repeat: () => void
  /** Loses its place: what was not told is never told, and a list takes its place. */
  readonly expire: () => void
}

/** The watches of one process. */
export interface Watches {
  /** In the place of `startReflector`. */
  readonly reflect: <T extends KubeObject>(options: ReflectorOptions<T>) => Reflector<T>
  readonly all: readonly Watch[]
  readonly tell: (change: Change) => void
}

type Event = Parameters<Feed<KubeObject>['apply']>

interface Following {
  readonly watch: Watch
  readonly tell: (change: Change) => void
}

const nameOf = ({ group, kind }: Pick<ResourceType<KubeObject>, 'group' | 'kind'>): string =>
  `${group}/${kind}`

/** Makes the watches of one process; they have seen nothing yet. */
export const createWatches = (server: ApiServer): Watches => {
  const all: Watch[] = []
  const tellings = new Map<string, ((change: Change) => void)[]>()
  return {
    all,
    tell: (change) => {
      for (const tell of tellings.get(nameOf(change.type)) ?? []) tell(change)
    },
    reflect: (options) => {
      const { reflector, watch, tell } = follow(server, options)
      all.push(watch)
      const name = nameOf(options.type)
      tellings.set(name, [...(tellings.get(name) ?? []), tell])
      return reflector
    },
  }
}

const follow = <T extends KubeObject>(
  server: ApiServer,
  options: ReflectorOptions<T>,
): Following & { readonly reflector: Reflector<T> } => {
  const { type } = options
  const isSelected = selects(options)
  const feed = createFeed<T>({
    project: options.project ?? ((object: KubeObject) => object as T),
    matches: isSelected,
    indexes: options.indexes ?? {},
    onError: (error) => {
      throw error
    },
  })
  const { promise: synced, resolve } = Promise.withResolvers<undefined>()
  const waiting: Event[] = []
  let last: Event | undefined
  let needsList = true
  let isSynced = false

  const list = (): void => {
    const listed = new Map<string, T>()
    feed.collect(listed, server.list(type).filter(isSelected))
    feed.replace(listed, server.version())
    needsList = false
    isSynced = true
    resolve(undefined)
  }
  const next = (): void => {
    last = waiting.shift()
    if (last !== undefined) feed.apply(...last)
  }
  const expire = (): void => {
    waiting.length = 0
    last = undefined
    needsList = true
  }
  return {
    reflector: {
      store: feed.store,
      type,
      synced,
      isSynced: () => isSynced,
      idleMs: () => 0,
    },
    watch: {
      kind: type.kind,
      isBehind: () => needsList || waiting.length > 0,
      deliver: () => {
        if (needsList) list()
        else next()
      },
      repeat: () => {
        if (last !== undefined) feed.apply(...last)
      },
      expire,
    },
    tell: (change) => {
      const event = needsList ? undefined : eventOf(change, isSelected)
      if (event !== undefined) waiting.push(event)
    },
  }
}

/** What a watch with a selector tells of a change: an object that is selected no longer is gone for it. */
const eventOf = (
  { before, after, version }: Change,
  isSelected: (object: KubeObject) => boolean,
): Event | undefined => {
  const was = before !== undefined && isSelected(before)
  if (after !== undefined && isSelected(after)) return [was ? 'MODIFIED' : 'ADDED', after]
  return was ? ['DELETED', atVersion(before, version)] : undefined
}

/** A deletion is told with what the object was before, at the version of the deletion. */
const atVersion = (object: KubeObject, version: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: version },
})
