/**
 * Notifies people: of each transition that a receiver wants to hear of, at most once.
 *
 * A chat can't be told that it has heard something before, and a new leader is told again what was stored lately. So what is
 * about to be sent is claimed first, in a record that outlives this process: what was claimed is never sent by anybody
 * else, not even by one that was halted and still believes that it leads. Who dies between the two has claimed what nobody is
 * told.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { Agent } from 'undici'
import { backOffMs, pause } from '../../kube/back-off.ts'
import type { Transition } from '../../kube/decision.ts'
import { createDelivery, type Delivery, type Fate } from '../delivery.ts'
import { createBell } from '../bell.ts'
import {
  mergedProgress,
  progressKey,
  withTold,
  type ClaimRecord,
  type Progress,
} from '../progress.ts'
import { isWanted, type Filter } from './filter.ts'
import { bodyOf, idOf, templateOf, type ReceiverType } from './message.ts'
import { sendNotification, type Notification } from './sending.ts'

export type { Filter } from './filter.ts'

/** Whom to notify of what. */
export interface Receiver extends Pick<Notification, 'url' | 'token'> {
  readonly name: string
  readonly type: ReceiverType
  readonly filter: Filter
  /** `''`: the usual one. */
  readonly template: string
}

/** What there is to tell of the sending itself, to whoever looks after it. */
export interface Notice {
  readonly reason: 'NotificationsUndelivered' | 'NotificationsDelivered'
  readonly severity: 'Normal' | 'Warning'
  readonly message: string
}

/** What a notifier is made of. */
export interface NotifierOptions {
  /** Asked again for each transition. */
  readonly receivers: () => readonly Receiver[]
  /** Told of what is wrong with a receiver, once, and when it takes notifications again. */
  readonly notify: (notice: Notice) => void
  readonly figures?: Registry
  readonly log: Logger
  /** Nothing is sent any more. */
  readonly signal: AbortSignal
  readonly firstPauseMs?: number
}

/** A time in which this process leads. */
export interface Leading {
  readonly record: ClaimRecord
  readonly signal: AbortSignal
  readonly stillLeading: () => boolean
}

/** Notifies while it leads. */
export interface Notifier {
  /** Hears of transitions, of new ones and of old ones. It returns at once. */
  readonly hear: (transitions: readonly Transition[]) => void
  /** Looks at the receivers anew: they may have changed. */
  readonly look: () => void
  /** Claims and sends what is heard, until the signal is aborted. */
  readonly lead: (leading: Leading) => Promise<void>
}

const mostPending = 2_000
const mostWaiting = 1_000
const mostInBatch = 200
/** One write of the record in so long. */
const restMs = 1_000
const pauses = { minMs: 1_000, maxMs: 60_000 }
/** Claims are remembered for longer than anything is told again by who begins to lead. */
const rememberedSeconds = 15 * 60

const secondsOf = ({ at }: Transition): number => Math.floor(at.getTime() / 1_000)

const keyOf = (transition: Transition): string =>
  progressKey(idOf(transition), secondsOf(transition))

const isClaimed = ({ since, told }: Progress, transition: Transition): boolean =>
  secondsOf(transition) < since || told.has(keyOf(transition))

type Count = (receiver: string, outcome: Fate, count: number) => void

const countIn = (figures: Registry | undefined): Count => {
  const counter = new Counter({
    name: 'gatekept_notifications_total',
    help: 'Notifications, by receiver and by what became of them: delivered, refused, or dropped',
    labelNames: ['receiver', 'outcome'],
    registers: figures === undefined ? [] : [figures],
  })
  return (receiver, outcome, count) => {
    counter.inc({ receiver, outcome }, count)
  }
}

/** Says each thing that is wrong with a receiver once, until that is over. */
const createComplaints = ({ notify, log }: NotifierOptions) => {
  const said = new Map<string, Set<string>>()
  return {
    complain: (receiver: string, why: string): void => {
      const message = `Notifications to "${receiver}" ${why}`
      const known = said.get(receiver) ?? new Set()
      if (known.has(message)) return
      said.set(receiver, known.add(message))
      log.warn({ reason: message }, 'Notifications are not delivered')
      notify({ reason: 'NotificationsUndelivered', severity: 'Warning', message })
    },
    settle: (receiver: string): void => {
      if (!said.delete(receiver)) return
      const message = `Notifications to "${receiver}" are delivered again`
      log.info({ reason: message }, 'Notifications are delivered again')
      notify({ reason: 'NotificationsDelivered', severity: 'Normal', message })
    },
  }
}

