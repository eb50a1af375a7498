/**
 * Tells OpenTelemetry's collectors what has ended, as the KeptnConfig in force says it.
 *
 * The stores are the queue. Of what has ended and was not delivered, keys alone are remembered, and spans are made from the
 * stored objects when they are sent; what an object is about to forget (it begins anew, or is deleted) is kept as it is.
 * A record says up to where spans were delivered, so that whoever leads next finds what has ended since in its own
 * stores. It is written once the collector has taken the spans: who dies between the two has them sent again, under the same ids.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { controllerOf } from '../../api/object.ts'
import { backOffMs } from '../../kube/back-off.ts'
import type { Store } from '../../kube/store.ts'
import { createBacklog, type Backlog, type TracedStores, type Waiting } from './backlog.ts'
import { createBell, type Bell } from '../bell.ts'
import { progressKey, withTold, type Progress, type ProgressRecord } from '../progress.ts'
import {
  createExporter,
  shownCollector,
  type Exporter,
  type Sent,
  type TraceSettings,
} from './sending.ts'
import type { Span, Traced, TraceSources } from './spans.ts'

export type { TraceSecrets, TraceSettings } from './sending.ts'

/** What there is to tell of the sending itself, to whoever looks after it. */
export interface Notice {
  readonly reason: 'SpansUndelivered' | 'SpansDelivered'
  readonly severity: 'Normal' | 'Warning'
  readonly message: string
}

/** What a teller of spans is made of. */
export interface TellerOptions {
  readonly stores: TracedStores
  readonly phases: TraceSources['phases']
  /** Asked again for each request: `undefined` while none are wanted. */
  readonly settings: () => TraceSettings | undefined
  /** Whose spans they are. */
  readonly resource: Readonly<Record<string, string>>
  /** Told when spans can't be delivered, and when they can again. */
  readonly notify: (notice: Notice) => void
  readonly figures?: Registry
  readonly log: Logger
  readonly batchMs?: number
  readonly firstPauseMs?: number
}

/** A time in which this process tells spans. */
export interface Telling {
  readonly record: ProgressRecord
  readonly signal: AbortSignal
  /** Whether no other process tells them yet. */
  readonly stillLeading: () => boolean
  /** Asked at the end: whether what waits may still be sent. */
  readonly mayFinish: () => boolean
}

/** Tells spans, in one term after another. */
export interface Teller {
  /** Looks whether spans are wanted, and where: the settings may have changed. */
  readonly look: () => void
  /** Goes on until the signal is aborted, and then for two seconds at most. */
  readonly tell: (telling: Telling) => Promise<void>
}

const batchMs = 5_000
const mostInBatch = 500
/** Collectors take 4 MiB at a time. */
const mostBytes = 1_500_000
const pauses = { minMs: 1_000, maxMs: 60_000 }
const finishMs = 1_500

const countIn = (
  figures: Registry | undefined,
): ((outcome: 'delivered' | 'refused' | 'dropped', count: number) => void) => {
  const counter = new Counter({
    name: 'gatekept_spans_total',
    help: 'Spans, by what became of them: delivered, refused by the collector, or dropped',
    labelNames: ['outcome'],
    registers: figures === undefined ? [] : [figures],
  })
  return (outcome, count) => {
    if (count > 0) counter.inc({ outcome }, count)
  }
}

