/**
 * Keeps a store equal to the cluster: a paged list, then a watch from the list's version, for ever.
 *
 * **A watch that falls silent** looks like a quiet cluster: a connection that a router forgot gives neither data nor an error.
 * Bookmarks come once a minute, too seldom to find that within 35 seconds, and asking the API server whether there is news
 * would be polling. So each watch is asked for with a short life of 26 to 30 seconds (`timeoutSeconds`, random,
 * so that the watches of a process don't renew together). The API server ends it in time, and the reflector goes on at once from where
 * it was; a watch that hasn't ended 4 seconds after its time is dead and is cut off. The longest silence is 34 seconds,
 * no matter whether events came before. A short watch costs little: two seconds before its end the API server sends a bookmark, so
 * that the next watch starts at a version which its cache still holds, and no list is needed; in a settled cluster
 * these watches are the only requests.
 *
 * **Failures.** A watch that its server ended is no failure: the next begins at once, unless it ended long before its
 * time and so did the one before. Anything else is a failure, and the next attempt waits 1 to 30 seconds, at random, longer with each failure in a row;
 * at most 5 while the API server is away, so that we have caught up within 10 seconds of its return. A version
 * that is too old (410), a line that is not JSON, and a fifth refusal in a row lead to a new list, which corrects the store
 * and tells its listeners what has changed meanwhile. So does a cluster that was restored from a backup: its API server would take our
 * version, which lies in its future, and tell nothing for ever; after it was away its version is asked for, with one object.
 *
 * @module
 */
import type { Logger } from 'pino'
import { apiVersionOf, type KubeObject, type ResourceType } from '../api/object.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client, WatchEvent } from './client.ts'
import { ApiError, isGone, isUnavailable } from './errors.ts'
import { compareVersions } from './resource-version.ts'
import { selects } from './selector.ts'
import { createFeed, type Feed, type Indexes, type Listed, type Store } from './store.ts'

/** A store that is kept equal to the cluster. */
export interface Reflector<T extends KubeObject> {
  readonly store: Store<T>
  readonly type: ResourceType<KubeObject>
  /** Resolves when the first list is in the store. */
  readonly synced: Promise<void>
  isSynced(): boolean
  /** How long ago the API server last gave a sign of life: an event, a bookmark, a list, or the end of a watch in its time. */
  idleMs(): number
}

/** How long things may take; for tests. */
export interface ReflectorTiming {
  /** The life of a watch, in whole seconds. */
  readonly watchSeconds: () => number
  /** How long after its time a watch is cut off. */
  readonly graceMs: number
  readonly minBackOffMs: number
}

/** What to reflect, and how. */
export interface ReflectorOptions<T extends KubeObject> {
  readonly client: Client
  readonly type: ResourceType<KubeObject>
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly namespace?: string
  /** On arrival: keep what is read, drop the rest; but keep the metadata's name, namespace, UID and resource version. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the caller knows what its kind's objects look like
  readonly project?: (object: any) => T
  readonly indexes?: Indexes<T>
  readonly log: Logger
  readonly signal: AbortSignal
  /** Told after each list but the first: how many objects it had to correct. */
  readonly onRelist?: (relist: { readonly corrections: number }) => void
  readonly timing?: Partial<ReflectorTiming>
}

const pageSize = 500
const pageTimeoutMs = 30_000
const maxBackOffMs = 30_000
const maxBackOffAwayMs = 5_000
const failuresUntilRelist = 5

const defaultTiming: ReflectorTiming = {
  watchSeconds: () => 26 + Math.floor(Math.random() * 5),
  graceMs: 4_000,
  minBackOffMs: 1_000,
}

