/**
 * What happens to a pod at its creation: the rules of admission. No I/O: what was seen comes in, the answer goes out.
 *
 * Nothing that a pod says of its own release is believed; the released list of its namespace alone spares it the gate.
 * Where something can't be told, the pod is held: the controllers look at every held pod and open what need not be.
 *
 * @module
 */
import { identify, missingAnnotations, type Owner } from '../identity/identity.ts'
import { gateName, keys, permitScheduler } from '../identity/keys.ts'
import { revisionOf } from '../identity/revision.ts'
import { carriesGate, heldOwnerOf, isForPermit, systemNamespaces } from '../identity/scope.ts'
import { addMembers, type Operation } from './patch.ts'
import { untouched, type AdmittedObject, type Answer, type Question } from './review.ts'
import type { Released } from './settling.ts'

/** How pods are held: by our scheduling gate, or by a scheduler that asks us (docs/permit.md). */
export const holdings = ['gate', 'permit'] as const
export type Holding = (typeof holdings)[number]

/** Who gives pods their gate: a policy inside the API server, before we are asked, or we alone. */
export const admissions = ['policy', 'webhook'] as const
export type Admission = (typeof admissions)[number]

/** What it takes before a pod can be decided on: its owner or the list, read now; or that what is recent has settled. */
export type Needed = 'owner-needed' | 'list-needed' | 'time-needed'

/** What is known when a pod is asked about. */
export interface Seen {
  readonly question: Question
  /** The namespace of Gatekept itself, whose pods must start whatever happens. */
  readonly ownNamespace: string
  /** `undefined`: there is no list, or the namespace isn't known yet. */
  readonly released: Released | undefined
  /** Of what is on the list: what has come so lately that the API server may not know it. */
  readonly recent: Released
  /** Whether the list is from memory, while a policy has looked at the pod by one of its own, which may be newer. */
  readonly mayBeOld: boolean
  readonly owner: Owner | 'unread' | 'unreadable'
  readonly holding: Holding
}

/** The answer about a pod, or what is needed for it: get that and ask again. */
export const admitPod = (seen: Seen): Answer | Needed => {
  const pod = seen.question.object
  if (!isHeldKind(seen)) return untouched
  const byList = admitByList(seen)
  if (byList !== undefined) return byList

  const owner = typeof seen.owner === 'string' ? undefined : seen.owner
  const identity = identify(pod.metadata, owner)
  if (identity === 'not-managed') return untouched
  if (identity === 'owner-needed' && seen.owner === 'unread') return 'owner-needed'
  const message = whyNotHeld(pod, seen.holding)
  if (message !== undefined) return { allowed: false, message }
  const missing = identity === 'owner-needed' ? {} : missingAnnotations(pod.metadata, identity)
  return hold(pod, missing, seen.holding)
}

// Mirror pods belong to a Node and so are none of these. An exception for the annotation that marks them, or for a deletion
// time, which the API server clears only after admission, could be claimed by anybody's pod.
const isHeldKind = ({ question, ownNamespace }: Seen): boolean =>
  question.operation === 'CREATE' &&
  question.kind === 'Pod' &&
  question.subResource === '' &&
  question.namespace !== ownNamespace &&
  !systemNamespaces.includes(question.namespace) &&
  heldOwnerOf(question.object) !== undefined

/** `undefined`: the list does not spare the pod. */
const admitByList = (seen: Seen): Answer | Needed | undefined => {
  if (isOn(seen.released, seen.question.object)) {
    return isTooEarly(seen) ? 'time-needed' : untouched
  }
  return mayBeReleased(seen) ? 'list-needed' : undefined
}

const isOn = (list: Released | undefined, pod: AdmittedObject): boolean => {
  const revision = revisionOf(pod)
  return revision !== undefined && list?.has(revision.key) === true
}

// Where a policy has spared the pod, the API server knows as much as we do.
const isTooEarly = ({ question, recent, mayBeOld }: Seen): boolean =>
  !mayBeOld && !carriesGate(question.object) && isOn(recent, question.object)

// Either a policy has spared it by a newer list, or there is no such policy any more: that it has no gate tells nothing yet.
const mayBeReleased = ({ question, mayBeOld }: Seen): boolean =>
  mayBeOld && !carriesGate(question.object)

const hold = (
  pod: AdmittedObject,
  annotations: Readonly<Record<string, string>>,
  holding: Holding,
): Answer => {
  const { labels } = pod.metadata
  const mark = labels?.[keys.gated] === 'true' ? {} : { [keys.gated]: 'true' }
  return {
    allowed: true,
    patch: [
      ...addMembers(['metadata', 'annotations'], pod.metadata.annotations, annotations),
      ...addMembers(['metadata', 'labels'], labels, mark),
      ...(holding === 'gate' ? addGate(pod) : setScheduler(pod)),
    ],
  }
}

// Appended, never assigned: gates of others stay, in their order.
const addGate = (pod: AdmittedObject): readonly Operation[] => {
  if (carriesGate(pod)) return []
  const gate = { name: gateName }
  return pod.spec.schedulingGates === undefined
    ? [{ op: 'add', path: '/spec/schedulingGates', value: [gate] }]
    : [{ op: 'add', path: '/spec/schedulingGates/-', value: gate }]
}

const setScheduler = ({ spec }: AdmittedObject): readonly Operation[] =>
  isForPermit({ spec: { schedulerName: textOf(spec.schedulerName) } })
    ? []
    : [{ op: 'add', path: '/spec/schedulerName', value: permitScheduler }]

// The API server fills the field in before it asks.
const ordinarySchedulers: readonly string[] = ['', 'default-scheduler', permitScheduler]

const hasOtherScheduler = ({ spec }: AdmittedObject): boolean =>
  !ordinarySchedulers.includes(textOf(spec.schedulerName))

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Why a pod that is to be held can't be; `undefined`: it can. */
const whyNotHeld = (pod: AdmittedObject, holding: Holding): string | undefined => {
  if (isPlaced(pod)) return placedMessage(pod)
  return holding === 'permit' && hasOtherScheduler(pod) ? scheduledMessage(pod) : undefined
}

const isPlaced = (pod: AdmittedObject): boolean => {
  const { nodeName } = pod.spec
  return nodeName !== undefined && nodeName !== null && nodeName !== ''
}

const scheduledMessage = (pod: AdmittedObject): string => {
  const owner = heldOwnerOf(pod)
  return (
    `the pods of ${owner?.kind ?? 'this owner'} "${owner?.name ?? ''}" are held by the scheduler "${permitScheduler}" ` +
    `until their checks have passed, and a pod of the scheduler "${textOf(pod.spec.schedulerName)}" cannot be held here: ` +
    'leave spec.schedulerName out of its template'
  )
}

const placedMessage = (pod: AdmittedObject): string => {
  const owner = heldOwnerOf(pod)
  return (
    `the pods of ${owner?.kind ?? 'this owner'} "${owner?.name ?? ''}" are held until their checks have passed, ` +
    'and a pod that sets spec.nodeName itself cannot be held: use spec.nodeSelector or node affinity in its template'
  )
}
