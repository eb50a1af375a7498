/**
 * When a pod's gate opens.
 *
 * An ordered list of checks, each a small question with its own answer; the first that answers decides. Four answers open
 * the gate: the namespace left, the revision was released before, its checks have passed, or its owner names no workload.
 * Everything else holds, for ever if need be: failed, unknown and missing are no reasons to let a pod go. Nothing that a
 * pod says of itself opens its gate.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import { keys, read } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { revisionOf } from '../../identity/revision.ts'
import { carriesGate, isForPermit, systemNamespaces, wantsManaging } from '../../identity/scope.ts'
import { settled, type Action, type Decision } from '../../kube/decision.ts'
import type { HeldPod } from '../held-pods.ts'
import { labelGated, lacksLabel, openGate } from '../scheduling-gate.ts'
import { isPassed, verdictOf } from '../verdict.ts'

/** What was found out about the owner of a pod that does not say itself which workload it is. */
export type OwnerFinding = 'not-read' | 'managed' | 'not-managed' | 'missing'

/** Everything that the opening of one pod's gate is decided on. */
export interface Seen {
  readonly now: Date
  /** Whether this replica is the leader. The others wait a little, so that one patch is sent and not one a replica. */
  readonly leads: boolean
  /** How many pods of the namespace are held; 0 for the leader, who does not mind. */
  readonly crowd: number
  /** When another replica last opened a gate, as far as was seen; `undefined`: none has. */
  readonly othersOpenedAt?: Date | undefined
  readonly pod: HeldPod
  readonly namespace: Namespace | undefined
  /** Those of the pod's namespace that list its revision. */
  readonly versions: readonly KeptnWorkloadVersion[]
  readonly owner: OwnerFinding
}

/** Why a gate opens: the only words there are for it. */
export type OpeningReason = 'OptedOut' | 'AlreadyReleased' | 'PreDeploymentPassed' | 'NotManaged'

/** Why a gate stays closed. */
export type HoldingReason =
  | 'GateGone'
  | 'Deleting'
  | 'NamespaceUnknown'
  | 'NoRevision'
  | 'ChecksFailed'
  | 'WaitingForChecks'
  | 'OwnerNotRead'
  | 'OwnerMissing'
  | 'UnknownRevision'

/** The answer for one pod, for programs and for people. */
export type Finding =
  | {
      readonly opens: true
      readonly reason: OpeningReason
      readonly message: string
      /** Since when the gate could be open, as far as stored times tell. */
      readonly since: Date
    }
  | { readonly opens: false; readonly reason: HoldingReason; readonly message: string }

/** One question about a pod; `undefined` leaves the answer to the next. */
type Check = (seen: Seen) => Finding | undefined

const holds = (reason: HoldingReason, message: string): Finding => ({
  opens: false,
  reason,
  message,
})

const opens = (seen: Seen, reason: OpeningReason, message: string): Finding => ({
  opens: true,
  reason,
  message,
  since: createdAt(seen.pod),
})

/**
 * Whoever took our gate away, there is nothing left to open. The label stays: an owner may select its pods by it. A pod of the
 * scheduler that asks us never had a gate; what holds it can't be taken away.
 */
export const gateIsGone: Check = ({ pod }) =>
  carriesGate(pod) || isForPermit(pod)
    ? undefined
    : holds('GateGone', 'The pod does not carry the gate any more')

/** A pod on its way out needs no way in. */
export const isDeleting: Check = ({ pod }) =>
  pod.metadata.deletionTimestamp === undefined
    ? undefined
    : holds('Deleting', 'The pod is being deleted')

/** A namespace that was not seen yet may well be managed. */
export const namespaceIsUnknown: Check = ({ namespace, pod }) =>
  namespace === undefined
    ? holds('NamespaceUnknown', `Namespace "${pod.metadata.namespace ?? ''}" was not seen yet`)
    : undefined

/** Leaving lets everything go. What its author wants counts, so that a label not yet mirrored opens nothing. */
export const hasOptedOut: Check = (seen) => {
  const { namespace } = seen
  if (namespace === undefined) return undefined
  const { name } = namespace.metadata
  if (wantsManaging(namespace) && !systemNamespaces.includes(name)) return undefined
  return opens(seen, 'OptedOut', `Namespace "${name}" is not managed`)
}