/** Makes a teller, which tells nothing yet. */
export const createTeller = (options: TellerOptions): Teller => {
  const { stores, log } = options
  const bell = createBell()
  const count = countIn(options.figures)
  const complaints = createComplaints(options)
  const sources: TraceSources = { phases: options.phases, ownerOf: ownerIn(stores) }
  const state = { isChanged: false }
  return {
    look: () => {
      state.isChanged = true
      bell.ring()
    },
    tell: async (telling) => {
      const exporter = createExporter(options.resource)
      let progress: Progress | undefined
      const backlog = createBacklog({
        ...{ stores, sources, log },
        progress: () => progress,
        onDropped: (dropped) => {
          count('dropped', dropped)
        },
        onAdded: (waiting) => {
          if (waiting === 1 || waiting >= mostInBatch) bell.ring()
        },
      })
      for (const store of Object.values(stores) as Store<Traced>[]) {
        store.subscribe(backlog.hear, { signal: telling.signal })
      }
      const loop = createLoop({
        ...{ options, telling, bell, state, backlog, exporter, complaints, count },
        progress: {
          get: () => progress,
          set: (next) => {
            progress = next
          },
        },
      })
      await loop()
      backlog.close()
      exporter.close()
    },
  }
}

/** Finds the version that made a check. */
const ownerIn =
  (stores: TracedStores): TraceSources['ownerOf'] =>
  (check) => {
    const owner = controllerOf(check)
    if (owner === undefined) return undefined
    const { namespace } = check.metadata
    const found =
      owner.kind === 'KeptnAppVersion'
        ? stores.appVersions.get(namespace, owner.name)
        : stores.workloadVersions.get(namespace, owner.name)
    return found?.metadata.uid === owner.uid ? found : undefined
  }

/** Says each way in which spans are not delivered once, and that they are again. */
const createComplaints = ({ settings, notify, log }: TellerOptions) => {
  const said = new Set<string>()
  return {
    complain: (why: string): void => {
      const message = `Spans for ${shownCollector(settings())} ${why}`
      if (said.has(message)) return
      said.add(message)
      log.warn({ reason: message }, 'Spans are not delivered')
      notify({ reason: 'SpansUndelivered', severity: 'Warning', message })
    },
    settle: (): void => {
      if (said.size === 0) return
      said.clear()
      const message = `Spans for ${shownCollector(settings())} are delivered again`
      log.info({ reason: message }, 'Spans are delivered again')
      notify({ reason: 'SpansDelivered', severity: 'Normal', message })
    },
    forget: (): void => {
      said.clear()
    },
  }
}

/** About what a span comes to in a request: rather too much than too little. */
const sizeOf = ({ name, attributes, events, links }: Span): number =>
  400 + Buffer.byteLength(name + JSON.stringify([attributes, events])) + links.length * 100

/** What goes into the next request: spans, and what they are of. Some of that may have no span any more. */
const batchOf = (
  backlog: Backlog,
): { readonly of: readonly Waiting[]; readonly spans: readonly Span[] } => {
  const of: Waiting[] = []
  const spans: Span[] = []
  let bytes = 0
  for (const waiting of backlog.first(mostInBatch)) {
    const span = backlog.spanOf(waiting)
    bytes += span === undefined ? 0 : sizeOf(span)
    if (bytes > mostBytes && spans.length > 0) break
    of.push(waiting)
    if (span !== undefined) spans.push(span)
  }
  return { of, spans }
}

