/**
 * One leader among replicas, by a Lease.
 *
 * A lease is a hint, not a lock: every write has its own precondition besides. What is promised here is that the leader's term
 * ends, by its own monotonic clock, before another replica takes over:
 *
 * - The leader counts from the moment *before* it sent its last successful renewal; `renewMs` (5 s) later its term is over.
 * - A follower counts from the moment *after* it saw the record change; `durationMs` (8 s) later it may take over. Clocks in
 *   the record are for people: no decision reads them.
 * - Each write of the Lease carries the resourceVersion that it is based on, so of two followers one wins.
 *
 * A process that was stopped and goes on doesn't get to know at once: its timers are late too. That is why `stillLeading` asks the
 * clock, and is asked before each write.
 *
 * A follower looks twice per `retryMs`, so a released lease is taken within `retryMs`, and one whose holder died within
 * `durationMs` + `retryMs` of its last renewal.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Lease } from '../api/kubernetes.ts'
import { apiVersionOf } from '../api/object.ts'
import { pause } from './back-off.ts'
import type { Client, RequestOptions } from './client.ts'
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts'

/** A time of leading. */
export interface Term {
  /** Aborted when the term ends. */
  readonly signal: AbortSignal
  /** Whether it has not ended yet by the clock; true only while no other can have taken over. */
  readonly stillLeading: () => boolean
}

/** Which lease to hold, and what to do while it is held. */
export interface LeaseOptions {
  readonly client: Client
  readonly namespace: string
  readonly name: string
  /** Who we are: unique among replicas, such as the pod's name. */
  readonly holder: string
  readonly durationMs?: number
  readonly renewMs?: number
  readonly retryMs?: number
  /** Called for each term and awaited; returns soon after its signal is aborted. */
  readonly lead: (term: Term) => Promise<void>
  readonly log: Logger
  readonly signal: AbortSignal
}

const defaultDurationMs = 8_000
const defaultRenewMs = 5_000
const defaultRetryMs = 2_000

/** Holds the lease whenever it can, term after term, until the signal is aborted and the last term has ended. */
export const holdLease = async (options: LeaseOptions): Promise<void> => {
  const { signal, log, retryMs = defaultRetryMs } = options
  const follower = createFollower(options)
  let isTold = false
  while (!signal.aborted) {
    let waitMs = retryMs / 2
    try {
      const held = await follower.tryAcquire()
      if (held !== undefined) await runTerm(options, held)
      else waitMs = Math.min(waitMs, follower.untilExpiryMs())
      isTold = false
    } catch (error) {
      log[isTold ? 'debug' : 'warn']({ err: error }, 'Lease could not be reached')
      isTold = true
    }
    await pause(Math.max(waitMs, 10), signal)
  }
}

/** A lease that we have, and since when by our own clock. */
interface Held {
  readonly lease: Lease
  readonly renewedAt: number
}

interface Follower {
  /** Takes the lease if it is free, ours, or has not changed for too long. */
  tryAcquire(): Promise<Held | undefined>
  untilExpiryMs(): number
}

const createFollower = (options: LeaseOptions): Follower => {
  const { client, namespace, name, holder, signal } = options
  const { durationMs = defaultDurationMs, retryMs = defaultRetryMs } = options
  const request: RequestOptions = { signal, timeoutMs: retryMs, urgent: true }
  let seenRecord = ''
  let expiresAt = Infinity

  const watchRecord = (lease: Lease): void => {
    // Not its version: somebody who annotates the Lease every second must not keep a dead holder in place.
    const record = JSON.stringify(lease.spec ?? {})
    if (record === seenRecord) return
    seenRecord = record
    // A holder with longer times than ours, such as another version of us, keeps them.
    const recordedMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1_000
    expiresAt = performance.now() + Math.max(durationMs, recordedMs)
  }

  const create = async (): Promise<Held> => {
    const renewedAt = performance.now()
    const spec = { ...recordOf(options), acquireTime: microTime(), leaseTransitions: 0 }
    const naming = { apiVersion: apiVersionOf(Lease), kind: Lease.kind }
    const object = { ...naming, metadata: { namespace, name }, spec }
    return { lease: await client.create(Lease, object, request), renewedAt }
  }

  const take = async (lease: Lease): Promise<Held> => {
    const renewedAt = performance.now()
    const leaseTransitions = (lease.spec?.leaseTransitions ?? 0) + 1
    const spec = { ...recordOf(options), acquireTime: microTime(), leaseTransitions }
    return { lease: await patchLease(client, lease, spec, request), renewedAt }
  }

  const isFree = (lease: Lease): boolean => {
    const current = lease.spec?.holderIdentity ?? ''
    // Our own name is that of our predecessor in the same pod, which is dead.
    return current === '' || current === holder || performance.now() >= expiresAt
  }

  return {
    async tryAcquire() {
      try {
        const lease = await client.get(Lease, { namespace, name }, request)
        if (lease === undefined) return await create()
        watchRecord(lease)
        return isFree(lease) ? await take(lease) : undefined
      } catch (error) {
        // Another was faster, and the next look shows who.
        if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined
        throw error
      }
    },
    untilExpiryMs: () => Math.max(0, expiresAt - performance.now()),
  }
}