/** The ways to all receivers, each with what waits for it. */
const createDeliveries = (
  options: NotifierOptions,
  { complain, settle }: ReturnType<typeof createComplaints>,
  count: Count,
) => {
  const { receivers, signal, firstPauseMs } = options
  const agent = new Agent({ connections: 2, connect: { timeout: 5_000 } })
  const all = new Map<string, Delivery>()
  const start = (name: string): Delivery =>
    createDelivery({
      send: async (transition, signalled) => {
        const now = receivers().find((receiver) => receiver.name === name)
        if (now === undefined) return { outcome: 'refused', why: 'it is no receiver any more' }
        const { type, url, token, template } = now
        const body = bodyOf(type, templateOf(template), transition)
        const notification = { url, body, ...(token === undefined ? {} : { token }) }
        return sendNotification(notification, { agent, signal: signalled })
      },
      onFate: (fate, number, why) => {
        count(name, fate, number)
        if (fate === 'delivered') settle(name)
        else complain(name, `are ${fate}: ${why}`)
      },
      onOutage: (why) => {
        if (why !== undefined) complain(name, `wait: ${why}`)
      },
      signal,
      longestQueue: mostWaiting,
      ...(firstPauseMs === undefined ? {} : { firstPauseMs }),
    })
  return {
    deliver: (transitions: readonly Transition[]): void => {
      for (const { name, filter } of receivers()) {
        const wanted = transitions.filter((transition) => isWanted(filter, transition))
        if (wanted.length === 0) continue
        const delivery = all.get(name) ?? start(name)
        all.set(name, delivery)
        delivery.add(wanted)
      }
    },
    /** Forgets those that nobody names any more. */
    tidy: (): void => {
      const names = receivers().map(({ name }) => name)
      for (const [name, delivery] of all) {
        if (names.includes(name)) continue
        delivery.clear()
        all.delete(name)
      }
    },
  }
}

/** From when on people want to be notified, in this term; `isNew`: they did not before. */
interface Wished {
  readonly since: number
  readonly isNew: boolean
}

const seconds = (): number => Math.floor(Date.now() / 1_000)

/** Makes a notifier, which sends nothing until it leads. */
export const createNotifier = (options: NotifierOptions): Notifier => {
  const { receivers, log, firstPauseMs: minMs = pauses.minMs } = options
  const bell = createBell()
  const complaints = createComplaints(options)
  const count = countIn(options.figures)
  const deliveries = createDeliveries(options, complaints, count)
  let pending: readonly Transition[] = []

  const look = (): void => {
    for (const { name, template } of receivers()) {
      try {
        templateOf(template)
      } catch (error) {
        complaints.complain(name, `are not sent: ${(error as Error).message}`)
      }
    }
    deliveries.tidy()
    bell.ring()
  }

  /** The progress with these claimed, too. What still waits is not taken for claimed, however old it is. */
  const withClaims = (progress: Progress, claims: ReadonlyMap<string, Transition>): Progress => {
    const now = seconds()
    const claimed = new Map([...claims].map(([key, transition]) => [key, secondsOf(transition)]))
    const waitingSince = Math.min(now - rememberedSeconds, ...pending.map(secondsOf))
    return withTold(progress, claimed, { now, waitingSince })
  }

  const claimNext = async ({ record }: Leading, progress: Progress): Promise<Progress> => {
    const batch = pending.slice(0, mostInBatch)
    const news = batch.filter((transition) => !isClaimed(progress, transition))
    // What is told again may have been told a moment ago.
    const claims = new Map(news.map((transition) => [keyOf(transition), transition]))
    let next = progress
    if (claims.size > 0) {
      next = withClaims(progress, claims)
      if ((await record.claim(next)) === 'moved') {
        return mergedProgress(progress, (await record.load()) ?? progress)
      }
    }
    pending = pending.slice(batch.length)
    deliveries.deliver([...claims.values()])
    return next
  }

  /**
   * What was claimed before. Where nobody was to be notified until now, all that was before counts as claimed. `undefined`:
   * somebody else has begun at the same time.
   */
  const begin = async ({ record }: Leading, wished: Wished): Promise<Progress | undefined> => {
    const stored = await record.load()
    if (stored !== undefined && !wished.isNew) return stored
    const now: Progress = { since: wished.since, told: new Map() }
    const begun = mergedProgress(now, stored ?? now)
    return (await record.claim(begun)) === 'claimed' ? begun : undefined
  }

  const lead = async (leading: Leading): Promise<void> => {
    const { signal, stillLeading } = leading
    let progress: Progress | undefined
    let wished: Wished | undefined
    let failures = 0
    const step = async (): Promise<void> => {
      if (receivers().length === 0) {
        ;[progress, pending] = [undefined, []]
        wished = { since: Infinity, isNew: true }
        await bell.wait(Infinity)
      } else if (progress === undefined) {
        wished = { isNew: false, ...wished, since: Math.min(wished?.since ?? Infinity, seconds()) }
        progress = await begin(leading, wished)
      } else if (pending.length === 0 || !stillLeading()) {
        await bell.wait(Infinity)
      } else {
        progress = await claimNext(leading, progress)
        await pause(restMs, signal)
      }
      failures = 0
    }
    signal.addEventListener('abort', bell.ring, { once: true })
    look()
    while (!signal.aborted) {
      try {
        await step()
      } catch (err) {
        log[failures === 0 ? 'warn' : 'debug']({ err }, 'Notifications could not be claimed')
        failures += 1
        await pause(backOffMs(failures, { ...pauses, minMs }), signal)
      }
    }
    pending = []
  }

  return {
    hear: (transitions) => {
      const to = receivers()
      const wanted = transitions.filter((transition) =>
        to.some(({ filter }) => isWanted(filter, transition)),
      )
      if (wanted.length === 0) return
      const room = mostPending - pending.length
      pending = [...pending, ...wanted.slice(0, room)]
      const missed = wanted.slice(room)
      for (const { name, filter } of to) {
        const lost = missed.filter((transition) => isWanted(filter, transition)).length
        if (lost > 0) count(name, 'dropped', lost)
      }
      bell.ring()
    },
    look,
    lead,
  }
}
