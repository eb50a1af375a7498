/**
 * Stand-in sources as a process of their own: one that writes 10 MB delays no other, nor the clock that others are seen by.
 *
 * Started with an IPC channel, on which it waits for its `Orders` and says where its sources are.
 *
 * @module
 */
import { startStandInSources, type Manner } from './stand-in-sources.ts'

/** What the process is told: first how many sources to start, then how one of them answers from here on. */
export type Orders =
  | { readonly kind: 'start'; readonly count: number }
  | { readonly kind: 'set'; readonly source: number; readonly manner: Manner }

/** What the process says: where its sources are, then each query that came, in milliseconds since the epoch. */
export type Report =
  | { readonly kind: 'started'; readonly urls: readonly string[] }
  | {
      readonly kind: 'asked'
      readonly source: number
      readonly query: string
      readonly at: number
    }

const tell = (report: Report): void => {
  process.send?.(report)
}

const run = async (count: number): Promise<void> => {
  const sources = await startStandInSources(count, (source, query, at) => {
    tell({ kind: 'asked', source, query, at })
  })
  process.on('message', (message) => {
    const orders = message as Orders
    if (orders.kind === 'set') sources.set(orders.source, orders.manner)
  })
  tell({ kind: 'started', urls: sources.urls })
}

process.once('message', (message) => {
  const orders = message as Orders
  if (orders.kind === 'start') void run(orders.count)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