/** Leads, and renews meanwhile; then gives the lease back, unless the term is over already. */
const runTerm = async (options: LeaseOptions, held: Held): Promise<void> => {
  const { log, signal, lead, renewMs = defaultRenewMs } = options
  const ending = new AbortController()
  const finished = new AbortController()
  const term = { lease: held.lease, endsAt: held.renewedAt + renewMs, isLost: false }
  const stillLeading = (): boolean => !ending.signal.aborted && performance.now() < term.endsAt
  const end = (): void => {
    ending.abort()
  }
  signal.addEventListener('abort', end, { once: true })
  if (signal.aborted) end()
  log.info({ lease: options.name }, 'Leading')
  const renewing = renew(options, term, { end, finished: finished.signal })
  try {
    await lead({ signal: ending.signal, stillLeading })
  } catch (error) {
    log.error({ err: error }, 'Leading failed')
  } finally {
    end()
    finished.abort()
    signal.removeEventListener('abort', end)
    await renewing
  }
  log.info({ lease: options.name }, 'Not leading any more')
  if (!term.isLost && performance.now() < term.endsAt) await release(options, term.lease)
}

interface TermState {
  lease: Lease
  /** By the monotonic clock. */
  endsAt: number
  isLost: boolean
}

/** Renews until `lead` has returned, or the term is lost. While `lead` winds down after an abort, it still renews. */
const renew = async (
  options: LeaseOptions,
  term: TermState,
  { end, finished }: { readonly end: () => void; readonly finished: AbortSignal },
): Promise<void> => {
  const { log, retryMs = defaultRetryMs } = options
  let failures = 0
  const guard = createGuard(term, () => {
    log.warn({ lease: options.name }, 'Lease could not be renewed in time')
    end()
  })
  while (!term.isLost) {
    // After a failure sooner than usual: several attempts must fit before the deadline.
    if (!(await pause(failures === 0 ? retryMs : retryMs / 4, finished))) break
    if (performance.now() >= term.endsAt) {
      term.isLost = true
      break
    }
    try {
      await renewOnce(options, term)
      failures = 0
      guard.extend()
    } catch (error) {
      failures += 1
      log.debug({ err: error, failures }, 'Lease could not be renewed')
    }
  }
  guard.stop()
  if (term.isLost) end()
}

/** Ends the term when its time is over, unless extended before. */
const createGuard = (
  term: TermState,
  onEnd: () => void,
): { readonly extend: () => void; readonly stop: () => void } => {
  let timer: NodeJS.Timeout | undefined
  const stop = (): void => {
    clearTimeout(timer)
  }
  const extend = (): void => {
    stop()
    timer = setTimeout(
      () => {
        term.isLost = true
        onEnd()
      },
      Math.max(0, term.endsAt - performance.now()),
    )
  }
  extend()
  return { extend, stop }
}

/** Not ended with `lead`: a renewal that is on its way decides which version the release must name. */
const renewOnce = async (options: LeaseOptions, term: TermState): Promise<void> => {
  const { renewMs = defaultRenewMs, retryMs = defaultRetryMs } = options
  const leftMs = Math.max(1, term.endsAt - performance.now())
  const request: RequestOptions = {
    signal: AbortSignal.timeout(Math.ceil(leftMs)),
    timeoutMs: Math.min(retryMs, leftMs),
    urgent: true,
  }
  const sentAt = performance.now()
  const lease = await patchOurs(options, term.lease, { spec: recordOf(options), request })
  if (lease === undefined) {
    term.isLost = true
    return
  }
  term.lease = lease
  term.endsAt = sentAt + renewMs
}

/** Changes the lease as long as it is ours, whoever else touches it meanwhile; `undefined`: it is not ours any more. */
const patchOurs = async (
  { client, namespace, name, holder }: LeaseOptions,
  lease: Lease,
  change: { readonly spec: NonNullable<Lease['spec']>; readonly request: RequestOptions },
): Promise<Lease | undefined> => {
  const { spec, request } = change
  let live: Lease | undefined = lease
  // With no bound of its own: the request's signal ends it.
  while (live?.spec?.holderIdentity === holder) {
    try {
      return await patchLease(client, live, spec, request)
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error
      // Changed by somebody, perhaps by our own renewal whose answer was lost. A deleted lease is anybody's.
      live = await client.get(Lease, { namespace, name }, request)
    }
  }
  return undefined
}

const release = async (options: LeaseOptions, lease: Lease): Promise<void> => {
  const { log, retryMs = defaultRetryMs } = options
  const spec = { holderIdentity: '', renewTime: microTime(), leaseDurationSeconds: 1 }
  const request = { signal: AbortSignal.timeout(retryMs), timeoutMs: retryMs, urgent: true }
  try {
    await patchOurs(options, lease, { spec, request })
  } catch (error) {
    log.warn({ err: error }, 'Lease could not be released, it will expire')
  }
}

const recordOf = ({ holder, durationMs = defaultDurationMs }: LeaseOptions) => ({
  holderIdentity: holder,
  leaseDurationSeconds: Math.ceil(durationMs / 1_000),
  renewTime: microTime(),
})

const patchLease = (
  client: Client,
  { metadata: { namespace, name, resourceVersion } }: Lease,
  spec: NonNullable<Lease['spec']>,
  request: RequestOptions,
): Promise<Lease> =>
  client.patch(
    Lease,
    {
      ...(namespace === undefined ? {} : { namespace }),
      name,
      patchType: 'merge',
      patch: { metadata: { resourceVersion }, spec },
    },
    request,
  )

/** Six digits after the point, or the API server refuses it. */
const microTime = (): string => new Date().toISOString().replace('Z', '000Z')
