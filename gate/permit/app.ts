/**
 * The server that a kube-scheduler asks, as a function of what it depends on. Whatever fails here is no answer, and the scheduler
 * was told (`ignorable: false`) that without one a pod gets no node.
 *
 * @module
 */
import { fastify, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { formatAnswer, parseQuestion } from './extender.ts'
import type { Permit } from './index.ts'

// Go keeps idle connections for 90 seconds, and fails a request on one that the server closes first.
const idleMs = 100_000

/** Builds the server. */
export const buildExtender = ({
  ask,
  log,
}: Pick<Permit, 'ask'> & { readonly log: Logger }): FastifyInstance => {
  // The names of thousands of nodes come with each question.
  const app = fastify({
    logger: false,
    bodyLimit: 8 * 1024 * 1024,
    keepAliveTimeout: idleMs,
    requestTimeout: idleMs,
  })
  app.server.headersTimeout = idleMs
  app.post('/filter', (request, reply) => {
    const question = parseQuestion(request.body)
    return reply.send(formatAnswer(question, ask(question)))
  })
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500
    if (status < 500) return reply.code(status).send({ message: error.message })
    log.error({ err: error }, 'Answering the scheduler failed')
    return reply.code(500).send({ message: 'Internal error' })
  })
  return app
}
