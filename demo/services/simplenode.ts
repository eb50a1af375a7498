import { createServer } from 'node:http'
import type { Server } from 'node:http'

/** Greets, and tells Prometheus how long the last greeting took. */
export const simplenodeServer = (now = () => performance.now()): Server => {
  let responseMs = 0
  return createServer((request, response) => {
    if (request.url === '/metrics') {
      response.setHeader('content-type', 'text/plain; version=0.0.4')
      response.end(
        '# TYPE simplenode_response_milliseconds gauge\n' +
          `simplenode_response_milliseconds ${responseMs.toFixed(3)}\n`,
      )
      return
    }
    const start = now()
    response.end('Hello from simplenode\n', () => {
      responseMs = now() - start
    })
  })
}
