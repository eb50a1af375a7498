/**
 * What the senders of telemetry hold while nobody takes anything, as a process of its own, so that its memory is theirs.
 *
 * Started with an IPC channel: it says how much it holds without anything that waits, and with as much as it is told.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import type { Transition } from '../../kube/decision.ts'
import { createCloudEventSender } from '../../telemetry/cloud-events/index.ts'
import { residentMegabytes } from './processes.ts'

/** What the process is told. */
export interface Orders {
  readonly transitions: number
  /** Where nobody is. */
  readonly endpoint: string
}

/** What the process says, in MB. */
export interface Report {
  readonly before: number
  readonly after: number
}

const at = new Date('2026-03-01T12:00:00Z')

/** As long as they are: of a workload version, with all that it is about. */
const transition = (index: number): Transition => {
  const name = `shop-cart-${index}`
  const phase = 'WorkloadPreDeployTasks'
  return {
    id: `0f7d3c52-6d4f-4a67-9d4e-${String(index).padStart(12, '0')}/${phase}/Started`,
    subject: {
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: 'KeptnWorkloadVersion',
      namespace: 'shop',
      name,
      uid: `0f7d3c52-6d4f-4a67-9d4e-${String(index).padStart(12, '0')}`,
    },
    reason: `${phase}Started`,
    severity: 'Normal',
    message: `Workload Pre-Deployment Tasks: has started / Namespace: shop, Name: ${name}, Version: 1.0.${index}`,
    at,
    phase: { name: phase, longName: 'Workload Pre-Deployment Tasks', state: 'Started' },
    attributes: {
      ...{ namespace: 'shop', name, phase, version: `1.0.${index}`, traceparent: '' },
      ...{ appName: 'shop', workloadName: `shop-cart-${index}`, workloadVersion: `1.0.${index}` },
      workloadVersionName: name,
    },
  }
}

/** What lies in RAM once what nobody needs any more is gone. */
const settledMegabytes = async (): Promise<number> => {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await pause(200)
  }
  return residentMegabytes(process.pid).all
}

const run = async ({ transitions, endpoint }: Orders): Promise<void> => {
  const hear = createCloudEventSender({
    settings: () => ({ endpoint, mode: 'binary', names: 'seeds' }),
    notify: () => undefined,
    figures: new Registry(),
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
  })
  hear([transition(0)])
  await pause(1_000)
  const before = await settledMegabytes()
  hear(Array.from({ length: transitions }, (_, index) => transition(index + 1)))
  await pause(3_000)
  process.send?.({ before, after: await settledMegabytes() } satisfies Report)
}

process.once('message', (orders) => {
  void run(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