const createLoop = (from: {
  readonly options: TellerOptions
  readonly telling: Telling
  readonly bell: Bell
  readonly state: { isChanged: boolean }
  readonly backlog: Backlog
  readonly exporter: Exporter
  readonly complaints: ReturnType<typeof createComplaints>
  readonly count: ReturnType<typeof countIn>
  readonly progress: {
    readonly get: () => Progress | undefined
    readonly set: (progress: Progress | undefined) => void
  }
}): (() => Promise<void>) => {
  const { options, telling, bell, state, backlog, exporter, complaints, count, progress } = from
  const { settings, log } = options
  const { record, signal, stillLeading, mayFinish } = telling
  const restMs = options.batchMs ?? batchMs
  const pauseRange = { ...pauses, minMs: options.firstPauseMs ?? pauses.minMs }
  const sending = new AbortController()
  /** How often in a row the collector, or the record, was not there. */
  let failures = 0
  let isUnsaved = false

  const seconds = (): number => Math.floor(Date.now() / 1_000)

  const save = async (): Promise<void> => {
    try {
      await record.save(progress.get())
      isUnsaved = false
    } catch (err) {
      log[isUnsaved ? 'debug' : 'warn']({ err }, 'Progress of spans could not be stored')
      isUnsaved = true
    }
  }

  const begin = async (): Promise<void> => {
    const stored = await record.load()
    progress.set(stored ?? { since: seconds(), told: new Map() })
    backlog.open()
    failures = 0
    if (stored === undefined) await save()
  }

  const end = async (): Promise<void> => {
    progress.set(undefined)
    failures = 0
    backlog.close()
    exporter.close()
    complaints.forget()
    await save()
  }

  const note = async (done: readonly Waiting[]): Promise<void> => {
    backlog.remove(done)
    const before = progress.get()
    if (before === undefined) return
    const told = done.map((one) => [progressKey(one.spanId, one.end), one.end] as const)
    const waitingSince = backlog.waitingSince()
    progress.set(withTold(before, new Map(told), { now: seconds(), waitingSince }))
    backlog.refill()
    await save()
  }

  const send = async (to: TraceSettings): Promise<Sent> => {
    const { of, spans } = batchOf(backlog)
    const sent: Sent =
      spans.length === 0
        ? { outcome: 'delivered', refused: 0 }
        : await exporter.send(spans, to, sending.signal)
    if (sent.outcome === 'away') return sent
    const refused = sent.outcome === 'refused' ? spans.length : Math.min(sent.refused, spans.length)
    count('refused', refused)
    count('delivered', spans.length - refused)
    await note(of)
    return sent
  }

  /** Waits, unless there is a reason not to: the settings have changed, or a request would be full. */
  const rest = async (ms: number): Promise<void> => {
    const until = performance.now() + ms
    while (!signal.aborted && !state.isChanged) {
      const left = until - performance.now()
      if (left <= 0 || (failures === 0 && backlog.size() >= mostInBatch)) return
      await bell.wait(left)
    }
  }

  const after = async (sent: Sent): Promise<void> => {
    if (sent.outcome === 'away') {
      if (signal.aborted) return
      complaints.complain(`wait: ${sent.why}`)
      failures += 1
      await rest(sent.retryAfterMs ?? backOffMs(failures, pauseRange))
      return
    }
    failures = 0
    if (sent.outcome === 'refused') complaints.complain(`are refused: ${sent.why}`)
    else if (sent.refused > 0) complaints.complain('are refused: some of those that it was sent')
    else complaints.settle()
    await rest(restMs)
  }

  const pass = async (): Promise<void> => {
    state.isChanged = false
    const to = settings()
    if (to === undefined) {
      if (progress.get() !== undefined) await end()
      await bell.wait(Infinity)
    } else if (progress.get() === undefined) {
      await begin()
    } else if (backlog.size() === 0) {
      await bell.wait(Infinity)
      // What ends together is told together.
      await rest(restMs)
    } else if (stillLeading()) {
      await after(await send(to))
    } else {
      await bell.wait(Infinity)
    }
  }

  const finish = async (): Promise<void> => {
    const to = settings()
    if (to === undefined || progress.get() === undefined || failures > 0) return
    let sent: Sent = { outcome: 'delivered', refused: 0 }
    while (sent.outcome !== 'away' && backlog.size() > 0 && !sending.signal.aborted) {
      sent = await send(to)
    }
  }

  return async () => {
    const onAbort = (): void => {
      bell.ring()
      if (mayFinish())
        setTimeout(() => {
          sending.abort()
        }, finishMs).unref()
      else sending.abort()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    while (!signal.aborted) {
      try {
        await pass()
      } catch (err) {
        log[failures === 0 ? 'warn' : 'debug']({ err }, 'Telling spans failed')
        failures += 1
        await rest(backOffMs(failures, pauseRange))
      }
    }
    if (mayFinish()) await finish()
  }
}
