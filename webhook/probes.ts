/**
 * What the kubelet asks: is the process alive, and should it get requests. Plain HTTP on a port of its own, as Keptn's
 * probes are, so that a missing certificate shows as "not ready" and not as a failed handshake.
 *
 * @module
 */
import { createServer, type Server } from 'node:http'

/** Builds the server of `/healthz` and `/readyz`. */
export const buildProbes = (isReady: () => boolean): Server => {
  const states: Readonly<Record<string, () => boolean>> = {
    '/healthz': () => true,
    '/readyz': isReady,
  }
  return createServer((request, response) => {
    const state = states[request.url ?? '']
    const ok = state?.()
    response.statusCode = ok === undefined ? 404 : ok ? 200 : 503
    response.end(ok === true ? 'ok' : 'not ok')
  })
}
