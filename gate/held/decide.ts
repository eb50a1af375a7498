/**
 * What a pod says about being held.
 *
 * - **At first** nothing: most pods are let go within a moment, and cost no write.
 * - **Held for long**, it gets the condition `gatekept.dev/Released` with status `False`, and an event. The words follow
 *   what holds it, every few seconds at most; another event comes with another reason only.
 * - **Let go**, a pod with that condition gets it set to `True`, whoever opened the gate and however long ago. One without
 *   it is left alone.
 *
 * Nothing is decided on what is said here.
 *
 * @module
 */
import { Pod, type PodCondition } from '../../api/kubernetes.ts'
import { isHeld } from '../../identity/scope.ts'
import { wholeSeconds } from '../../kube/conditions.ts'
import { settled, type Action, type Decision, type Transition } from '../../kube/decision.ts'
import { heldLabel, releasedCondition, type HeldPod } from '../held-pods.ts'
import {
  hasOptedOut,
  hasPassed,
  isReleased,
  judge,
  needsOwner,
  type Seen as OpeningSeen,
} from '../opening/decide.ts'
import { explain, type Explanation } from './explain.ts'

/** Everything that one pod's words are decided on. */
export interface Seen extends OpeningSeen {
  /** How long a pod is held before it says anything. */
  readonly quietMs: number
  /** When this pod may be written to: where many have news at once, they take turns. */
  readonly turnAt: Date
}

/** What is to be written to a pod. */
export interface Change {
  readonly condition: PodCondition
  /** Not before. */
  readonly dueAt: Date
  readonly transitions: readonly Transition[]
}

/** Stored times are cut to whole seconds: what says 12:00:00 may have happened at 12:00:00.999. */
const precisionMs = 1_000
/** How often the words of one pod change at most. */
const pauseMs = 5_000

/** From when on the pod may say why it is held. */
const saysFrom = ({ pod, quietMs }: Pick<Seen, 'pod' | 'quietMs'>): Date =>
  new Date(createdAt(pod).getTime() + precisionMs + quietMs)

/** Whether the pod has been held for so long that it says why. */
export const isHeldForLong = (seen: Pick<Seen, 'now' | 'pod' | 'quietMs'>): boolean =>
  saysFrom(seen) <= seen.now

/** What the pod says of itself now. */
export const saidBy = (pod: HeldPod): PodCondition | undefined =>
  pod.status?.conditions?.find(({ type }) => type === releasedCondition)

/** What has to be written to the pod, if it does not say so already. */
export const changeOf = (seen: Omit<Seen, 'turnAt'>): Change | undefined => {
  const { pod } = seen
  if (pod.metadata.deletionTimestamp !== undefined) return undefined
  return isHeld(pod) ? changeOfHeld(seen) : changeOfLetGo(seen)
}

const changeOfHeld = (seen: Omit<Seen, 'turnAt'>): Change | undefined => {
  const { pod, now } = seen
  const finding = judge(seen)
  if (finding.opens) return undefined
  const why = explain(seen, finding)
  if (isSaid(pod, why)) return undefined
  const said = saidBy(pod)
  return {
    condition: {
      type: releasedCondition,
      status: 'False',
      reason: why.reason,
      message: why.message,
      lastProbeTime: wholeSeconds(now),
      // It was held from its beginning, not from when that was said.
      lastTransitionTime: pod.metadata.creationTimestamp,
    },
    dueAt: said === undefined ? saysFrom(seen) : afterPause(said, now),
    transitions: said?.reason === why.reason ? [] : [tell(pod, why, { said, at: now })],
  }
}

const isSaid = (pod: HeldPod, { reason, message }: Explanation): boolean => {
  const said = saidBy(pod)
  const isSame = said?.status === 'False' && said.reason === reason && said.message === message
  return isSame && pod.metadata.labels?.[heldLabel] === 'true'
}

/** Puts right what a pod says that was let go. One that never said that it is held is left alone. */
const changeOfLetGo = (seen: Omit<Seen, 'turnAt'>): Change | undefined => {
  const { pod, now } = seen
  if (saidBy(pod)?.status !== 'False') return undefined
  const { reason, message } = hasOptedOut(seen) ??
    hasPassed(seen) ??
    isReleased(seen) ?? { reason: 'GateGone', message: 'The pod does not carry the gate any more' }
  const at = wholeSeconds(now)
  const times = { lastProbeTime: at, lastTransitionTime: at }
  return {
    condition: { type: releasedCondition, status: 'True', reason, message, ...times },
    dueAt: now,
    transitions: [],
  }
}

/** Writes the condition, or leaves it for its time. */
export const decide = (seen: Seen): Decision<never> => {
  const change = changeOf(seen)
  if (change === undefined) return { ...settled, wakeAt: againAt(seen) }
  const { condition, transitions } = change
  const dueAt = later(change.dueAt, seen.turnAt)
  if (dueAt > seen.now) return { ...settled, wakeAt: dueAt }
  return { actions: [write(seen.pod, condition)], transitions, wakeAt: againAt(seen) }
}

/** When to look again at a pod that hangs on something of which no store tells: each time after twice its age. */
const againAt = (seen: Seen): Date | undefined => {
  const { pod, now, namespace } = seen
  if (pod.metadata.deletionTimestamp !== undefined || !isHeld(pod)) return undefined
  const isUntold = namespace === undefined || needsOwner(seen) || judge(seen).opens
  if (!isUntold) return undefined
  const ageMs = now.getTime() - createdAt(pod).getTime()
  const nextAt = new Date(now.getTime() + Math.min(Math.max(ageMs, 1_000), 300_000))
  return isHeldForLong(seen) ? nextAt : saysFrom(seen)
}

/**
 * A strategic merge finds conditions by their type, so that it touches ours alone. What says that the pod is held is only
 * written to the pod that was seen so; that one was let go stays true whatever has changed since.
 */
const write = (pod: HeldPod, condition: PodCondition): Action => {
  const { name, namespace, uid, resourceVersion } = pod.metadata
  const saysHeld = condition.status === 'False'
  return {
    kind: 'patch',
    type: Pod,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    patchType: 'strategic',
    subresource: 'status',
    patch: {
      metadata: {
        uid,
        ...(saysHeld ? { resourceVersion } : {}),
        labels: { [heldLabel]: saysHeld ? 'true' : null },
      },
      status: { conditions: [condition] },
    },
  }
}

const tell = (
  pod: HeldPod,
  why: Explanation,
  { said, at }: { readonly said: PodCondition | undefined; readonly at: Date },
): Transition => {
  const { name, namespace, uid } = pod.metadata
  // What held the pod before may hold it once more: that is news, and known by what it takes the place of.
  const before = said === undefined ? '' : `/${said.lastProbeTime ?? ''}`
  return {
    id: `${uid}/Held/${why.reason}${before}`,
    subject: {
      apiVersion: 'v1',
      kind: 'Pod',
      name,
      uid,
      ...(namespace === undefined ? {} : { namespace }),
    },
    reason: 'Held',
    severity: why.severity,
    message: why.message,
    at,
  }
}

const afterPause = ({ lastProbeTime }: PodCondition, now: Date): Date => {
  const saidAt = new Date(lastProbeTime ?? Number.NaN)
  return Number.isNaN(saidAt.getTime()) ? now : new Date(saidAt.getTime() + pauseMs)
}

const createdAt = (pod: HeldPod): Date => new Date(pod.metadata.creationTimestamp)

const later = (one: Date, other: Date): Date => (one > other ? one : other)
