/**
 * What admission reads of the cluster: managed namespaces from memory, owners of pods at the moment they are asked for.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Namespace } from '../api/kubernetes.ts'
import type { KubeObject, OwnerReference } from '../api/object.ts'
import type { Owner } from '../identity/identity.ts'
import { keys } from '../identity/keys.ts'
import { ownerOf } from '../identity/owner.ts'
import { parseReleased } from '../identity/released.ts'
import type { RevisionKey } from '../identity/revision.ts'
import { heldOwnerOf } from '../identity/scope.ts'
import type { Client } from '../kube/client.ts'
import { startReflector } from '../kube/reflector.ts'
import type { Cluster } from './app.ts'
import type { Question } from './review.ts'
import { begin, change, recent, settleMs, type History, type Released } from './settling.ts'

/** A managed namespace, as far as admission looks at it. */
interface ManagedNamespace extends KubeObject {
  readonly released: Released
}

const releasedIn = ({ metadata }: Pick<Namespace, 'metadata'>): Released =>
  parseReleased(metadata.annotations?.[keys.released]) ?? new Set<RevisionKey>()

const projectNamespace = ({ apiVersion, kind, metadata }: Namespace): ManagedNamespace => {
  const { name, uid, resourceVersion, creationTimestamp } = metadata
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, creationTimestamp },
    released: releasedIn({ metadata }),
  }
}

/** Starts to watch the managed namespaces. Before they are known every pod is held, so nothing is released too early. */
export const watchCluster = (options: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
  /** How long reading an owner or a list may take; together less than the API server waits for our answer. */
  readonly timeoutMs: number
}): { readonly cluster: Cluster; readonly isSynced: () => boolean } => {
  const { client, log, signal, timeoutMs } = options
  const namespaces = startReflector<ManagedNamespace>({
    client,
    type: Namespace,
    labelSelector: `${keys.optIn}=enabled`,
    project: projectNamespace,
    log,
    signal,
  })
  const histories = new Map<string, History>()
  namespaces.store.subscribe(({ before, now }) => {
    const name = (now ?? before)?.metadata.name ?? ''
    if (now === undefined) histories.delete(name)
    else if (namespaces.isSynced()) {
      histories.set(name, change(histories.get(name) ?? [], now.released, performance.now()))
    } else histories.set(name, begin(now.released))
  })
  return {
    isSynced: () => namespaces.isSynced(),
    cluster: {
      released: (namespace) => namespaces.store.get(undefined, namespace)?.released,
      recent: (namespace) => recent(histories.get(namespace) ?? [], performance.now()),
      settled: () => pause(settleMs),
      readReleased: listReader({ client, log, timeoutMs }),
      ownerOf: ownerReader({ client, log, timeoutMs }),
    },
  }
}

/**
 * Reads the list of a namespace as it is now. Never answers two pods with one reading: the second may have been let go by a
 * list that is newer.
 */
export const listReader = (options: {
  readonly client: Pick<Client, 'list'>
  readonly log: Logger
  readonly timeoutMs: number
}): Cluster['readReleased'] => {
  const { client, log, timeoutMs } = options
  return async (namespace) => {
    try {
      const fieldSelector = `metadata.name=${namespace}`
      const limits = { timeoutMs, signal: AbortSignal.timeout(timeoutMs) }
      // A list of one: it takes no right besides those of the watch.
      const { items } = await client.list(Namespace, { fieldSelector }, limits)
      return items[0] && releasedIn(items[0])
    } catch (error) {
      log.warn({ err: error, namespace }, 'Released list of a namespace could not be read')
      return undefined
    }
  }
}

/** Reads owners of pods. Pods of one revision that are asked about at the same time share one answer. */
export const ownerReader = (options: {
  readonly client: Pick<Client, 'get'>
  readonly log: Logger
  readonly timeoutMs: number
}): Cluster['ownerOf'] => {
  const { client, log, timeoutMs } = options
  const underWay = new Map<string, Promise<Owner | undefined>>()

  const start = async (
    { object, namespace }: Question,
    reference: OwnerReference,
  ): Promise<Owner | undefined> => {
    try {
      const limits = { timeoutMs, signal: AbortSignal.timeout(timeoutMs) }
      return await ownerOf(object, (type, name) => client.get(type, { namespace, name }, limits))
    } catch (error) {
      const { kind, name } = reference
      log.warn({ err: error, owner: { kind, namespace, name } }, 'Owner of a pod could not be read')
      return undefined
    }
  }

  return async (question: Question) => {
    const { object } = question
    const reference = heldOwnerOf(object)
    if (reference === undefined) return undefined
    // The hash too: the owner of a newer version of a StatefulSet may say something else.
    const key = `${reference.uid}/${object.metadata.labels?.[keys.controllerRevisionHash] ?? ''}`
    const running = underWay.get(key)
    if (running !== undefined) return running
    const reading = start(question, reference).finally(() => underWay.delete(key))
    underWay.set(key, reading)
    return reading
  }
}
