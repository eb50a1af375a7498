/**
 * What a Namespace says about the gates in it: which revisions are released, since when it is managed, and the label that
 * the API server selects on.
 *
 * The list follows from what is stored, so a lost one is made again: from the verdicts, and from the pods that had a node
 * before the namespace was managed (*adoption*). A pod that came by a node later without us is told about, never adopted.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import { Namespace } from '../../api/kubernetes.ts'
import { keys, read } from '../../identity/keys.ts'
import { formatReleased, parseReleased } from '../../identity/released.ts'
import { revisionOf, type RevisionKey } from '../../identity/revision.ts'
import { systemNamespaces, wantsManaging } from '../../identity/scope.ts'
import {
  settled,
  type Action,
  type Decision,
  type Patch,
  type Transition,
} from '../../kube/decision.ts'
import type { HeldPod } from '../held-pods.ts'
import { labelGated, lacksLabel } from '../scheduling-gate.ts'
import { isPassed, revisionsOf } from '../verdict.ts'

/** What of the owners exists, as far as it was looked at. */
export interface Owners {
  /** UIDs of the ReplicaSets, StatefulSets and DaemonSets of the namespace. */
  readonly uids: readonly string[]
}

/** Asked live, so that what is not in it does not exist. */
export interface ConfirmedOwners extends Owners {
  /** Revisions that StatefulSets and DaemonSets can still go back to. */
  readonly revisions: readonly RevisionKey[]
}

/** Everything that one namespace is decided on. */
export interface Seen {
  readonly now: Date
  readonly namespace: Namespace
  /** Those of the namespace. */
  readonly versions: readonly KeptnWorkloadVersion[]
  /** Revisions whose owners were found to name no workload. */
  readonly unmanaged: readonly RevisionKey[]
  /** The pods of the namespace, if they were listed: all of them where there is no released list. */
  readonly pods: readonly HeldPod[] | undefined
  readonly owners: Owners
  /** Asked for when `suspectsOf` names enough. */
  readonly confirmed: ConfirmedOwners | undefined
  /** When this process first saw the list as it is. */
  readonly listSeenAt: Date
}

/** Verdicts that come close together go into one write. */
const coalesceMs = 100

/** Annotations share 256 KiB; other people's need room too. What is not listed is opened by its version all the same. */
const maxListLength = 180_000

/** Whether this namespace is never touched, whatever it says: the cluster's own, and ours. */
export const isExempt = (name: string, ownNamespace: string): boolean =>
  systemNamespaces.includes(name) || name === ownNamespace

/** Whether there is anything for us in this namespace: a namespace that goes takes everything with it. */
export const isManaging = (namespace: Namespace): boolean =>
  wantsManaging(namespace) && namespace.metadata.deletionTimestamp === undefined

/** A list can be long, and is looked at for each version that changes; a Namespace that was read never does. */
const lists = new WeakMap<Namespace, { readonly list: ReadonlySet<RevisionKey> | undefined }>()

/** The list that the Namespace carries; `undefined`: none that can be read. */
export const listOf = (namespace: Namespace): ReadonlySet<RevisionKey> | undefined => {
  const known = lists.get(namespace)
  if (known !== undefined) return known.list
  const list = parseReleased(namespace.metadata.annotations?.[keys.released])
  lists.set(namespace, { list })
  return list
}

/** Whether all revisions of the version are on the Namespace's list: then it has nothing to tell. */
export const isListed = (namespace: Namespace, version: KeptnWorkloadVersion): boolean => {
  const list = listOf(namespace)
  return list !== undefined && revisionsOf(version).every((revision) => list.has(revision))
}

/** What the Namespace should say, and which of its pods should carry our label. */
export const decide = (seen: Seen): Decision<never> => {
  const { namespace } = seen
  if (namespace.metadata.deletionTimestamp !== undefined) return settled
  if (!wantsManaging(namespace)) return leave(namespace, seen.now)

  const list = listOf(namespace)
  const labelling = (seen.pods ?? []).filter(lacksLabel).map(labelGated)
  const decision = list === undefined ? makeList(seen) : updateList(seen, list)
  return { ...decision, actions: [...labelling, ...decision.actions] }
}

