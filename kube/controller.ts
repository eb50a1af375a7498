/**
 * The one loop that runs every controller.
 *
 * ```
 * take key → observe (gone? forget) → decide
 *   → apply actions            AlreadyExists and ours: fine; NotFound: fine
 *        AlreadyExists, and nobody controls it: look at the live object, decide again at once
 *        nothing waits for them, and other keys are ready: those go first, for a few seconds
 *   → patch status             only if different; carries the resourceVersion it was decided on
 *        nothing follows from it, and there was nothing to do: it may wait for a second
 *        conflict: look at the live object, decide again at once; NotFound: the stores forget it
 *        no answer: look at the live object before the next pass
 *   → announce transitions     a failure here is logged, and nothing else
 *   → wake at wakeAt           any throw before this: log once with the key, back off, retry
 * ```
 *
 * Once the signal is aborted no new write starts; those that are on their way get a second to end, so that
 * what they stored is still announced.
 *
 * @module
 */
import type { Logger } from 'pino'
import type { KubeObject, ResourceType } from '../api/object.ts'
import { NotSentError, type Client } from './client.ts'
import type { Action, Create, Decision, Transition } from './decision.ts'
import {
  ApiError,
  isAlreadyExists,
  isNamespaceTerminating,
  isRefused,
  isUnavailable,
} from './errors.ts'
import { keyOf } from './keys.ts'
import { mergePatch } from './merge-patch.ts'
import { createQueue, type Queue } from './queue.ts'
import type { Reflector } from './reflector.ts'
import type { Change, Store } from './store.ts'
import {
  applyAll,
  atOf,
  createWriter,
  MovedError,
  storeStatus,
  type Failure,
  type Subject,
  type Writer,
} from './writer.ts'

/** What makes a controller look at a key: a change of an object in a store, or a new list of all of them. */
export interface Wake {
  readonly store: Store<KubeObject>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- `wake` ties it to the objects of its store
  readonly keys: (object: any) => readonly string[]
  /** Whether only an object that has come into the store, or gone from it, wakes. */
  readonly onArrival?: true
  readonly keysOnList?: () => readonly string[]
}

/** Wakes a controller for the keys that an object of this store names, before and after a change of it. */
export const wake = <T extends KubeObject>(
  store: Store<T>,
  keys: (object: T) => readonly string[],
): Wake => ({ store, keys })

/**
 * Wakes a controller for the keys that an object of this store names when it comes into the store, or goes from it: where that it
 * is there counts, and not what it says. In what state it comes says nothing: a watch may have been away.
 */
export const wakeOnArrival = <T extends KubeObject>(
  store: Store<T>,
  keys: (object: T) => readonly string[],
): Wake => ({ store, keys, onArrival: true })

/**
 * Wakes a controller for these keys after each list that is put in the store: what was selected no longer while its watch was
 * away is not told, and has to be looked for.
 */
export const wakeOnList = (
  store: Store<KubeObject>,
  keysOnList: () => readonly string[],
): Wake => ({ store, keys: () => [], keysOnList })

/** What makes one controller differ from another. */
export interface Controller<Seen, Status = unknown> {
  readonly name: string
  readonly wakes: readonly Wake[]
  /** Reads all that a decision needs; `undefined`: gone, forget. It never writes. */
  readonly observe: (key: string, now: Date) => Seen | undefined | Promise<Seen | undefined>
  /** Pure. */
  readonly decide: (seen: Seen) => Decision<Status>
  /** The object whose status is written. */
  readonly subject?: (seen: Seen) => {
    readonly type: ResourceType<KubeObject>
    readonly object: KubeObject
  }
  /**
   * What a person should see when the API server will not take an action: it is invalid, forbidden or too large, or
   * (status 409) its name is somebody else's. Its status and transitions take the place of those of `decide`, its actions
   * are left aside; the pass counts as failed and is repeated.
   */
  readonly refused?: (seen: Seen, action: Action, error: ApiError) => Decision<Status>
  /** Called once every action of a decision is carried out and its answer is in the stores, before anything else happens. */
  readonly applied?: (seen: Seen, actions: readonly Action[]) => void
}

/** How a pass ended. `stopped`: it may not write any more. */
export type PassOutcome = 'done' | 'gone' | 'conflict' | 'failed' | 'stopped'

/** One look at one key, for metrics. */
export interface Pass {
  readonly controller: string
  readonly ms: number
  readonly outcome: PassOutcome
}

