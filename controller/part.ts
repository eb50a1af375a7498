/**
 * What a part of the process is started with, and how its controllers run.
 *
 * @module
 */
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Client } from '../kube/client.ts'
import { runController, type Controller, type Runtime } from '../kube/controller.ts'
import { holdLease, type Term } from '../kube/lease.ts'
import { createEventSender } from '../telemetry/events.ts'
import type { ProcessMetrics } from '../telemetry/process-metrics.ts'
import { announceTo, type Listener } from './listeners.ts'
import type { ControllerSettings } from './settings.ts'

/** What every part is started with. */
export interface Process {
  readonly client: Client
  readonly settings: ControllerSettings
  readonly log: Logger
  readonly signal: AbortSignal
  readonly onPass?: Runtime['onPass']
  readonly onQueue?: Runtime['onQueue']
  readonly show?: ProcessMetrics['show']
  /** Figures of the process, for who serves them along with others. */
  readonly figures?: Registry
}

/** A part that was started. */
export interface Started {
  /** Whether its stores are equal to the cluster. */
  readonly isReady: () => boolean
  /** Resolves once the signal is aborted and nothing of it runs any more. */
  readonly ended: Promise<void>
}

/** A controller, and how many keys it looks at at a time. */
export interface Row {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows differ in what they see
  readonly controller: Controller<any, any>
  readonly workers?: number
}

/** Runs controllers side by side, until their signal is aborted and none of them runs any more. */
export const runRows = async (rows: readonly Row[], runtime: Runtime): Promise<void> => {
  await Promise.all(
    rows.map(({ controller, workers }) =>
      runController(controller, { ...runtime, ...(workers === undefined ? {} : { workers }) }),
    ),
  )
}

/** Tells transitions as Kubernetes Events; `reporter`: whom they name. */
export const eventListener = (process: Process, reporter: string): Listener => ({
  hear: createEventSender({
    client: process.client,
    reporter: { controller: reporter, instance: process.settings.podName },
    log: process.log,
    signal: process.signal,
  }),
  knowsRepeats: true,
})

/** What the controllers of a part run with, and who hears of what they store. */
export const runtimeOf = (
  process: Process,
  stores: Runtime['stores'],
  listeners: readonly Listener[],
): Runtime => ({
  client: process.client,
  stores,
  announce: announceTo(listeners, process.log),
  log: process.log,
  signal: process.signal,
  ...(process.onPass === undefined ? {} : { onPass: process.onPass }),
  ...(process.onQueue === undefined ? {} : { onQueue: process.onQueue }),
})

/** Runs something for each term in which this process leads. */
export const lead = (
  process: Process,
  name: string,
  run: (term: Term) => Promise<void>,
): Promise<void> =>
  holdLease({
    client: process.client,
    namespace: process.settings.namespace,
    name,
    holder: process.settings.podName,
    lead: run,
    log: process.log,
    signal: process.signal,
  })