/** Our annotations go with the management; the label goes where the annotation disagrees with it. */
const leave = (namespace: Namespace, now: Date): Decision<never> => {
  const { annotations = {}, labels = {} } = namespace.metadata
  const since = annotations[keys.managedSince]
  const wasManaged = annotations[keys.released] !== undefined || since !== undefined
  const mislabelled = labels[keys.optIn] === 'enabled'
  if (!wasManaged && !mislabelled) return settled

  const change = {
    ...(wasManaged ? { annotations: { [keys.released]: null, [keys.managedSince]: null } } : {}),
    ...(mislabelled ? { labels: { [keys.optIn]: null } } : {}),
  }
  const told = tell(namespace, {
    reason: 'OptedOut',
    what: since ?? '',
    message: 'The namespace is not managed any more: all gates in it open',
    at: now,
  })
  return { actions: [patch(namespace, change)], transitions: wasManaged ? [told] : [] }
}

/** A managed namespace without a list gets one made from what is stored. */
const makeList = (seen: Seen): Decision<never> => {
  const { namespace, now, pods, versions } = seen
  // Without a look at the pods, what already runs would be held at its next restart.
  if (pods === undefined) return settled
  const stored = instantOf(namespace.metadata.annotations?.[keys.managedSince])
  const since = stored ?? now
  const released = new Set([...versions.filter(isPassed).flatMap(revisionsOf), ...seen.unmanaged])
  const running = oldestOfEachRevision(pods.filter(hasNode))
  const isFromBefore = (pod: HeldPod): boolean =>
    // Creation times are cut to whole seconds, and so is the comparison: what can't be told apart was not there before.
    stored === undefined || secondOf(pod.metadata.creationTimestamp) < secondOf(since)
  const adopted = [...running].filter(([key, pod]) => !released.has(key) && isFromBefore(pod))
  const slippedIn = [...running].filter(
    ([key, pod]) => !released.has(key) && !isFromBefore(pod) && namesWorkload(pod),
  )
  const list = fitting([...adopted.map(([key]) => key)], [...released])
  const change = {
    ...labelToSet(namespace),
    annotations: {
      [keys.released]: formatReleased(list),
      ...(stored === undefined ? { [keys.managedSince]: since.toISOString() } : {}),
    },
  }
  // A list may be lost and made again at any moment, but from one state of the Namespace only one.
  const what = `${since.toISOString()}/${namespace.metadata.resourceVersion}`
  return {
    actions: [patch(namespace, change)],
    transitions: [
      ...tellOfPods(seen, adopted, {
        reason: 'Adopted',
        what,
        text: 'Released without checks, since they ran before the namespace was managed',
        severity: 'Normal',
      }),
      ...tellOfPods(seen, slippedIn, {
        reason: 'RanUnchecked',
        what,
        text: 'Got a node without being held (their next pods are held)',
        severity: 'Warning',
      }),
    ],
  }
}

/** Adds what has passed since, and drops what does not exist any more. */
const updateList = (seen: Seen, list: ReadonlySet<RevisionKey>): Decision<never> => {
  const { namespace, now } = seen
  const label = labelToSet(namespace)
  const since = instantOf(namespace.metadata.annotations?.[keys.managedSince])
  const added = [...seen.versions.filter(isPassed).flatMap(revisionsOf), ...seen.unmanaged].filter(
    (key) => !list.has(key),
  )
  const gone = goneOf(seen, list)
  const next = fitting(
    [...list].filter((key) => !gone.has(key)),
    added,
  )
  const text = formatReleased(next)
  const isSame = text === namespace.metadata.annotations?.[keys.released]
  if (isSame && label.labels === undefined && since !== undefined) return settled

  const dueAt = new Date(seen.listSeenAt.getTime() + coalesceMs)
  const mayWait = label.labels === undefined && since !== undefined
  if (mayWait && dueAt > now) return { ...settled, wakeAt: dueAt }
  const annotations = {
    [keys.released]: text,
    ...(since === undefined ? { [keys.managedSince]: now.toISOString() } : {}),
  }
  return { ...settled, actions: [patch(namespace, { ...label, annotations })] }
}

/** How many entries may outlive what they stand for before anybody asks whether they do. */
export const suspectsUntilAsked = 32
/** Kubernetes keeps ten old revisions of a StatefulSet or DaemonSet unless told otherwise. */
const revisionsKept = 12

/**
 * Entries of the list that probably stand for nothing any more: their owner isn't known, or it outlives its revisions
 * and has too many. What a KeptnWorkloadVersion lists, or was just found unmanaged, is
 * never among them, however new its owner is.
 */