/** What a controller runs with. */
export interface Runtime {
  readonly client: Client
  /** Waited for before the first pass; answers to writes are learned by those of their type. */
  readonly stores: readonly Reflector<KubeObject>[]
  readonly announce: (transitions: readonly Transition[]) => void
  readonly log: Logger
  readonly now?: () => Date
  readonly signal: AbortSignal
  readonly workers?: number
  /** Asked right before each write; a lease's `stillLeading`. */
  readonly mayWrite?: () => boolean
  readonly onPass?: (pass: Pass) => void
  /** Told of the queue of each controller that begins to run. */
  readonly onQueue?: (queue: {
    readonly controller: string
    readonly size: () => number
    readonly signal: AbortSignal
  }) => void
}

const defaultWorkers = 8
const windDownMs = 1_000
const immediateRetries = 5
/** While the API server is away: so that a key is looked at soon after its return. */
const maxBackOffAwayMs = 5_000
/** How long a status may wait from which nothing follows. */
const pauseMs = 1_000
/** How long actions may make way that nothing waits for. */
const longestWayMs = 3_000
/** A decision that wakes itself in the past must not keep a processor busy. */
const minWakeMs = 100

/** Runs a controller until the signal is aborted and no pass is under way. */
export const runController = async <Seen, Status>(
  controller: Controller<Seen, Status>,
  runtime: Runtime,
): Promise<void> => {
  const { signal, stores } = runtime
  const log = runtime.log.child({ controller: controller.name })
  const queue = createQueue(runtime.now === undefined ? {} : { now: runtime.now })
  runtime.onQueue?.({ controller: controller.name, size: () => queue.size(), signal })
  const windDown = startWindDown(signal)
  const stopped = new Promise<void>((resolve) => {
    onAbort(signal, () => {
      queue.close()
      resolve()
    })
  })
  const wakeAll = subscribe(controller.wakes, { queue, signal, log })
  await Promise.race([Promise.all(stores.map((store) => store.synced)), stopped])
  wakeAll()
  const loop: Loop<Seen, Status> = {
    controller,
    runtime,
    log,
    queue,
    writer: createWriter(runtime, windDown.signal),
    conflicts: new Map(),
    postponed: new Map(),
    doubtful: new Map(),
  }
  await Promise.all(Array.from({ length: runtime.workers ?? defaultWorkers }, () => work(loop)))
  windDown.end()
}

/** What may have been written, or not. */
interface Doubt {
  readonly subject: Subject
  /** What was to be made for it, if that is what was not answered. */
  readonly made: Create | undefined
}

interface Loop<Seen, Status> {
  readonly controller: Controller<Seen, Status>
  readonly runtime: Runtime
  readonly log: Logger
  readonly queue: Queue
  readonly writer: Writer
  /** How often in a row a key met a conflict. */
  readonly conflicts: Map<string, number>
  /** By when what may wait of a key is done. */
  readonly postponed: Map<string, Date>
  /** The keys for which a write was not answered. */
  readonly doubtful: Map<string, Doubt>
}

const onAbort = (signal: AbortSignal, run: () => void): void => {
  if (signal.aborted) run()
  else signal.addEventListener('abort', run, { once: true })
}

/** A signal that is aborted a while after another one. */
const startWindDown = (
  signal: AbortSignal,
): { readonly signal: AbortSignal; readonly end: () => void } => {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  onAbort(signal, () => {
    timer = setTimeout(() => {
      late.abort(signal.reason)
    }, windDownMs)
  })
  return {
    signal: late.signal,
    end: () => {
      clearTimeout(timer)
    },
  }
}

/** Queues the keys that changes name; returns the function that queues the keys of all there is. */
const subscribe = (
  wakes: readonly Wake[],
  {
    queue,
    signal,
    log,
  }: { readonly queue: Queue; readonly signal: AbortSignal; readonly log: Logger },
): (() => void) => {
  const addKeys = ({ keys }: Wake, object: KubeObject | undefined): void => {
    if (object === undefined) return
    try {
      for (const key of keys(object)) queue.add(key)
    } catch (error) {
      // One object that a key function can't take must not keep others from being looked at.
      log.error({ err: error, object: keyOf(object) }, 'Object wakes nothing')
    }
  }
  for (const wake of wakes) {
    const onChange = ({ before, now }: Change<KubeObject>): void => {
      if (wake.onArrival && before !== undefined && now !== undefined) return
      addKeys(wake, before)
      addKeys(wake, now)
    }
    wake.store.subscribe(onChange, { signal })
    const { keysOnList } = wake
    if (keysOnList === undefined) continue
    wake.store.onListed(
      () => {
        for (const key of keysOnList()) queue.add(key)
      },
      { signal },
    )
  }
  return () => {
    for (const wake of wakes) for (const object of wake.store.all()) addKeys(wake, object)
  }
}

