/**
 * A proxy before the API server that does to requests what networks and overloaded servers do.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Connection } from '../../../kube/connection.ts'

/** What happens to one request. */
export type Treatment =
  | { readonly kind: 'pass' }
  /** The connection breaks before any answer. `after`: the API server has carried the request out by then. */
  | { readonly kind: 'reset'; readonly after?: boolean }
  /** No answer, ever. */
  | { readonly kind: 'hang' }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body: unknown
    }
  /** The answer goes through this; `undefined`: the connection breaks there. */
  | { readonly kind: 'through'; readonly chunk: (chunk: Buffer) => Buffer | undefined }

/** One request that came in. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly isWatch: boolean
}

/** A running proxy. */
export interface Proxy {
  readonly url: URL
  /** Decides about each request; replace it to inject a fault. */
  treat: (seen: Seen) => Treatment
  /** All that came in, in order. */
  readonly seen: readonly Seen[]
  /** Breaks all connections that are open now. */
  dropAll(): void
  /** From now on, open answers give no more bytes and no end. New requests are not concerned. */
  muteAll(): void
  close(): Promise<void>
}

/** The treatment of a proxy that does no harm. */
export const pass = { kind: 'pass' } as const

/** A refusal as the API server writes it. */
export const refusal = (
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>> = {},
): Treatment => ({
  kind: 'answer',
  status,
  headers,
  body: {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason,
    code: status,
    message: reason,
  },
})

interface Open {
  readonly response: ServerResponse
  isMuted: boolean
}

/** Starts a proxy on a free port, speaking plain HTTP, before the API server of a connection. */
export const startProxy = async ({ server, ca, cert, key }: Connection): Promise<Proxy> => {
  const seen: Seen[] = []
  const open = new Set<Open>()
  const agent = new Agent({ keepAlive: true, ca, ...(cert && { cert }), ...(key && { key }) })

  const forward = (incoming: IncomingMessage, entry: Open, treatment: Treatment): void => {
    const { response } = entry
    const upstream = httpsRequest(new URL(incoming.url ?? '/', server), {
      agent,
      method: incoming.method,
      headers: { ...incoming.headers, host: server.host },
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => {
      open.delete(entry)
      upstream.destroy()
    })
    upstream.on('response', (answer) => {
      if (treatment.kind === 'reset') {
        answer.resume().on('end', () => response.destroy())
        return
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      answer.on('data', (chunk: Buffer) => {
        if (entry.isMuted) return
        const changed = treatment.kind === 'through' ? treatment.chunk(chunk) : chunk
        if (changed === undefined) response.destroy()
        else response.write(changed)
      })
      answer.on('end', () => {
        if (!entry.isMuted) response.end()
      })
      answer.on('error', () => response.destroy())
    })
    incoming.pipe(upstream)
  }

  const onRequest = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url: path = '', headers } = incoming
    const request: Seen = { method, path, headers, isWatch: path.includes('watch=true') }
    seen.push(request)
    const treatment = proxy.treat(request)
    const entry: Open = { response, isMuted: false }
    open.add(entry)
    switch (treatment.kind) {
      case 'hang':
        return
      case 'answer':
        response.writeHead(treatment.status, {
          'content-type': 'application/json',
          ...treatment.headers,
        })
        response.end(`${JSON.stringify(treatment.body)}\n`)
        return
      case 'reset':
        if (treatment.after === true) forward(incoming, entry, treatment)
        else response.destroy()
        return
      case 'pass':
      case 'through':
        forward(incoming, entry, treatment)
    }
  }

  const http = createServer(onRequest)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const proxy: Proxy = {
    url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`),
    treat: () => pass,
    seen,
    dropAll() {
      for (const { response } of open) response.destroy()
    },
    muteAll() {
      for (const entry of open) entry.isMuted = true
    },
    async close() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      agent.destroy()
    },
  }
  return proxy
}
