/**
 * The server of `custom.metrics.k8s.io` as a function of what it depends on: no port, no environment.
 *
 * Requests come through the API server, which shows the certificate of a front proxy and names the user in headers. Without
 * that certificate the headers count for nothing: who asks directly shows a certificate or a token of their own. Whoever it
 * is, what they may do is asked of the API server.
 *
 * @module
 */
import { createHash, type X509Certificate } from 'node:crypto'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { ServerOptions } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import type { KeptnMetric } from '../../api/index.ts'
import type { Store } from '../../kube/store.ts'
import {
  aggregatedDiscovery,
  apiGroupDocument,
  apiGroupList,
  apiResourceList,
  discoveryType,
  discoveryVersionOf,
  metricResource,
  openApiV2,
  openApiV3,
} from './discovery.ts'
import { userByCertificate, userByProxy, type Trust, type User } from './front-proxy.ts'
import type { Attributes, Reviews } from './reviews.ts'
import { RefusedError, statusOf, type Refusal } from './status.ts'
import { group, valuesFor, versions, type Version } from './values.ts'

/** What the server answers from. */
export interface Dependencies {
  readonly metrics: Pick<Store<KeptnMetric>, 'get' | 'all'>
  /** Whether all metrics are known: before, none may be called missing. */
  readonly isSynced: () => boolean
  /** Whom to believe now. */
  readonly trust: () => Trust
  readonly reviews: Reviews
  readonly log: Logger
  readonly now?: () => Date
  /** Not given: plain HTTP, for tests; then nobody shows a certificate. */
  readonly https?: ServerOptions
}

/** What a certificate has to do with TLS here: asked for, and looked at by us. Which authority signed it decides what it is for. */
export const clientCertificates = { requestCert: true, rejectUnauthorized: false } as const

interface Params {
  readonly namespace?: string
  readonly resource: string
  readonly name: string
  readonly metric: string
}

/** Builds the server. */
export const buildCustomMetrics = (dependencies: Dependencies): FastifyInstance => {
  const { metrics, log, https, now = () => new Date() } = dependencies
  const app = fastify({
    ...(https !== undefined && { https: { ...https, ...clientCertificates } }),
    logger: false,
    bodyLimit: 64 * 1024,
    // While endpoints drain, the API server goes on asking, and must get answers.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
  }) as unknown as FastifyInstance

  for (const path of ['/healthz', '/livez', '/readyz']) {
    app.get(path, { config: { isOpen: true } }, () => 'ok')
  }

  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.isOpen === true) return
    const user = await userOf(request, dependencies, now())
    for (const attributes of neededFor(attributesOf(request))) {
      if (await asked(() => dependencies.reviews.mayDo(user, attributes))) continue
      throw new RefusedError({
        code: 403,
        reason: 'Forbidden',
        message: `${objectOf(attributes)} is forbidden: User "${user.username}" cannot ${attributes.verb} it`,
      })
    }
    if (dependencies.isSynced()) return
    const message = 'the metrics are not known yet'
    throw new RefusedError({ code: 503, reason: 'ServiceUnavailable', message })
  })

  app.get('/apis', (request, reply) => {
    const version = discoveryVersionOf(request.headers.accept)
    if (version === undefined) return json(request, reply, apiGroupList)
    void reply.header('content-type', discoveryType(version)).header('vary', 'Accept')
    return json(request, reply, aggregatedDiscovery(version, metrics.all()))
  })
  app.get(`/apis/${group}`, (request, reply) => json(request, reply, apiGroupDocument))
  app.get('/openapi/v2', (request, reply) => json(request, reply, openApiV2))
  app.get('/openapi/v3', (request, reply) => json(request, reply, openApiV3))

  for (const version of versions) serveVersion(app, version, metrics, now)

  app.setNotFoundHandler((request, reply) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const refusal = isRead
      ? {
          code: 404,
          reason: 'NotFound',
          message: 'the server could not find the requested resource',
        }
      : {
          code: 405,
          reason: 'MethodNotAllowed',
          message: 'the server does not allow this method on the requested resource',
        }
    return refuse(reply, refusal)
  })
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
    if (error instanceof RefusedError) {
      if (error.cause !== undefined)
        log.warn({ err: error.cause }, 'A request could not be reviewed')
      return refuse(reply, error.refusal)
    }
    const code = error.statusCode ?? 500
    if (code < 500) return refuse(reply, { code, reason: 'BadRequest', message: error.message })
    log.error({ err: error, path: request.routeOptions.url }, 'A request for metrics failed')
    return refuse(reply, { code: 500, reason: 'InternalError', message: 'Internal error' })
  })
  return app
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered to anybody. */
    readonly isOpen?: boolean
  }
}