/** Without a revision there is nothing that a verdict could be about. */
export const hasNoRevision: Check = ({ pod }) =>
  revisionOf(pod) === undefined
    ? holds(
        'NoRevision',
        'The pod has no ReplicaSet, StatefulSet or DaemonSet as its controlling owner, or misses its controller-revision-hash',
      )
    : undefined

/**
 * The verdict. One version that passed is enough: a version that lists the revision later can't take it back. Asked before
 * the released list, which follows from it: the verdict tells since when the gate could be open, the list does not.
 */
export const hasPassed: Check = (seen) => {
  const passed = seen.versions.find(isPassed)
  if (passed === undefined) return undefined
  const verdict = verdictOf(passed)
  const decidedAt = new Date(verdict?.lastTransitionTime ?? Number.NaN)
  const version = `KeptnWorkloadVersion "${passed.metadata.name}"`
  return {
    opens: true,
    reason: 'PreDeploymentPassed',
    message:
      verdict?.reason === 'ReleasedByAction'
        ? `${version} was let go: ${verdict.message}`
        : `The pre-deployment checks of ${version} have passed`,
    since: later(decidedAt, createdAt(seen.pod)),
  }
}

/** Once released, always released. */
export const isReleased: Check = (seen) => {
  const revision = revisionOf(seen.pod)
  const released = parseReleased(seen.namespace?.metadata.annotations?.[keys.released])
  return revision !== undefined && released?.has(revision.key) === true
    ? opens(seen, 'AlreadyReleased', `Revision "${revision.key}" was released before`)
    : undefined
}

/** A verdict against the version, or a version that will never get one. */
export const hasFailed: Check = ({ versions }) => {
  const [version] = versions
  if (version === undefined || !versions.every(isRefused)) return undefined
  return holds('ChecksFailed', refusalOf(version))
}

/** The usual case: the checks are still under way. */
export const isWaiting: Check = ({ versions }) => {
  const version = versions.find((each) => !isRefused(each))
  if (version === undefined) return undefined
  const { currentPhase } = version.status ?? {}
  const where =
    currentPhase === undefined || currentPhase === ''
      ? `for application "${version.spec.app}"`
      : `in phase "${currentPhase}"`
  return holds('WaitingForChecks', `KeptnWorkloadVersion "${version.metadata.name}" waits ${where}`)
}

/** A pod that names no workload belongs to its owner's; if that one names none either, nobody wants it held. */
export const isNotManaged: Check = (seen) =>
  needsOwner(seen) && seen.owner === 'not-managed'
    ? opens(seen, 'NotManaged', 'Neither the pod nor its owner names a workload')
    : undefined

/** Without its owner it is not known whether such a pod is managed. */
export const ownerIsUnknown: Check = (seen) => {
  if (!needsOwner(seen)) return undefined
  if (seen.owner === 'not-read') return holds('OwnerNotRead', 'The owner is left to the leader')
  if (seen.owner === 'missing') return holds('OwnerMissing', 'The owner of the pod was not found')
  return undefined
}

/** Nobody has recorded this revision yet. */
export const isUnrecorded: Check = ({ pod }) =>
  holds(
    'UnknownRevision',
    `No KeptnWorkloadVersion lists revision "${revisionOf(pod)?.key ?? ''}" yet`,
  )

/** The checks in the order in which they are asked. */
export const checks: readonly Check[] = [
  gateIsGone,
  isDeleting,
  namespaceIsUnknown,
  hasOptedOut,
  hasNoRevision,
  hasPassed,
  isReleased,
  hasFailed,
  isWaiting,
  isNotManaged,
  ownerIsUnknown,
  isUnrecorded,
]

/** Whether the pod's gate opens, and why. Explaining a held pod is printing this. */
export const judge = (seen: Seen): Finding => {
  for (const check of checks) {
    const finding = check(seen)
    if (finding !== undefined) return finding
  }
  return holds('UnknownRevision', 'No check had an answer')
}

/**
 * Whether the answer hangs on the owner: the pod names no workload, no version lists its revision, and nothing else lets
 * it go. A pod that names one is managed whatever its owner says.
 */
