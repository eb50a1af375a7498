/**
 * The process `gatekept webhook` outside of the cluster, under the service account of its manifest.
 *
 * Started with an IPC channel, on which it gets its `Orders`.
 *
 * @module
 */
import { main } from '../../../webhook/main.ts'

/** What the process is told to be. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly token: string
  readonly environment: Readonly<Record<string, string>>
}

process.once('message', (orders) => {
  const { server, ca, token, environment } = orders as Orders
  void main([], environment, () => ({ server: new URL(server), ca, token: () => token }))
})
// It must not outlive whoever started it.
process.once('disconnect', () => process.exit())
