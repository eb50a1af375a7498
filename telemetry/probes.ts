/**
 * What the kubelet asks: is the process alive, and should it get requests. Plain HTTP on a port of its own.
 *
 * @module
 */
import { createServer, type Server } from 'node:http'

/** Builds the server of `/healthz` and `/readyz`. That it answers at all means that the event loop is alive. */
export const buildProbes = (isReady: () => boolean): Server => {
  const states: Readonly<Record<string, () => boolean>> = {
    '/healthz': () => true,
    '/readyz': isReady,
  }
  return createServer((request, response) => {
    const isOk = states[request.url ?? '']?.()
    response.statusCode = isOk === undefined ? 404 : isOk ? 200 : 503
    response.end(isOk === true ? 'ok' : 'not ok')
  })
}
