/**
 * The part metrics as a process of its own, outside of the cluster, so that what it costs can be told from what others do.
 *
 * Started with an IPC channel, on which it waits for its `Orders` and says when it has begun.
 *
 * @module
 */
import { pino } from 'pino'
import { startMetrics } from '../../controller/metrics.ts'
import { readSettings } from '../../controller/settings.ts'
import { createClient } from '../../kube/client.ts'

/** What the process is told. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly holder: string
}

const run = ({ server, holder, ...credentials }: Orders): void => {
  startMetrics({
    client: createClient({ server: new URL(server), ...credentials }),
    // Its sources are on this machine.
    settings: readSettings(['--parts', 'metrics'], {
      POD_NAME: holder,
      ALLOWED_SOURCE_RANGES: '127.0.0.0/8',
      EXPOSE_KEPTN_METRICS: 'false',
    }),
    log: pino({ level: 'warn' }),
    signal: new AbortController().signal,
  })
  process.send?.('ready')
}

process.once('message', (orders) => {
  run(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