export const suspectsOf = (
  list: ReadonlySet<RevisionKey>,
  { versions, unmanaged, owners }: Pick<Seen, 'versions' | 'unmanaged' | 'owners'>,
): readonly RevisionKey[] => {
  const recorded = new Set([...versions.flatMap(revisionsOf), ...unmanaged])
  const known = new Set(owners.uids)
  const loose = [...list].filter((key) => !recorded.has(key))
  const perOwner = Map.groupBy(loose, ownerUidOf)
  return loose.filter((key) => {
    const uid = ownerUidOf(key)
    return !known.has(uid) || (perOwner.get(uid)?.length ?? 0) > revisionsKept
  })
}

/** Suspects that were asked about and are not there. UIDs are never given again, so they can't come back. */
const goneOf = (seen: Seen, list: ReadonlySet<RevisionKey>): ReadonlySet<RevisionKey> => {
  const { confirmed } = seen
  if (confirmed === undefined) return new Set()
  const uids = new Set(confirmed.uids)
  const revisions = new Set(confirmed.revisions)
  return new Set(
    suspectsOf(list, seen).filter(
      (key) => !uids.has(ownerUidOf(key)) || (key.includes('/') && !revisions.has(key)),
    ),
  )
}

const ownerUidOf = (key: RevisionKey): string => key.split('/', 1)[0] ?? key

/** As many of the new entries as there is room for. */
const fitting = (
  kept: readonly RevisionKey[],
  added: readonly RevisionKey[],
): readonly RevisionKey[] => {
  let room = maxListLength - kept.reduce((length, key) => length + key.length + 1, 0)
  return [...kept, ...added.filter((key) => (room -= key.length + 1) >= 0)]
}

const labelToSet = (
  namespace: Namespace,
): { readonly labels?: Readonly<Record<string, string>> } =>
  namespace.metadata.labels?.[keys.optIn] === 'enabled'
    ? {}
    : { labels: { [keys.optIn]: 'enabled' } }

const patch = (namespace: Namespace, change: Patch['patch']): Action => ({
  kind: 'patch',
  type: Namespace,
  name: namespace.metadata.name,
  patchType: 'merge',
  patch: { metadata: { resourceVersion: namespace.metadata.resourceVersion, ...change } },
})

const hasNode = (pod: HeldPod): boolean => (pod.spec.nodeName ?? '') !== ''

/** Whether the pod says itself that it is managed. Of others it takes their owner to know, and they are not told about. */
const namesWorkload = (pod: HeldPod): boolean =>
  read(pod.metadata, keys.workload, keys.recommendedName) !== undefined

const oldestOfEachRevision = (pods: readonly HeldPod[]): ReadonlyMap<RevisionKey, HeldPod> => {
  const oldest = new Map<RevisionKey, HeldPod>()
  for (const pod of pods) {
    const key = revisionOf(pod)?.key
    if (key === undefined) continue
    const other = oldest.get(key)
    if (other === undefined || createdAt(pod) < createdAt(other)) oldest.set(key, pod)
  }
  return oldest
}

const createdAt = (pod: HeldPod): number => Date.parse(pod.metadata.creationTimestamp)

const secondOf = (time: Date | string): number => Math.floor(new Date(time).getTime() / 1_000)

const instantOf = (text: string | undefined): Date | undefined => {
  const instant = new Date(text ?? Number.NaN)
  return Number.isNaN(instant.getTime()) ? undefined : instant
}

interface Fact {
  readonly reason: string
  /** Makes its id its own. */
  readonly what: string
  readonly message: string
  readonly severity?: Transition['severity']
  readonly at: Date
}

const tell = (namespace: Namespace, fact: Fact): Transition => {
  const { name, uid } = namespace.metadata
  return {
    id: `${uid}/${fact.reason}/${fact.what}`,
    subject: { apiVersion: 'v1', kind: 'Namespace', name, uid },
    reason: fact.reason,
    severity: fact.severity ?? 'Normal',
    message: fact.message,
    at: fact.at,
  }
}

/** How many owners a message names: an event's note has 1,024 bytes. */
const namedOwners = 5

const tellOfPods = (
  { namespace, now }: Seen,
  found: readonly (readonly [RevisionKey, HeldPod])[],
  { text, ...fact }: Omit<Fact, 'message' | 'at'> & { readonly text: string },
): readonly Transition[] => {
  if (found.length === 0) return []
  const names = found.slice(0, namedOwners).map(([, pod]) => {
    const owner = revisionOf(pod)?.owner
    return `${owner?.kind ?? ''} "${(owner?.name ?? '').slice(0, 100)}"`
  })
  const left = found.length - names.length
  const more = left > 0 ? ` and ${left} more` : ''
  const message = `${text}: ${names.join(', ')}${more}`
  return [tell(namespace, { ...fact, message, at: now })]
}
