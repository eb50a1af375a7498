/**
 * Who hears of transitions once they are stored, and what is told again by a process that begins to lead.
 *
 * @module
 */
import type { Logger } from 'pino'
import type { Transition } from '../kube/decision.ts'
import { createListeners } from '../kube/listeners.ts'

/** Someone who is told of transitions. It returns at once: whatever it does about them, nobody waits for it. */
export interface Listener {
  readonly hear: (transitions: readonly Transition[]) => void
  /** Whether it knows by its id what it has heard before. Only then is anything told to it again. */
  readonly knowsRepeats: boolean
}

/** Tells all of them; one that throws keeps nobody else from hearing. */
export const announceTo = (listeners: readonly Listener[], log: Logger): Listener['hear'] => {
  const all = createListeners<readonly Transition[]>((err) => {
    log.error({ err }, 'Listener failed')
  })
  for (const { hear } of listeners) all.add(hear)
  return all.tell
}

const batch = 20
const pauseMs = 500

/**
 * Tells again what was stored before, to those who know a repeat: a few at a time, so that it keeps nothing waiting that is
 * told meanwhile. It ends with the signal.
 */
export const tellAgain = (
  transitions: readonly Transition[],
  {
    listeners,
    log,
    signal,
  }: {
    readonly listeners: readonly Listener[]
    readonly log: Logger
    readonly signal: AbortSignal
  },
): void => {
  const announce = announceTo(
    listeners.filter(({ knowsRepeats }) => knowsRepeats),
    log,
  )
  const rest = [...transitions]
  const next = (): void => {
    if (signal.aborted || rest.length === 0) return
    announce(rest.splice(0, batch))
    setTimeout(next, pauseMs).unref()
  }
  next()
}