export const needsOwner = (seen: Omit<Seen, 'owner'>): boolean =>
  seen.versions.length === 0 &&
  read(seen.pod.metadata, keys.workload, keys.recommendedName) === undefined &&
  [gateIsGone, isDeleting, namespaceIsUnknown, hasOptedOut, hasNoRevision, isReleased].every(
    (check) => check({ ...seen, owner: 'not-read' }) === undefined,
  )

/** How long a replica that does not lead leaves a gate to the one that does. */
const patienceMs = 1_000
/** Stored times are cut to whole seconds: what says 12:00:00 may have happened at 12:00:00.999. */
const precisionMs = 1_000

/**
 * Where many pods wait, the leader needs longer than a second for all of them, and replicas that go through them in the same
 * order would send each patch twice. So the turns of the others are spread, by a millisecond a pod and a second at most.
 */
const spreadMs = ({ crowd, pod }: Pick<Seen, 'crowd' | 'pod'>): number => {
  // The last digits of a UID are random.
  const share = Number.parseInt(pod.metadata.uid.slice(-4), 16) / 0x10000
  return Number.isNaN(share) ? 0 : Math.floor(share * Math.min(crowd, 1_000))
}

/** How long the others leave it all to a replica that opens gates, after each that they see it open. */
const busyMs = 1_000
/** For so long at most: it may be stuck with one pod while it opens those of others. */
const longestPatienceMs = 4_000

/** When this replica acts on what has been so since then; its own clock is only compared with stored times. */
export const turnAt = (seen: Omit<Seen, 'owner'>, since: Date): Date => {
  const { leads, now, othersOpenedAt } = seen
  if (leads || Number.isNaN(since.getTime())) return now
  const due = new Date(since.getTime() + precisionMs + patienceMs + spreadMs(seen))
  if (othersOpenedAt === undefined) return due
  const idleAt = new Date(othersOpenedAt.getTime() + busyMs)
  const last = new Date(since.getTime() + precisionMs + longestPatienceMs)
  return later(due, idleAt < last ? idleAt : last)
}

/** Opens the gate, or leaves it alone; a pod that stays behind it without its label gets that back, to be watched again. */
export const decide = (seen: Seen): Decision<never> => {
  const finding = judge(seen)
  if (!finding.opens) {
    return { ...settled, actions: relabelled(seen), ...askOwnerAgain(seen, finding.reason) }
  }
  const dueAt = turnAt(seen, finding.since)
  return dueAt > seen.now
    ? { ...settled, wakeAt: dueAt }
    : { ...settled, actions: [openGate(seen.pod)] }
}

const relabelled = (seen: Seen): readonly Action[] =>
  isDeleting(seen) === undefined && lacksLabel(seen.pod) ? [labelGated(seen.pod)] : []

/** Owners are read, not watched; so a pod that hangs on its owner asks again, each time after twice its age. */
const askOwnerAgain = (seen: Seen, reason: HoldingReason): Pick<Decision, 'wakeAt'> => {
  if (!needsOwner(seen)) return {}
  if (reason === 'OwnerNotRead') return { wakeAt: turnAt(seen, createdAt(seen.pod)) }
  const ageMs = seen.now.getTime() - createdAt(seen.pod).getTime()
  return { wakeAt: new Date(seen.now.getTime() + Math.min(Math.max(ageMs, 1_000), 300_000)) }
}

/** Whether the version will not let its pods go, as far as anybody knows now. */
export const isRefused = (version: KeptnWorkloadVersion): boolean =>
  verdictOf(version)?.status === 'False' ||
  version.status?.status === 'Failed' ||
  version.status?.status === 'Deprecated' ||
  version.metadata.deletionTimestamp !== undefined

const refusalOf = (version: KeptnWorkloadVersion): string => {
  const verdict = verdictOf(version)
  const said = verdict?.status === 'False' ? verdict.message : ''
  const why = said === '' ? `it ended as "${version.status?.status ?? 'Unknown'}"` : said
  return `KeptnWorkloadVersion "${version.metadata.name}" is not let go: ${why}`
}

const createdAt = (pod: HeldPod): Date => new Date(pod.metadata.creationTimestamp)

const later = (one: Date, other: Date): Date => (one > other ? one : other)
