/**
 * Webhooks that decide nothing: an HTTPS server that reads a question of an API server and answers by the
 * path: to `/allow` as it is, to any other with the patch that it was told.
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
  /** A JSON patch, in base64. */
  readonly patch: string
}

interface Review {
  readonly request: { readonly uid: string }
}

const run = ({ port, cert, key, patch }: Orders): void => {
  const server = createServer({ cert, key, minVersion: 'TLSv1.3' }, (request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      // An answer has to name its question.
      const { uid } = (JSON.parse(Buffer.concat(parts).toString('utf8')) as Review).request
      const change =
        request.url?.startsWith('/allow') !== true ? { patchType: 'JSONPatch', patch } : {}
      const answer = JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid, allowed: true, ...change },
      })
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(answer),
      })
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