/** Starts to reflect a kind, until the signal is aborted. */
export const startReflector = <T extends KubeObject>(
  options: ReflectorOptions<T>,
): Reflector<T> => {
  const { type } = options
  const log = options.log.child({ reflector: type.kind })
  const feed = createFeed<T>({
    project: options.project ?? ((object) => object as T),
    matches: matcher(options),
    indexes: options.indexes ?? {},
    onError: reportOnce(log),
  })
  const { promise: synced, resolve: resolveSynced } = Promise.withResolvers<undefined>()
  let isSynced = false
  let aliveAt = performance.now()

  void keepUp({
    ...options,
    log,
    feed,
    timing: { ...defaultTiming, ...options.timing },
    onAlive: () => {
      aliveAt = performance.now()
    },
    onListed: (corrections) => {
      if (isSynced) options.onRelist?.({ corrections })
      isSynced = true
      resolveSynced(undefined)
    },
  })

  return {
    store: feed.store,
    type,
    synced,
    isSynced: () => isSynced,
    idleMs: () => performance.now() - aliveAt,
  }
}

interface Run<T extends KubeObject> extends Omit<ReflectorOptions<T>, 'timing'> {
  readonly feed: Feed<T>
  readonly timing: ReflectorTiming
  readonly onAlive: () => void
  readonly onListed: (corrections: number) => void
}

/** Where a run stands between two attempts. */
interface Progress {
  needsList: boolean
  failures: number
  /** Failures of an API server that is away and of one that refuses are counted apart: the second begins gently again. */
  wasAway: boolean
  /** The API server was away since the last watch. */
  isInterrupted: boolean
  wasShort: boolean
}

const keepUp = async <T extends KubeObject>(run: Run<T>): Promise<void> => {
  const progress: Progress = {
    needsList: true,
    failures: 0,
    wasAway: false,
    isInterrupted: false,
    wasShort: false,
  }
  while (!run.signal.aborted) {
    const waitMs = await attempt(run, progress)
    if (waitMs > 0) await pause(waitMs, run.signal)
  }
}

/** One list, if needed, and one watch; returns how long to wait before the next attempt. */
const attempt = async <T extends KubeObject>(run: Run<T>, progress: Progress): Promise<number> => {
  try {
    if (progress.isInterrupted) progress.needsList ||= await isRestored(run)
    progress.isInterrupted = false
    if (progress.needsList) {
      await list(run)
      progress.needsList = false
    }
    const isShort = await watch(run, progress)
    const isSuspect = isShort && progress.wasShort
    progress.wasShort = isShort
    if (isSuspect) return failed(run, progress, watchTooShort(run))
    if (!isShort) succeeded(run, progress)
    return 0
  } catch (error) {
    return run.signal.aborted ? 0 : failed(run, progress, error)
  }
}

const watchTooShort = <T extends KubeObject>({ type }: Run<T>): ApiError =>
  new ApiError(`Cannot watch ${type.kind}: the API server ends each watch at once`, {
    status: 0,
    reason: 'ConnectionReset',
  })

const succeeded = <T extends KubeObject>({ log }: Run<T>, progress: Progress): void => {
  if (progress.failures > 1) log.info({ failures: progress.failures }, 'Caught up again')
  progress.failures = 0
}

const failed = <T extends KubeObject>(run: Run<T>, progress: Progress, error: unknown): number => {
  const isAway = isUnavailable(error)
  progress.failures = isAway === progress.wasAway ? progress.failures + 1 : 1
  progress.wasAway = isAway
  progress.isInterrupted ||= isAway
  const level = progress.failures === 1 && !isGone(error) ? 'warn' : 'debug'
  // After an outage or a compaction that is how it goes on; but a server that says so each time is one that fails.
  const isFirstGone = isGone(error) && !progress.needsList && progress.failures === 1
  progress.needsList ||= callsForList(error, progress.failures)
  const waitMs = isFirstGone ? 0 : waitMsAfter(error, progress.failures, run.timing)
  run.log[level]({ err: error, waitMs }, 'Watch failed')
  return waitMs
}

/** Whether the watch can't go on from where it was. */
const callsForList = (error: unknown, failures: number): boolean => {
  if (!(error instanceof ApiError)) return true
  if (isGone(error) || error.reason === 'Malformed') return true
  const isRefused = error.status >= 400 && error.status !== 429
  return isRefused && failures >= failuresUntilRelist
}

