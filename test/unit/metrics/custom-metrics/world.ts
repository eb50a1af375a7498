/**
 * A server of custom metrics with authorities of its own, for tests.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { KeptnMetric } from '../../../../api/index.ts'
import { wholeSeconds } from '../../../../kube/conditions.ts'
import { buildCustomMetrics } from '../../../../metrics/custom-metrics/app.ts'
import { trustOf, type User } from '../../../../metrics/custom-metrics/front-proxy.ts'
import type { Attributes } from '../../../../metrics/custom-metrics/reviews.ts'

/** A certificate and its key, both PEM. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

/** Makes certificates, in a folder that is gone at the end. */
export const createAuthorities = () => {
  const folder = mkdtempSync(join(tmpdir(), 'authorities-'))
  const make = (
    name: string,
    subject: string,
    days: number,
    more: readonly string[] = [],
  ): Pair => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    execFileSync(
      'openssl',
      [...args, '-days', `${days}`, '-subj', subject, '-keyout', key, '-out', cert, ...more],
      { stdio: 'ignore' },
    )
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
  }
  return {
    authority: (name: string, days = 90, subject = `/CN=${name}`): Pair =>
      make(name, subject, days),
    signed: (by: string, name: string, subject: string, usage = 'clientAuth'): Pair =>
      make(name, subject, 30, [
        ...['-CA', join(folder, `${by}.crt`), '-CAkey', join(folder, `${by}.key`)],
        ...['-addext', 'basicConstraints=critical,CA:FALSE'],
        ...['-addext', `extendedKeyUsage=${usage}`],
        // As a forger would: the name of the authority is all there is to go by.
        ...['-addext', 'authorityKeyIdentifier=none'],
      ]),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/** A KeptnMetric as the API server has it. */
export const metric = (
  namespace: string,
  name: string,
  status: KeptnMetric['status'],
  labels?: Readonly<Record<string, string>>,
): KeptnMetric => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'KeptnMetric',
  metadata: {
    namespace,
    name,
    uid: `${namespace}/${name}`,
    resourceVersion: '1',
    creationTimestamp: '2026-11-22T10:00:00Z',
    ...(labels && { labels }),
  },
  spec: { provider: { name: 'prom' }, query: 'q', fetchIntervalSeconds: 10 },
  ...(status && { status }),
})

/** The instant that servers of these tests live at: their certificates, made later than this line, must be valid. */
export const now = new Date(Date.now() + 60_000)

/** The instant this many seconds before, as Kubernetes writes it. */
export const ago = (seconds: number): string =>
  wholeSeconds(new Date(now.getTime() - seconds * 1000))

/** A status of a metric that was asked five seconds ago. */
export const measured = (value: string): NonNullable<KeptnMetric['status']> => ({
  value,
  lastUpdated: ago(5),
})

/** What was answered. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** Starts a server on loopback. */
export const startServer = async (options: {
  readonly metrics?: readonly KeptnMetric[]
  readonly serving: Pair
  readonly data: Readonly<Record<string, string>>
  readonly tokens?: Readonly<Record<string, User>>
  /** Not given: everybody may do everything. */
  readonly mayDo?: (user: User, attributes: Attributes) => boolean | Promise<boolean>
  readonly now?: () => Date
  readonly isSynced?: () => boolean
}) => {
  const { metrics = [], serving, data, tokens = {}, mayDo = () => true } = options
  const reviewed: { readonly user: User; readonly attributes: Attributes }[] = []
  const trust = { now: trustOf({ data }) }
  const app = buildCustomMetrics({
    metrics: {
      get: (namespace, name) =>
        metrics.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
      all: () => metrics.values(),
    },
    isSynced: options.isSynced ?? (() => true),
    trust: () => trust.now,
    reviews: {
      userOfToken: (token) => Promise.resolve(tokens[token]),
      mayDo: async (user, attributes) => {
        reviewed.push({ user, attributes })
        return mayDo(user, attributes)
      },
    },
    log: pino({ level: 'silent' }),
    now: options.now ?? (() => now),
    https: serving,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const ask = (
    path: string,
    by: {
      readonly pair?: Pair
      readonly headers?: Readonly<Record<string, string | string[]>>
      readonly method?: string
    } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { pair, headers = {}, method = 'GET' } = by
      const options = { host: '127.0.0.1', port, path, method, headers, agent: false } as const
      const sent = request({ ...options, ...pair, rejectUnauthorized: false }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () => {
          const isJson = response.headers['content-type']?.startsWith('application/json') === true
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: isJson && text !== '' ? JSON.parse(text) : text,
          })
        })
      })
      sent.on('error', reject).end()
    })
  return { ask, reviewed, trust, close: () => app.close() }
}
