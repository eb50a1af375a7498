/**
 * What a scheduler is told that asks about a pod, and when a pod is touched so that its scheduler asks again.
 *
 * The answer is that of the opening of gates (`judge`), from stores alone, and everything that is not known holds: a pod that
 * the stores don't have, or have under another UID; stores that are not complete. That a namespace is not managed counts only
 * once it was read live after the pod was there: an old view of it must not let a pod go.
 *
 * A scheduler that was told to hold a pod does not ask again by itself. Taking the label away makes it ask, and mostly that is
 * all. But it may ask before our stores have seen why the pod may go. So a pod that may go, has no label any more, and was not
 * asked about since, is touched.
 *
 * @module
 */
import { Pod } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { settled, type Decision, type Patch } from '../../kube/decision.ts'
import type { HeldPod } from '../held-pods.ts'
import { judge, type Seen as OpeningSeen } from '../opening/decide.ts'
import type { Answer } from './extender.ts'

/** What a pod is judged on, as the stores have it. */
export type Judged = Pick<OpeningSeen, 'pod' | 'namespace' | 'versions' | 'now'> & {
  /** Whether its namespace was read live since the pod is there, and is not managed. */
  readonly hasLeft: boolean
}

/** Everything that an answer is decided on. */
export interface Asked {
  /** Of the pod that the scheduler asks about. */
  readonly uid: string
  /** Whether the stores are equal to the cluster, as far as they know. */
  readonly isSynced: boolean
  /** `undefined`: the stores have no such pod that waits for a node. */
  readonly judged: Judged | undefined
}

const holds = (message: string): Answer => ({
  passes: false,
  message: `held by Gatekept: ${message}`,
})

/** The answer about a pod. */
export const answer = ({ uid, isSynced, judged }: Asked): Answer => {
  if (!isSynced) return holds('What may run is not known yet')
  if (judged === undefined) return holds('The pod was not seen yet')
  if (judged.pod.metadata.uid !== uid) return holds('Another pod of this name was seen')
  return judgePod(judged)
}

/** Whether the pod may go. Owners are read by those who open gates, and what they found is on the released list. */
const judgePod = ({ hasLeft, ...seen }: Judged): Answer => {
  const finding = judge({ ...seen, leads: false, crowd: 0, owner: 'not-read' })
  if (!finding.opens) return holds(finding.message)
  return finding.reason === 'OptedOut' && !hasLeft
    ? holds('Whether its namespace is managed is being asked')
    : { passes: true }
}

/** Whether all that speaks for the pod is that its namespace is not managed, and that has to be asked. */
export const needsNamespace = (judged: Judged): boolean =>
  !judgePod(judged).passes && judgePod({ ...judged, hasLeft: true }).passes

/**
 * Whether the pod may go, and whoever opens gates has told its scheduler so, or will not: while a pod has the label, taking that
 * away makes the scheduler ask.
 */
export const isAnnounced = (judged: Judged): boolean =>
  judged.pod.metadata.labels?.[keys.gated] !== 'true' && judgePod(judged).passes

/** Everything that touching a pod is decided on. */
export interface Seen {
  readonly now: Date
  readonly pod: HeldPod
  /** Since when this process has seen it announced that the pod may go; `undefined`: it is not. */
  readonly announcedAt: Date | undefined
  /** Whether its scheduler was told last that it may go, or it was touched since the scheduler was told otherwise. */
  readonly isSettled: boolean
  /** How many pods there are that may go and are not settled. */
  readonly untold: number
}

/** How long a scheduler has to ask by itself: it takes some 15 ms. */
const patienceMs = 300
/** Where many pods may go at once, it has as long for each as it takes by default to bind one: 50 a second. */
const patienceEachMs = 20

/** Touches the pod, or leaves it alone. */
export const decide = ({ now, pod, announcedAt, isSettled, untold }: Seen): Decision<never> => {
  if (announcedAt === undefined || isSettled) return settled
  const dueAt = new Date(announcedAt.getTime() + patienceMs + patienceEachMs * (untold - 1))
  return dueAt > now ? { ...settled, wakeAt: dueAt } : { ...settled, actions: [touch(pod, now)] }
}

const touch = ({ metadata }: HeldPod, now: Date): Patch => ({
  kind: 'patch',
  type: Pod,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  name: metadata.name,
  patchType: 'merge',
  patch: { metadata: { uid: metadata.uid, annotations: { [keys.nudged]: now.toISOString() } } },
})
