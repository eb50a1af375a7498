/**
 * The least that can answer admission: a Node HTTPS server that reads a request and replies with a given text.
 *
 * Started with an IPC channel, on which it waits for its `Orders` and says when it listens.
 *
 * @module
 */
import { createServer } from 'node:https'

/** What the process is told. */
export interface Orders {
  readonly port: number
  readonly cert: string
  readonly key: string
  readonly answer: string
}

const run = ({ port, cert, key, answer }: Orders): void => {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer),
  }
  const server = createServer({ cert, key, minVersion: 'TLSv1.3' }, (request, response) => {
    request.on('data', () => undefined)
    request.on('end', () => {
      response.writeHead(200, headers)
      response.end(answer)
    })
  })
  server.keepAliveTimeout = 100_000
  server.listen(port, '0.0.0.0', () => process.send?.('ready'))
}

process.once('message', (orders) => {
  run(orders as Orders)
})
// Whoever started it must not outlive it.
process.once('disconnect', () => process.exit())