const work = async <Seen, Status>(loop: Loop<Seen, Status>): Promise<void> => {
  const { queue, runtime, controller } = loop
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    const startedAt = performance.now()
    const outcome = await pass(loop, key)
    queue.done(key)
    const ms = performance.now() - startedAt
    try {
      runtime.onPass?.({ controller: controller.name, ms, outcome })
    } catch (error) {
      loop.log.error({ err: error }, 'Counting a pass failed')
    }
  }
}

/** Looks at one key. Never throws: how it ended is its result. */
const pass = async <Seen, Status>(loop: Loop<Seen, Status>, key: string): Promise<PassOutcome> => {
  const { queue, conflicts } = loop
  try {
    const outcome = await decideAndApply(loop, key)
    queue.succeed(key)
    conflicts.delete(key)
    return outcome
  } catch (error) {
    if (error instanceof MovedError) return met(loop, key, error)
    conflicts.delete(key)
    if (isNamespaceTerminating(error)) return over(loop, key)
    return failed(loop, key, error)
  }
}

/** The key's namespace is being deleted, and its object with it: one line for each object of it would tell nobody anything. */
const over = <Seen, Status>({ queue, log }: Loop<Seen, Status>, key: string): PassOutcome => {
  queue.succeed(key)
  log.debug({ key }, 'Namespace is being deleted')
  return 'gone'
}

/** Whether there is a status to store from which nothing follows. */
const mayWait = <Seen, Status>(
  controller: Controller<Seen, Status>,
  seen: Seen,
  { mayWait: may, status, actions, transitions }: Decision<Status>,
): boolean => {
  if (may !== true || status === undefined || actions.length + transitions.length > 0) return false
  return mergePatch(subjectOf(controller, seen).object.status, status) !== undefined
}

/**
 * How long to leave what was decided for later. To tell each step of the parts of something would be a write each; mostly
 * there is more to store a moment later. And where many keys are ready, a write that nothing waits for would be one more
 * before those that something does wait for.
 */
const pauseFor = <Seen, Status>(
  { controller, queue }: Loop<Seen, Status>,
  seen: Seen,
  planned: Decision<Status>,
): number => {
  if (mayWait(controller, seen, planned)) return pauseMs
  return planned.givesWay === true && queue.size() > 0 ? longestWayMs : 0
}

/** Leaves a key for later, once: what counts is the earliest moment by which it is to be done. */
const postpone = <Seen, Status>(
  { queue, postponed }: Loop<Seen, Status>,
  key: string,
  { now, ms }: { readonly now: Date; readonly ms: number },
): boolean => {
  if (ms === 0) return false
  const latest = now.getTime() + ms
  const dueAt = new Date(Math.min(postponed.get(key)?.getTime() ?? latest, latest))
  if (dueAt <= now) return false
  postponed.set(key, dueAt)
  queue.addAt(key, dueAt)
  return true
}

const decideAndApply = async <Seen, Status>(
  loop: Loop<Seen, Status>,
  key: string,
): Promise<PassOutcome> => {
  const { controller, postponed } = loop
  await settleDoubt(loop, key)
  const now = (loop.runtime.now ?? (() => new Date()))()
  const seen = await controller.observe(key, now)
  if (seen === undefined) {
    postponed.delete(key)
    return 'gone'
  }
  const planned = controller.decide(seen)
  if (postpone(loop, key, { now, ms: pauseFor(loop, seen, planned) })) return 'done'
  const outcome = await carryOut(loop, { key, now, seen }, planned)
  postponed.delete(key)
  return outcome
}

/**
 * Reads anew what a write without an answer was about: the stores must not be behind what we wrote. What is there is not asked
 * for again: such a request may be on its way until it is gone. The object is read last: what goes with it is gone after it.
 */
const settleDoubt = async <Seen, Status>(
  { doubtful, writer }: Loop<Seen, Status>,
  key: string,
): Promise<void> => {
  const doubt = doubtful.get(key)
  if (doubt === undefined) return
  const { subject, made } = doubt
  for (const { type, object } of made === undefined ? [subject] : [made, subject]) {
    const { namespace, name } = object.metadata
    await writer.refresh(type, atOf(namespace, name))
  }
  doubtful.delete(key)
}

