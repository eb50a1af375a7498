/**
 * What has ended and was not delivered: by key, as long as the stores still have it.
 *
 * @module
 */
import type { Logger } from 'pino'
import type {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import type { ObjectReference } from '../../kube/decision.ts'
import type { Change, Store } from '../../kube/store.ts'
import { progressKey, type Progress } from '../progress.ts'
import {
  endsOf,
  linksOf,
  spanIdOfEnded,
  spanOf,
  type Ended,
  type Span,
  type Traced,
  type TraceSources,
} from './spans.ts'

/** The kinds that spans are made of. */
export interface TracedStores {
  readonly appVersions: Store<KeptnAppVersion>
  readonly workloadVersions: Store<KeptnWorkloadVersion>
  readonly tasks: Store<KeptnTask>
  readonly evaluations: Store<KeptnEvaluation>
}

/** Something that has ended, and of which nobody was told yet. */
export interface Waiting {
  readonly key: string
  readonly spanId: string
  /** Seconds since 1970. */
  readonly end: number
  readonly ended: Ended
  readonly object: Pick<ObjectReference, 'kind' | 'name' | 'uid'> & { readonly namespace: string }
}

/** At most so many keys are remembered; what comes on top of that is looked up in the stores later. */
const mostWaiting = 10_000
/** At most so many spans are kept of what objects have forgotten. */
const mostForgotten = 1_000
/** Of so many objects it is remembered that their links were complained about. */
const mostComplaints = 1_000

/** What waits. Closed, it takes nothing. */
export interface Backlog {
  readonly hear: (change: Change<Traced>) => void
  /** Takes what has ended since, and was not told. */
  readonly open: () => void
  /** Takes what there was no room for, if nothing else waits. */
  readonly refill: () => void
  readonly close: () => void
  readonly size: () => number
  readonly first: (count: number) => readonly Waiting[]
  readonly remove: (done: readonly Waiting[]) => void
  /** The earliest end of what waits; `Infinity`: nothing does. */
  readonly waitingSince: () => number
  /** `undefined`: none is wanted, or nobody can make it any more. */
  readonly spanOf: (waiting: Waiting) => Span | undefined
}

const endsIn = (object: Traced | undefined): readonly Ended[] =>
  object === undefined ? [] : endsOf(object)

const without = (some: readonly Ended[], others: readonly Ended[]): readonly Ended[] =>
  some.filter(
    ({ part, attempt, endTime }) =>
      !others.some(
        (other) => other.part === part && other.attempt === attempt && other.endTime === endTime,
      ),
  )

/** Makes one that is closed. */
export const createBacklog = (options: {
  readonly stores: TracedStores
  readonly sources: TraceSources
  /** Asked while it is open. */
  readonly progress: () => Progress | undefined
  readonly log: Logger
  readonly onAdded: (waiting: number) => void
  readonly onDropped: (count: number) => void
  readonly limits?: { readonly waiting?: number; readonly forgotten?: number }
}): Backlog => {
  const { stores, sources, progress, log, onAdded, onDropped } = options
  const most = options.limits?.waiting ?? mostWaiting
  const mostKept = options.limits?.forgotten ?? mostForgotten
  const waiting = new Map<string, Waiting>()
  /** Spans of what their objects have forgotten, by key. */
  const forgotten = new Map<string, Span | undefined>()
  const complained = new Set<string>()
  let isOpen = false
  /** The earliest end of what there was no room for. */
  let missedSince = Infinity

  const byKind: Readonly<Record<string, Store<Traced>>> = {
    KeptnAppVersion: stores.appVersions,
    KeptnWorkloadVersion: stores.workloadVersions,
    KeptnTask: stores.tasks,
    KeptnEvaluation: stores.evaluations,
  }

  const waitingFor = (object: Traced, ended: Ended): Waiting => {
    const spanId = spanIdOfEnded(object, ended)
    const end = Math.floor(Date.parse(ended.endTime) / 1_000)
    const { kind, metadata } = object
    const { namespace = '', name, uid } = metadata
    return {
      ...{ key: progressKey(spanId, end), spanId, end, ended },
      object: { kind, namespace, name, uid },
    }
  }

  const add = (one: Waiting): void => {
    if (waiting.has(one.key)) return
    if (waiting.size >= most) {
      missedSince = Math.min(missedSince, one.end)
      return
    }
    waiting.set(one.key, one)
    onAdded(waiting.size)
  }

  const make = (object: Traced, ended: Ended): Span | undefined => {
    if (object.kind === 'KeptnAppVersion' && ended.part === 'version') complainOfLinks(object)
    return spanOf(object, ended, sources)
  }

  const complainOfLinks = (object: Traced): void => {
    const { uid, namespace, name } = object.metadata
    const { unread } = linksOf(object as Parameters<typeof linksOf>[0])
    if (unread === 0 || complained.has(uid)) return
    if (complained.size >= mostComplaints) complained.clear()
    complained.add(uid)
    log.warn({ namespace, name, unread }, 'Span links were left out: they are no traceparents')
  }

  /** Keeps the spans that nobody could make from what is stored now. */
  const keep = (before: Traced, ends: readonly Ended[]): void => {
    for (const ended of ends) {
      const { key } = waitingFor(before, ended)
      if (!waiting.has(key)) continue
      if (forgotten.size >= mostKept) {
        waiting.delete(key)
        onDropped(1)
      } else {
        forgotten.set(key, make(before, ended))
      }
    }
  }

  const addFresh = (object: Traced, fresh: readonly Ended[], isNew: boolean): void => {
    const { since = Infinity, told } = progress() ?? {}
    for (const one of fresh.map((ended) => waitingFor(object, ended))) {
      // What a list shows first may have been told long ago.
      const isOld = isNew && one.end < since
      if (!isOld && told?.has(one.key) !== true) add(one)
    }
  }

  const scan = (): void => {
    const { since, told } = progress() ?? { since: Infinity, told: new Map<string, number>() }
    missedSince = Infinity
    const found = Object.values(byKind).flatMap((store) =>
      [...store.all()].flatMap((object) =>
        endsOf(object)
          .filter(({ endTime }) => Date.parse(endTime) >= since * 1_000)
          .map((ended) => waitingFor(object, ended))
          .filter(({ key }) => !told.has(key)),
      ),
    )
    for (const one of found.toSorted((a, b) => a.end - b.end)) add(one)
  }

  return {
    hear({ before, now }) {
      if (!isOpen) return
      const had = endsIn(before)
      const has = endsIn(now)
      if (before !== undefined) keep(before, without(had, has))
      if (now !== undefined) addFresh(now, without(has, had), before === undefined)
    },
    open() {
      isOpen = true
      scan()
    },
    refill() {
      if (waiting.size === 0 && missedSince !== Infinity) scan()
    },
    close() {
      isOpen = false
      waiting.clear()
      forgotten.clear()
      missedSince = Infinity
    },
    size: () => waiting.size,
    first: (count) => [...waiting.values()].slice(0, count),
    remove(done) {
      for (const { key } of done) {
        waiting.delete(key)
        forgotten.delete(key)
      }
    },
    waitingSince: () =>
      [...waiting.values()].reduce((earliest, { end }) => Math.min(earliest, end), missedSince),
    spanOf({ key, object: { kind, namespace, name, uid }, ended }) {
      if (forgotten.has(key)) return forgotten.get(key)
      const object = byKind[kind]?.get(namespace, name)
      return object?.metadata.uid === uid ? make(object, ended) : undefined
    },
  }
}
