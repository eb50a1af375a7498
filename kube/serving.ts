/**
 * A server of ours behind a Service: how it listens, has its certificate, and ends without losing a request.
 *
 * Whoever ends a pod tells the pod and its endpoints at the same time, so requests come for a while yet. They are answered as
 * ever, and each answer asks for the next connection elsewhere. Then no more are taken, and those under way are finished.
 *
 * @module
 */
import type { FastifyInstance } from 'fastify'
import { networkInterfaces } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { Server as TlsServer } from 'node:tls'
import type { Logger } from 'pino'
import { serveCertificate, type CertificateOptions } from './serving-certificate.ts'

// Go keeps idle connections for 90 seconds, and fails a request on one that the server closes first. That goes for
// connections that were opened and never used as well, which Node counts as slow senders of headers.
const idleMs = 100_000

/** What every server of ours takes of TLS. */
export const tls = { minVersion: 'TLSv1.3' } as const

/** A server that listens. */
export interface Serving {
  /** The port that it has: of use where any would do. */
  readonly port: number
  /** Whether requests should be sent here: not without a certificate that is valid and believed, nor once it is to end. */
  readonly isReady: (now: Date) => boolean
  /** To be called when clients may believe something else: serves now what they believe. */
  readonly reconsider: () => void
  /** Looks at the files of the certificate now. */
  readonly refreshCertificate: () => Promise<void>
  /** Ends it. Resolves when the last request is answered. `drains: false`: nothing that comes from now on is answered. */
  readonly end: (how?: { readonly drains: boolean }) => Promise<void>
}

/** What the endpoints of a pod that ends need to be forgotten everywhere. */
const defaultDrainMs = 5_000

/**
 * Starts to serve; with a certificate, from when there is one. Rejects when it can't listen. The app should be made with
 * `return503OnClosing: false`: whoever still comes must get an answer.
 */
export const startServing = async (options: {
  readonly app: FastifyInstance
  readonly port: number
  /** Not given: every address. */
  readonly host?: string
  /** Where the certificate is; the app must be one of TLS. */
  readonly certificate?: Pick<CertificateOptions, 'folder' | 'orElse' | 'isBelieved'>
  readonly drainMs?: number
  readonly log: Logger
}): Promise<Serving> => {
  const { app, port, host = anyAddress(), drainMs = defaultDrainMs, log } = options
  const ending = new AbortController()
  let isDraining = false
  let isClosing = false
  let underWay = 0
  // Node waits for connections that were opened and never used as for slow senders, for as long as they may idle.
  const closeUnused = (): void => {
    if (isClosing && underWay === 0) app.server.closeAllConnections()
  }
  app.addHook('onRequest', (_request, _reply, done) => {
    underWay += 1
    done()
  })
  app.addHook('onResponse', (_request, _reply, done) => {
    underWay -= 1
    closeUnused()
    done()
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isDraining) void reply.header('connection', 'close')
    done(null, payload)
  })
  const { server } = app
  server.keepAliveTimeout = idleMs
  server.requestTimeout = idleMs
  server.headersTimeout = idleMs
  const certificate =
    options.certificate === undefined
      ? undefined
      : serveCertificate({
          ...options.certificate,
          use: (pair) => {
            if (server instanceof TlsServer) server.setSecureContext({ ...pair, ...tls })
          },
          log,
          signal: ending.signal,
        })
  try {
    await certificate?.refresh()
    await app.listen({ host, port })
  } catch (error) {
    ending.abort()
    throw error
  }
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? port) : port,
    isReady: (now) =>
      !isDraining && certificate?.isValid(now) !== false && certificate?.isBelieved() !== false,
    reconsider: () => certificate?.reconsider(),
    refreshCertificate: async () => certificate?.refresh(),
    end: async ({ drains } = { drains: true }) => {
      isDraining = true
      if (drains) await pause(drainMs)
      isClosing = true
      const closed = app.close()
      closeUnused()
      await closed
      ending.abort()
    },
  }
}

/** The host that stands for all addresses of this machine. */
export const anyAddress = (): string =>
  Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  )
    ? '::'
    : '0.0.0.0'
