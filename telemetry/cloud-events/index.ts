/**
 * Tells transitions as CloudEvents to the endpoint that the KeptnConfig names, if it names one.
 *
 * @module
 */
import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import { Agent } from 'undici'
import type { Transition } from '../../kube/decision.ts'
import { createDelivery, type Fate } from '../delivery.ts'
import { isTold, sendCloudEvent, shownEndpoint, type CloudEventSettings } from './sending.ts'

export type { CloudEventSettings } from './sending.ts'

/** What there is to tell of the sending itself, to whoever looks after it. */
export interface Notice {
  readonly reason: 'CloudEventsUndelivered' | 'CloudEventsDelivered'
  readonly severity: 'Normal' | 'Warning'
  readonly message: string
}

/** What a teller of CloudEvents is made of. */
export interface CloudEventOptions {
  /** Asked again for each event: `undefined` while none are wanted. */
  readonly settings: () => CloudEventSettings | undefined
  /** Told when the endpoint can't be reached any more, when it can again, and of each new way in which it refuses. */
  readonly notify: (notice: Notice) => void
  readonly figures?: Registry
  readonly log: Logger
  readonly signal: AbortSignal
}

const countIn = (figures: Registry | undefined): ((fate: Fate, count: number) => void) => {
  const counter = new Counter({
    name: 'gatekept_cloud_events_total',
    help: 'CloudEvents, by what became of them: delivered, refused by the endpoint, or dropped',
    labelNames: ['outcome'],
    registers: figures === undefined ? [] : [figures],
  })
  return (fate, count) => {
    counter.inc({ outcome: fate }, count)
  }
}

/** Makes a listener that sends a CloudEvent for each transition it hears of. It returns at once. */
export const createCloudEventSender = (
  options: CloudEventOptions,
): ((transitions: readonly Transition[]) => void) => {
  const { settings, notify, log, signal } = options
  const count = countIn(options.figures)
  const agent = new Agent({ connections: 4, connect: { timeout: 5_000 } })
  const complaints = new Set<string>()
  const where = (): string => shownEndpoint(settings()?.endpoint ?? '')

  const complain = (sentence: string): void => {
    if (complaints.has(sentence)) return
    complaints.add(sentence)
    log.warn({ reason: sentence }, 'CloudEvents are not delivered')
    notify({ reason: 'CloudEventsUndelivered', severity: 'Warning', message: sentence })
  }

  const delivery = createDelivery({
    send: async (transition, signalled) => {
      const now = settings()
      if (now === undefined) return { outcome: 'refused', why: 'no endpoint is set any more' }
      return sendCloudEvent(transition, now, { agent, signal: signalled })
    },
    onFate: (fate, number, why) => {
      count(fate, number)
      if (fate === 'refused') complain(`CloudEvents to ${where()} are refused: ${why}`)
      if (fate === 'dropped') complain(`CloudEvents to ${where()} are dropped: ${why}`)
    },
    onOutage: (why) => {
      if (why !== undefined) {
        complain(`CloudEvents to ${where()} wait: ${why}`)
        return
      }
      complaints.clear()
      const message = `CloudEvents to ${where()} are delivered again`
      log.info(message)
      notify({ reason: 'CloudEventsDelivered', severity: 'Normal', message })
    },
    signal,
  })

  return (transitions) => {
    const now = settings()
    if (now === undefined) delivery.clear()
    else delivery.add(transitions.filter((transition) => isTold(transition, now)))
  }
}