const serveVersion = (
  app: FastifyInstance,
  version: Version,
  metrics: Dependencies['metrics'],
  now: () => Date,
): void => {
  const base = `/apis/${group}/${version}`
  app.get(base, (request, reply) => json(request, reply, apiResourceList(version, metrics.all())))
  const values = (request: FastifyRequest): object => {
    // Without a namespace: "default", as in Keptn.
    const { namespace = 'default', ...params } = request.params as Params
    const { labelSelector } = request.query as { readonly labelSelector?: unknown }
    return valuesFor(
      metrics,
      {
        version,
        namespace,
        ...params,
        ...(typeof labelSelector === 'string' && { labelSelector }),
      },
      now(),
    )
  }
  app.get(`${base}/namespaces/:namespace/:resource/:name/:metric`, values)
  app.get(`${base}/:resource/:name/:metric`, values)
}

/** Answers with a document that the API server asks for again and again, and need not get twice. */
const json = (request: FastifyRequest, reply: FastifyReply, document: object): FastifyReply => {
  const text = JSON.stringify(document)
  const tag = `"${createHash('sha256').update(text).digest('base64url')}"`
  void reply.header('etag', tag)
  if (request.headers['if-none-match'] === tag) return reply.code(304).send()
  if (reply.getHeader('content-type') === undefined) {
    void reply.header('content-type', 'application/json')
  }
  // Bytes: to a text Fastify would add a character set, and Kubernetes compares the whole type.
  return reply.send(Buffer.from(text))
}

const refuse = (reply: FastifyReply, refusal: Refusal): FastifyReply => {
  const { code, retryAfterSeconds } = refusal
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', `${retryAfterSeconds}`)
  return reply.code(code).header('content-type', 'application/json').send(statusOf(refusal))
}

/** Who asks. Throws a `RefusedError` when that can't be told. */
const userOf = async (
  request: FastifyRequest,
  { trust, reviews }: Dependencies,
  now: Date,
): Promise<User> => {
  const certificate = certificateOf(request)
  if (certificate !== undefined) {
    const user =
      userByProxy(certificate, request.raw.headersDistinct, trust(), now) ??
      userByCertificate(certificate, trust(), now)
    if (user !== undefined) return user
  }
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token !== undefined) {
    const user = await asked(() => reviews.userOfToken(token))
    if (user !== undefined) return user
  }
  throw new RefusedError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' })
}

const certificateOf = ({ raw }: FastifyRequest): X509Certificate | undefined =>
  raw.socket instanceof TLSSocket ? raw.socket.getPeerX509Certificate() : undefined

/** Nobody gets anything while the API server can't be asked. */
const asked = async <T>(ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof RefusedError) throw error
    const message = 'the API server could not be asked who you are or what you may do'
    throw new RefusedError({ code: 503, reason: 'ServiceUnavailable', message }, error)
  }
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** What a request is, in the words of rights: as the API server that passed it on has it. */
const attributesOf = (request: FastifyRequest): Attributes => {
  const verb = verbs[request.method] ?? request.method.toLowerCase()
  const { namespace, resource, name, metric } = request.params as Partial<Params>
  const version = versions.find((each) =>
    request.routeOptions.url?.startsWith(`/apis/${group}/${each}/`),
  )
  if (version === undefined || resource === undefined || name === undefined) {
    const [path = ''] = request.url.split('?')
    return { path, verb: request.method.toLowerCase() }
  }
  return {
    ...(namespace !== undefined && { namespace }),
    verb,
    group,
    version,
    resource,
    ...(metric !== undefined && { subresource: metric }),
    name,
  }
}

/**
 * The rights that a request needs: to what its path says, and to what it is answered with. These differ where the path has
 * another resource or another metric than the KeptnMetric's own, which don't matter to the answer, or asks for all: a right to
 * one metric must not open the others by its name.
 */
const neededFor = (asked: Attributes): readonly Attributes[] => {
  if ('path' in asked) return [asked]
  const { name = '', ...rest } = asked
  const answered = { ...rest, resource: metricResource }
  if (name === '*') return [asked, { ...answered, subresource: '*' }]
  if (asked.resource === metricResource && asked.subresource === name) return [asked]
  return [asked, { ...answered, subresource: name, name }]
}

const objectOf = (attributes: Attributes): string => {
  if ('path' in attributes) return `path "${attributes.path}"`
  const { namespace, resource: type, subresource = '', name = '*' } = attributes
  return `${type}/${subresource}.${group} "${name}"${namespace === undefined ? '' : ` in the namespace "${namespace}"`}`
}