const waitMsAfter = (error: unknown, failures: number, timing: ReflectorTiming): number => {
  const maxMs = isUnavailable(error) ? maxBackOffAwayMs : maxBackOffMs
  const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
  return Math.max(asked, backOffMs(failures, { minMs: timing.minBackOffMs, maxMs }))
}

const queryOf = <T extends KubeObject>({ namespace, labelSelector, fieldSelector }: Run<T>) => ({
  ...(namespace === undefined ? {} : { namespace }),
  ...(labelSelector === undefined ? {} : { labelSelector }),
  ...(fieldSelector === undefined ? {} : { fieldSelector }),
})

/** Whether the cluster's newest version is older than what it has told us before. */
const isRestored = async <T extends KubeObject>(run: Run<T>): Promise<boolean> => {
  const { client, type, feed, signal } = run
  const page = await client.list(type, { ...queryOf(run), limit: 1 }, { signal })
  return compareVersions(page.resourceVersion, feed.resourceVersion()) < 0
}

/**
 * Takes a list into the store, page by page.
 *
 * Without a resource version, so that it shows the newest state: a list from a cache could lead back to a past that was
 * already left, and would not come in pages.
 */
const list = async <T extends KubeObject>(run: Run<T>): Promise<void> => {
  const { client, type, feed, signal } = run
  const listed: Listed<T> = new Map()
  let next: string | undefined
  let resourceVersion: string
  do {
    const page = await client.list(
      type,
      { ...queryOf(run), limit: pageSize, ...(next === undefined ? {} : { continue: next }) },
      { signal, timeoutMs: pageTimeoutMs },
    )
    run.onAlive()
    feed.collect(listed, page.items)
    resourceVersion = page.resourceVersion
    next = page.continue
  } while (next !== undefined)
  run.onListed(feed.replace(listed, resourceVersion))
}

/** One watch, from the store's mark to the watch's end; tells whether that came long before its time. */
const watch = async <T extends KubeObject>(run: Run<T>, progress: Progress): Promise<boolean> => {
  const { client, type, feed, signal, timing } = run
  const timeoutSeconds = timing.watchSeconds()
  const lifeMs = timeoutSeconds * 1_000 + timing.graceMs
  const cut = new AbortController()
  const onAbort = (): void => {
    cut.abort()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(onAbort, lifeMs)
  const startedAt = performance.now()
  const query = {
    ...queryOf(run),
    resourceVersion: feed.resourceVersion(),
    timeoutSeconds,
    allowWatchBookmarks: true,
  }
  try {
    for await (const event of client.watch(type, query, { signal: cut.signal })) {
      run.onAlive()
      succeeded(run, progress)
      fold(feed, event)
    }
    if (cut.signal.aborted && !signal.aborted) throw watchSilent(type, lifeMs)
    run.onAlive()
    return performance.now() - startedAt < timeoutSeconds * 200
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

const watchSilent = (type: ResourceType<KubeObject>, lifeMs: number): ApiError =>
  new ApiError(`Cannot watch ${type.kind}: it did not end within ${lifeMs} ms, so it is dead`, {
    status: 0,
    reason: 'Timeout',
  })

const fold = <T extends KubeObject>(feed: Feed<T>, event: WatchEvent<KubeObject>): void => {
  if (event.type === 'BOOKMARK') feed.advance(event.object.metadata.resourceVersion)
  else feed.apply(event.type, event.object)
}

const matcher = <T extends KubeObject>(
  options: ReflectorOptions<T>,
): ((object: KubeObject) => boolean) => {
  const isSelected = selects(options)
  const apiVersion = apiVersionOf(options.type)
  return (object) =>
    object.kind === options.type.kind && object.apiVersion === apiVersion && isSelected(object)
}

/** Logs the first time that a step throws, and is quiet about it afterwards: a broken listener is called often. */
export const reportOnce = (log: Logger) => {
  const reported = new Set<string>()
  return (err: unknown, { step, key }: { readonly step: string; readonly key: string }): void => {
    const sign = `${step}: ${err instanceof Error ? err.message : String(err)}`
    if (reported.has(sign) || reported.size > 100) return
    reported.add(sign)
    log.error({ err, step, key }, 'Store step failed, going on')
  }
}
