/**
 * The admission server as a function of what it depends on: no port, no clock, no environment.
 *
 * Answers come from memory, except where a pod's identity is written on its owner: then two reads. And where a policy has
 * let a pod come without a gate, and we can't tell why: then one. All have deadlines, together below that of the API server.
 * An answer by news that the API server may not know yet waits a moment. Nothing is ever written, so a dry run is answered as any
 * other request.
 *
 * @module
 */
import { fastify, type FastifyInstance, type FastifyReply } from 'fastify'
import type { ServerOptions } from 'node:https'
import type { Logger } from 'pino'
import type { Owner } from '../identity/identity.ts'
import { admitNamespace } from './namespace.ts'
import { admitPod, type Admission, type Holding, type Needed, type Seen } from './pod.ts'
import { formatAnswer, parseReview, type Answer, type Question } from './review.ts'
import type { Released } from './settling.ts'

/** What admission reads of the cluster. */
export interface Cluster {
  /** The released list of a namespace, from memory. `undefined`: none, or not known. */
  readonly released: (namespace: string) => Released | undefined
  /** Of what is on that list: what has come so lately that the API server may not know it. */
  readonly recent: (namespace: string) => Released
  /** Resolves when what is recent now isn't any more. */
  readonly settled: () => Promise<void>
  /** The list, read now. `undefined`: none, or it could not be read in time. Never rejects. */
  readonly readReleased: (namespace: string) => Promise<Released | undefined>
  /** What the owner of a pod says, read now. `undefined`: it could not be read in time. Never rejects. */
  readonly ownerOf: (question: Question) => Promise<Owner | undefined>
}

/** How the server behaves. */
export interface WebhookSettings {
  /** The namespace that Gatekept runs in. */
  readonly namespace: string
  /** How pods are held; by our scheduling gate if not given. */
  readonly holding?: Holding
  /** Who gives pods their gate; we alone if not given. */
  readonly admission?: Admission
  /** Serves TLS. Not given: plain HTTP, for tests. */
  readonly https?: ServerOptions
}

/** One answer, for figures. */
export interface Answered {
  /** The path of the route; empty where there is none. */
  readonly path: string
  readonly status: number
  readonly seconds: number
}

const nothing: Released = new Set<never>()

/** Builds the admission server. */
export const buildWebhook = (dependencies: {
  readonly cluster: Cluster
  readonly log: Logger
  readonly settings: WebhookSettings
  /** Told of each answer once it is sent. */
  readonly onAnswered?: (answered: Answered) => void
}): FastifyInstance => {
  const { cluster, log, settings, onAnswered } = dependencies
  const app = fastify({
    ...(settings.https && { https: settings.https }),
    logger: false,
    bodyLimit: 8 * 1024 * 1024,
    // While endpoints drain, the API server goes on asking, and must get answers.
    return503OnClosing: false,
    ajv: { customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false } },
  }) as unknown as FastifyInstance

  if (onAnswered !== undefined) {
    app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
      const path = request.routeOptions.url ?? ''
      onAnswered({ path, status: statusCode, seconds: elapsedTime / 1_000 })
      done()
    })
  }

  // Fastify's own parser also searches for `__proto__`, which does no harm here: nothing of a review is ever copied.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string))
    } catch {
      done(Object.assign(new Error('Cannot read the body: it is not JSON'), { statusCode: 400 }))
    }
  })

  const reply = (to: FastifyReply, question: Question, answer: Answer): FastifyReply =>
    to.header('content-type', 'application/json').send(formatAnswer(question.uid, answer))

  const decidePod = (question: Question): Answer | Promise<Answer> => {
    const seen: Seen = {
      question,
      ownNamespace: settings.namespace,
      released: cluster.released(question.namespace),
      recent: cluster.recent(question.namespace),
      mayBeOld: settings.admission === 'policy',
      owner: 'unread',
      holding: settings.holding ?? 'gate',
    }
    const answer = admitPod(seen)
    return typeof answer === 'string' ? decideKnowing(seen, answer) : answer
  }

  /** Gets what is needed and decides anew, until nothing is needed any more. */
  const decideKnowing = async (seen: Seen, needed: Needed): Promise<Answer> => {
    const next = { ...seen, ...(await get(seen.question, needed)) }
    const answer = admitPod(next)
    if (answer === needed) throw new Error('Cannot decide on a pod: asked twice')
    return typeof answer === 'string' ? decideKnowing(next, answer) : answer
  }

  const get = async (question: Question, needed: Needed): Promise<Partial<Seen>> => {
    const { namespace } = question
    switch (needed) {
      case 'owner-needed':
        return { owner: (await cluster.ownerOf(question)) ?? 'unreadable' }
      case 'list-needed':
        return { released: await cluster.readReleased(namespace), mayBeOld: false, recent: nothing }
      case 'time-needed':
        await cluster.settled()
        return { released: cluster.released(namespace), recent: nothing }
    }
  }

  app.post('/mutate-v1-pod', (request, to) => {
    const question = parseReview(request.body)
    const answer = decidePod(question)
    if (answer instanceof Promise) return answer.then((later) => reply(to, question, later))
    return reply(to, question, answer)
  })

  app.post('/mutate-v1-namespace', (request, to) => {
    const question = parseReview(request.body)
    return reply(to, question, admitNamespace(question, settings.namespace))
  })

  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, to) => {
    const status = error.statusCode ?? 500
    if (status < 500) return to.code(status).send({ message: error.message })
    // Without the body: it holds a user's pod.
    log.error({ err: error, path: request.url }, 'Admission failed')
    return to.code(500).send({ message: 'Internal error' })
  })

  return app
}
