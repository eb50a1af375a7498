/**
 * Delivers what is told of objects to one receiver: of each object in the order in which it was told, of different objects
 * side by side. Nothing waits for it, and nothing follows from whether it succeeds.
 *
 * | The receiver                            | What becomes of the event                                                |
 * | --------------------------------------- | ------------------------------------------------------------------------ |
 * | takes it (2xx)                          | delivered; the object's next one follows                                 |
 * | is away, slow or busy (408, 429, 5xx)   | sent again, and nothing else meanwhile: after a second, up to a minute   |
 * | refuses it (any other answer)           | dropped: it would be refused again                                       |
 *
 * What has waited for half an hour is dropped, and so is what comes while as many wait as may.
 *
 * @module
 */
import type { Transition } from '../kube/decision.ts'

/** What has become of sending one event. */
export type Sent =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'refused'; readonly why: string }
  | { readonly outcome: 'away'; readonly why: string; readonly retryAfterMs?: number }

/** What has come of events, for figures and for words. */
export type Fate = 'delivered' | 'refused' | 'dropped'

/** What a delivery is made of. */
export interface DeliveryOptions {
  /** Sends one event. One that can't be made into a request is refused. */
  readonly send: (transition: Transition, signal: AbortSignal) => Promise<Sent>
  /** Told of the fate of events. */
  readonly onFate: (fate: Fate, count: number, why: string) => void
  /** Told when the receiver is away, and when it is back. */
  readonly onOutage: (why: string | undefined) => void
  readonly signal: AbortSignal
  readonly longestQueue?: number
  readonly firstPauseMs?: number
}

/** Events on their way to a receiver. */
export interface Delivery {
  readonly add: (transitions: readonly Transition[]) => void
  /** Forgets what waits. */
  readonly clear: () => void
  readonly waiting: () => number
}

const sideBySide = 4
const longestQueue = 10_000
const longestWaitMs = 30 * 60_000
const firstPauseMs = 1_000
const longestPauseMs = 60_000

interface Waiting {
  readonly transition: Transition
  readonly since: number
}

/** Not its message: that may quote what is secret. */
const unsent = (error: unknown): Sent => ({
  outcome: 'refused',
  why: `it can't be sent (${error instanceof Error ? error.name : typeof error})`,
})

/** Starts to deliver, until the signal is aborted. */
export const createDelivery = (options: DeliveryOptions): Delivery => {
  const { send, onFate, onOutage, signal } = options
  const most = options.longestQueue ?? longestQueue
  const lanes = new Map<string, Waiting[]>()
  const busy = new Set<string>()
  let count = 0
  let pauseMs = 0
  let isPaused = false
  let trial: string | undefined

  const pause = (askedMs: number | undefined): void => {
    pauseMs = Math.min(Math.max(pauseMs * 2, options.firstPauseMs ?? firstPauseMs), longestPauseMs)
    isPaused = true
    // Receivers that come back are not met by all at once.
    const jittered = (askedMs ?? pauseMs) * (1 + Math.random() / 4)
    setTimeout(() => {
      isPaused = false
      next()
    }, jittered).unref()
  }

  /** Takes the first of a lane away. What is left of it waits behind the others: none is kept waiting by a long one. */
  const leave = (key: string, lane: Waiting[]): void => {
    lane.shift()
    count -= 1
    lanes.delete(key)
    if (lane.length > 0) lanes.set(key, lane)
  }

  const drop = (key: string, lane: Waiting[]): void => {
    leave(key, lane)
    onFate('dropped', 1, 'it has waited for half an hour')
  }

  const deliver = async (key: string, lane: Waiting[], head: Waiting): Promise<void> => {
    const sent = await send(head.transition, signal).catch(unsent)
    busy.delete(key)
    // Meanwhile all that waited may have been forgotten.
    const isCurrent = lanes.get(key) === lane && lane[0] === head
    if (trial === key) trial = undefined
    if (sent.outcome === 'away') {
      if (!isPaused) {
        if (pauseMs === 0) onOutage(sent.why)
        pause(sent.retryAfterMs)
      }
      return
    }
    if (pauseMs > 0) onOutage(undefined)
    pauseMs = 0
    if (isCurrent) leave(key, lane)
    onFate(sent.outcome, 1, sent.outcome === 'refused' ? sent.why : '')
  }

  /** How many more may be sent now. One event finds out whether a receiver that was away is back. */
  const room = (): number => {
    if (pauseMs > 0) return trial === undefined ? 1 : 0
    return Math.max(0, sideBySide - busy.size)
  }

  /** The first of a lane that has not waited for too long. */
  const headOf = (key: string, lane: Waiting[]): Waiting | undefined => {
    let [head] = lane
    while (head !== undefined && Date.now() - head.since > longestWaitMs) {
      drop(key, lane)
      ;[head] = lane
    }
    return head
  }

  const next = (): void => {
    if (isPaused || signal.aborted) return
    let left = room()
    for (const [key, lane] of lanes) {
      if (left === 0) return
      const head = busy.has(key) ? undefined : headOf(key, lane)
      if (head === undefined) continue
      left -= 1
      busy.add(key)
      if (pauseMs > 0) trial = key
      void deliver(key, lane, head).finally(next)
    }
  }

  return {
    add: (transitions) => {
      const taken = transitions.slice(0, Math.max(0, most - count))
      for (const transition of taken) {
        const key = transition.subject.uid
        const lane = lanes.get(key) ?? []
        lane.push({ transition, since: Date.now() })
        lanes.set(key, lane)
      }
      count += taken.length
      const missed = transitions.length - taken.length
      if (missed > 0) onFate('dropped', missed, `${most} wait already`)
      next()
    },
    clear: () => {
      lanes.clear()
      count = 0
    },
    waiting: () => count,
  }
}
