/**
 * Someone who is told: an HTTP server that takes whatever is posted to it, as a process of its own, so that what it
 * costs to take is nobody else's.
 *
 * Started with an IPC channel, on which it is told where to listen, says where it does, and tells on demand how much was
 * posted to which path.
 *
 * @module
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the process is told: where to listen; then, as often as wanted, that it should tell. */
export type Orders = { readonly kind: 'start'; readonly host: string } | { readonly kind: 'tell' }

/** What the process says. */
export type Report =
  | { readonly kind: 'started'; readonly port: number }
  | { readonly kind: 'posted'; readonly requests: Readonly<Record<string, number>> }

const tell = (report: Report): void => {
  process.send?.(report)
}

const run = (host: string): void => {
  const requests: Record<string, number> = {}
  const server = createServer((request, response) => {
    const { url = '' } = request
    request.resume().on('end', () => {
      requests[url] = (requests[url] ?? 0) + 1
      response.writeHead(200, { 'content-length': 0 }).end()
    })
  })
  server.listen(0, host, () => {
    tell({ kind: 'started', port: (server.address() as AddressInfo).port })
  })
  process.on('message', (message) => {
    if ((message as Orders).kind === 'tell') tell({ kind: 'posted', requests })
  })
}

process.once('message', (message) => {
  const orders = message as Orders
  if (orders.kind === 'start') run(orders.host)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