/** Notes that something may have been written for a key, or not, where that is what an error leaves open. */
const noteDoubt = <Seen, Status>(
  { controller, doubtful }: Loop<Seen, Status>,
  { key, seen }: { readonly key: string; readonly seen: Seen },
  { error, action }: { readonly error: unknown; readonly action?: Action },
): void => {
  if (!isUnavailable(error) || controller.subject === undefined) return
  const made = action?.kind === 'create' ? action : undefined
  doubtful.set(key, { subject: controller.subject(seen), made })
}

const carryOut = async <Seen, Status>(
  loop: Loop<Seen, Status>,
  { key, now, seen }: { readonly key: string; readonly now: Date; readonly seen: Seen },
  planned: Decision<Status>,
): Promise<PassOutcome> => {
  const { controller, runtime, log, queue, writer } = loop
  const failure = await applyAll(writer, planned.actions)
  if (failure === undefined) controller.applied?.(seen, planned.actions)
  else noteDoubt(loop, { key, seen }, failure)
  const decision = failure === undefined ? planned : afterFailure(controller, seen, failure)
  if (decision.status !== undefined) {
    try {
      const isThere = await storeStatus(writer, subjectOf(controller, seen), decision.status)
      if (!isThere) return 'gone'
    } catch (error) {
      noteDoubt(loop, { key, seen }, { error })
      throw error
    }
  }
  announce(runtime, log, key, decision.transitions)
  if (failure !== undefined) throw failure.error
  if (decision.wakeAt !== undefined) {
    const earliest = now.getTime() + minWakeMs
    queue.addAt(key, new Date(Math.max(decision.wakeAt.getTime(), earliest)))
  }
  return 'done'
}

/** What to store though an action failed; throws the failure when there is nothing to say about it. */
const afterFailure = <Seen, Status>(
  controller: Controller<Seen, Status>,
  seen: Seen,
  { action, error }: Failure,
): Decision<Status> => {
  // A name that is taken reaches this place only when the object that has it is somebody else's.
  const isFinal = isRefused(error) || isAlreadyExists(error)
  if (controller.refused === undefined || !isFinal || !(error instanceof ApiError)) throw error
  if (isNamespaceTerminating(error)) throw error
  return controller.refused(seen, action, error)
}

/** The world moved while we decided: decide again on what is there now, quietly. */
const met = async <Seen, Status>(
  loop: Loop<Seen, Status>,
  key: string,
  moved: MovedError,
): Promise<PassOutcome> => {
  const { queue, conflicts, writer, log } = loop
  const count = (conflicts.get(key) ?? 0) + 1
  conflicts.set(key, count)
  try {
    // The store may be behind, and would lead to the same conflict again.
    await writer.refresh(moved.type, moved.at)
  } catch (error) {
    return failed(loop, key, error)
  }
  log.debug({ key, count }, 'Object had changed')
  if (count <= immediateRetries) queue.add(key)
  else queue.fail(key)
  return 'conflict'
}

const failed = <Seen, Status>(
  { queue, log, runtime }: Loop<Seen, Status>,
  key: string,
  error: unknown,
): PassOutcome => {
  if (runtime.signal.aborted) return 'stopped'
  const count = queue.fail(key, {
    atLeastMs: error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0,
    ...(isUnavailable(error) ? { atMostMs: maxBackOffAwayMs } : {}),
  })
  if (error instanceof NotSentError) return 'stopped'
  // A key that goes on failing is told about now and then: an outage must not fill the log.
  const level = count === 1 || count % 10 === 0 ? 'warn' : 'debug'
  log[level]({ key, err: error, attempts: count }, 'Pass failed')
  return 'failed'
}

const announce = (
  { announce }: Runtime,
  log: Logger,
  key: string,
  transitions: readonly Transition[],
): void => {
  if (transitions.length === 0) return
  try {
    announce(transitions)
  } catch (error) {
    log.error({ key, err: error }, 'Announcing failed')
  }
}

const subjectOf = <Seen, Status>(controller: Controller<Seen, Status>, seen: Seen): Subject => {
  if (controller.subject === undefined) {
    throw new Error(`Cannot store a status: controller "${controller.name}" names no subject`)
  }
  return controller.subject(seen)
}
