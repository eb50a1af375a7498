/**
 * Reflects a custom kind that may or may not be installed.
 *
 * One CustomResourceDefinition is watched, by its name. Once it is established and serves our version of the kind, the kind
 * itself is listed and watched; when the definition goes, that ends and the store becomes empty, which its listeners are
 * told object by object. A definition that was made again under its name (another UID) begins anew. While there is none, the
 * kind is never asked for, and the watch of the definition is the only request.
 *
 * To be without the definition is a state like others: the reflector is in sync with it, so nobody waits for a kind that
 * is never installed. One that is there from the start is waited for; one that comes later takes nothing back.
 *
 * @module
 */
import { CustomResourceDefinition } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { reportOnce, startReflector, type Reflector, type ReflectorOptions } from './reflector.ts'
import { createListeners } from './listeners.ts'
import { createFeed, type Change, type Indexes, type Store } from './store.ts'

/** Starts to reflect a kind whenever it is installed, until the signal is aborted. */
export const startOptionalReflector = <T extends KubeObject>(
  options: ReflectorOptions<T>,
): Reflector<T> => {
  const { type, signal } = options
  const outlet = createOutlet<T>(options)
  const definitions = reflectDefinition(options)
  let installation: Installation<T> | undefined
  let hasSynced = false

  const follow = (definition: CustomResourceDefinition | undefined): void => {
    const uid = definition?.metadata.uid
    if (uid === installation?.definitionUid) return
    installation?.end()
    outlet.disconnect()
    installation = uid === undefined ? undefined : install(options, uid)
    if (installation !== undefined) outlet.connect(installation.reflector.store, installation)
  }
  definitions.store.subscribe(
    ({ now }) => {
      follow(now !== undefined && serves(now, type.version) ? now : undefined)
    },
    { signal },
  )

  const sync = async (): Promise<void> => {
    await definitions.synced
    // What is uninstalled meanwhile, or installed anew, settles too.
    while (installation?.reflector.isSynced() === false && !signal.aborted) {
      await installation.settled
    }
    hasSynced = true
  }

  return {
    store: outlet.store,
    type,
    synced: sync(),
    isSynced: () => hasSynced,
    idleMs: () => (installation?.reflector ?? definitions).idleMs(),
  }
}

/** The one definition of a kind, cut down to what is read of it: with its schema it may take half a megabyte. */
const reflectDefinition = <T extends KubeObject>({
  client,
  type,
  log,
  signal,
  timing,
}: ReflectorOptions<T>): Reflector<CustomResourceDefinition> =>
  startReflector<CustomResourceDefinition>({
    client,
    type: CustomResourceDefinition,
    fieldSelector: `metadata.name=${type.plural}.${type.group}`,
    project: ({ apiVersion, kind, metadata, spec, status }: CustomResourceDefinition) => ({
      apiVersion,
      kind,
      metadata: {
        name: metadata.name,
        uid: metadata.uid,
        resourceVersion: metadata.resourceVersion,
        creationTimestamp: metadata.creationTimestamp,
      },
      spec: { versions: spec.versions.map(({ name, served }) => ({ name, served })) },
      ...(status?.conditions === undefined ? {} : { status: { conditions: status.conditions } }),
    }),
    log,
    signal,
    ...(timing === undefined ? {} : { timing }),
  })

const serves = ({ spec, status }: CustomResourceDefinition, version: string): boolean =>
  spec.versions.some(({ name, served }) => name === version && served) &&
  (status?.conditions ?? []).some(
    (condition) => condition.type === 'Established' && condition.status === 'True',
  )

/** A kind while its definition is there. */
interface Installation<T extends KubeObject> {
  readonly definitionUid: string
  readonly reflector: Reflector<T>
  readonly signal: AbortSignal
  /** Resolves when the first list is in the store, or at the end. */
  readonly settled: Promise<void>
  readonly end: () => void
}

const install = <T extends KubeObject>(
  options: ReflectorOptions<T>,
  definitionUid: string,
): Installation<T> => {
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const reflector = startReflector<T>({ ...options, signal })
  const { promise: ended, resolve } = Promise.withResolvers<undefined>()
  signal.addEventListener('abort', () => {
    resolve(undefined)
  })
  return {
    definitionUid,
    reflector,
    signal,
    settled: Promise.race([reflector.synced, ended]),
    end: () => {
      ending.abort()
    },
  }
}

/** A store that shows another one, or nothing. */
interface Outlet<T extends KubeObject> {
  readonly store: Store<T>
  /** Shows what this store holds, and its changes until the signal is aborted. */
  connect(source: Store<T>, options: { readonly signal: AbortSignal }): void
  /** Shows nothing any more: each object that was shown is gone. */
  disconnect(): void
}

const createOutlet = <T extends KubeObject>(
  options: Pick<ReflectorOptions<T>, 'indexes' | 'log' | 'type'>,
): Outlet<T> => {
  const report = reportOnce(options.log.child({ reflector: options.type.kind }))
  const nothing = emptyStore<T>(options.indexes ?? {})
  const changes = createListeners<Change<T>>((error, change) => {
    report(error, { step: 'listener', key: (change.now ?? change.before)?.metadata.name ?? '' })
  })
  const listings = createListeners<undefined>((error) => {
    report(error, { step: 'listener', key: '' })
  })
  let source = nothing
  /** Lists in the stores that were shown before. */
  let earlierLists = 0

  return {
    store: {
      get: (namespace, name) => source.get(namespace, name),
      all: () => source.all(),
      by: (index, value) => source.by(index, value),
      subscribe: changes.add,
      lists: () => earlierLists + source.lists(),
      onListed: listings.add,
      learn: (object) => {
        source.learn(object)
      },
      learnGone: (object) => {
        source.learnGone(object)
      },
    },
    connect(next, { signal }) {
      source = next
      next.subscribe(changes.tell, { signal })
      next.onListed(
        () => {
          listings.tell(undefined)
        },
        { signal },
      )
    },
    disconnect() {
      const shown = [...source.all()]
      earlierLists += source.lists()
      source = nothing
      for (const before of shown) changes.tell({ before })
    },
  }
}

/** Has the indexes, so that asking by one that does not exist fails whether or not the kind is installed. */
const emptyStore = <T extends KubeObject>(indexes: Indexes<T>): Store<T> =>
  createFeed<T>({
    project: (object) => object as T,
    matches: () => false,
    indexes,
    onError: (error) => {
      throw error
    },
  }).store
