import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import {
  ControllerRevision,
  DaemonSet,
  Pod,
  ReplicaSet,
  StatefulSet,
  type Namespace,
} from '../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { keysOfControllerRevision, type RevisionKey } from '../../identity/revision.ts'
import { carriesGate } from '../../identity/scope.ts'
import type { Client, ListQuery } from '../../kube/client.ts'
import { ApiError } from '../../kube/errors.ts'
import type { Store } from '../../kube/store.ts'
import { projectHeldPod, type HeldPod } from '../held-pods.ts'
import type { UnmanagedRevisions } from '../unmanaged.ts'
import { lacksLabel } from '../scheduling-gate.ts'
import {
  isExempt,
  isManaging,
  listOf,
  suspectsOf,
  suspectsUntilAsked,
  type ConfirmedOwners,
  type Seen,
} from './decide.ts'

/** Stores of the kinds whose pods are held; each with the index `namespace`. */
export type OwnerStores = readonly Store<KubeObject>[]

/** Where the released lists are made from. */
export interface Sources {
  readonly pods: Store<HeldPod>
  readonly namespaces: Store<Namespace>
  readonly versions: Store<KeptnWorkloadVersion>
  readonly owners: OwnerStores
  readonly unmanaged: UnmanagedRevisions
  readonly client: Pick<Client, 'list'>
  readonly settings: {
    /** The namespace that Gatekept runs in. */
    readonly namespace: string
    /** How many entries must look dead before it is asked whether they are. */
    readonly suspectsUntilAsked?: number
  }
}

/** Reads what a namespace's released list is decided on. Its memory is that of one leader's term. */
export const observe = (from: Sources): ((key: string, now: Date) => Promise<Seen | undefined>) => {
  const listPods = podLister(from)
  const listAge = listWatcher()
  return async (key, now) => {
    if (isExempt(key, from.settings.namespace)) return undefined
    const namespace = from.namespaces.get(undefined, key)
    if (namespace === undefined) return undefined
    const versions = from.versions.by('namespace', key)
    const owners = { uids: from.owners.flatMap((store) => uidsOf(store.by('namespace', key))) }
    const list = listOf(namespace)
    from.unmanaged.forget(key, list ?? new Set())
    const asks = isManaging(namespace) && list !== undefined
    const unmanaged = from.unmanaged.of(key)
    const suspects = asks ? suspectsOf(list, { versions, unmanaged, owners }).length : 0
    return {
      now,
      namespace,
      versions,
      unmanaged,
      pods: await listPods(namespace),
      owners,
      confirmed:
        suspects >= (from.settings.suspectsUntilAsked ?? suspectsUntilAsked)
          ? await confirmOwners(from.client, key)
          : undefined,
      listSeenAt: listAge(namespace, now),
    }
  }
}

/**
 * Lists the pods of a namespace when something has to be learned from them: all where there is no released list, else
 * those without a node, after each list of held pods until none of them lacks our label. Of the first only what is held or
 * has a node is kept.
 */
const podLister = ({ client, pods: held }: Pick<Sources, 'client' | 'pods'>) => {
  /** By the UID of the namespace: the list of held pods after which nothing was missing. */
  const swept = new Map<string, number>()
  return async (namespace: Namespace): Promise<readonly HeldPod[] | undefined> => {
    const { name, uid } = namespace.metadata
    if (!isManaging(namespace)) {
      swept.delete(uid)
      return undefined
    }
    const wantsAll = listOf(namespace) === undefined
    const lists = held.lists()
    if (swept.get(uid) === lists && !wantsAll) return undefined
    const query = { namespace: name, ...(wantsAll ? {} : { fieldSelector: 'spec.nodeName=' }) }
    const pods: HeldPod[] = []
    for await (const page of pagesOf(client, Pod, query)) {
      const kept = page.filter((pod) => carriesGate(pod) || pod.spec.nodeName !== undefined)
      pods.push(...kept.map(projectHeldPod))
    }
    if (pods.some(lacksLabel)) swept.delete(uid)
    else swept.set(uid, lists)
    return pods
  }
}

/** Since when the list of a namespace reads as it does now. */
const listWatcher = () => {
  const seen = new Map<string, { readonly text: string | undefined; readonly at: Date }>()
  return (namespace: Namespace, now: Date): Date => {
    const { uid, annotations } = namespace.metadata
    const text = annotations?.[keys.released]
    const before = seen.get(uid)
    if (before !== undefined && before.text === text) return before.at
    seen.set(uid, { text, at: now })
    return now
  }
}

/** What exists; `undefined` if that can't be had, for want of a permission perhaps: tidying up waits, listing what passed does not. */
const confirmOwners = async (
  client: Pick<Client, 'list'>,
  namespace: string,
): Promise<ConfirmedOwners | undefined> => {
  try {
    return await askForOwners(client, namespace)
  } catch (error) {
    if (error instanceof ApiError) return undefined
    throw error
  }
}

const askForOwners = async (
  client: Pick<Client, 'list'>,
  namespace: string,
): Promise<ConfirmedOwners> => {
  const [uids, revisions] = await Promise.all([
    Promise.all(
      [ReplicaSet, StatefulSet, DaemonSet].map((type) => listUids(client, type, namespace)),
    ),
    listRevisions(client, namespace),
  ])
  return { uids: uids.flat(), revisions }
}

const listUids = async (
  client: Pick<Client, 'list'>,
  type: ResourceType<KubeObject>,
  namespace: string,
): Promise<readonly string[]> => {
  const uids: string[] = []
  for await (const page of pagesOf(client, type, { namespace })) uids.push(...uidsOf(page))
  return uids
}

const listRevisions = async (
  client: Pick<Client, 'list'>,
  namespace: string,
): Promise<readonly RevisionKey[]> => {
  const found: RevisionKey[] = []
  for await (const page of pagesOf(client, ControllerRevision, { namespace })) {
    found.push(...page.flatMap(keysOfControllerRevision))
  }
  return found
}

const uidsOf = (objects: readonly KubeObject[]): readonly string[] =>
  objects.map((object) => object.metadata.uid)

/** Goes through a list page by page, so that no more than one page is held in full. */
async function* pagesOf<T extends KubeObject>(
  client: Pick<Client, 'list'>,
  type: ResourceType<T>,
  query: ListQuery,
): AsyncGenerator<readonly T[]> {
  let next: string | undefined
  do {
    const page = await client.list(type, {
      ...query,
      limit: 500,
      ...(next === undefined ? {} : { continue: next }),
    })
    yield page.items
    next = page.continue
  } while (next !== undefined && next !== '')
}
