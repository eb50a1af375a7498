/**
 * Replies of the sources as they came over the wire, and the providers that they are replies to.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { KeptnMetricsProvider } from '../../api/index.ts'
import type { Question } from '../../metrics/source.ts'

const root = join(import.meta.dirname, 'replies')

/** A reply: its status, headers and body. */
export interface Recorded {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Reads a reply: a status line, headers, an empty line, and the body to the end of the file. */
export const recorded = (protocol: string, name: string): Recorded => {
  const text = readFileSync(join(root, protocol, `${name}.http`), 'utf8')
  const end = text.indexOf('\n\n')
  const [status = '', ...headers] = text.slice(0, end).split('\n')
  return {
    status: Number(status.split(' ')[1]),
    headers: Object.fromEntries(
      headers.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1).trim()]
      }),
    ),
    body: text.slice(end + 2),
  }
}

/** The names of all replies of a protocol. */
export const recordedNames = (protocol: string): readonly string[] =>
  readdirSync(join(root, protocol)).map((file) => file.replace(/\.http$/, ''))

/** Sends a reply as it was recorded. */
export const replay = (response: ServerResponse, { status, headers, body }: Recorded): void => {
  response.writeHead(status, headers).end(body)
}

/** What Grail's tokens are asked for. */
export const oauthPath = '/sso/oauth2/token'
/** What no message may hold, part of every Secret here. */
export const canary = 'canary8f2d'

const oauthToken = `dt0s08.${canary}.${canary.padEnd(64, 'x')}`
const now = new Date('2026-01-01T00:00:00Z')
const query = 'avg:system.cpu.user{*}'

/** How a protocol is asked here. */
export interface Protocol {
  readonly spec: Partial<KeptnMetricsProvider['spec']>
  /** Entries of its Secret, for a source at this URL. */
  readonly secret: (url: string) => Readonly<Record<string, string>>
  readonly question: Question
  /** In the place of the question's path, for the reply `range`. */
  readonly rangePath?: string
}

const secretKeyRef = { name: 'credentials', key: 'token' }
const token = { token: canary }

/** All protocols. */
export const protocols: Readonly<Record<string, Protocol>> = {
  prometheus: {
    spec: { type: 'prometheus', secretKeyRef },
    secret: () => token,
    question: { query, at: now },
  },
  dynatrace: {
    spec: { type: 'dynatrace', secretKeyRef },
    secret: () => token,
    question: { query, at: now },
  },
  dql: {
    spec: { type: 'dql', secretKeyRef },
    secret: (url) => ({
      token: JSON.stringify({ token: oauthToken, authUrl: `${url}${oauthPath}` }),
    }),
    question: { query, at: now },
  },
  datadog: {
    spec: { type: 'datadog', secretKeyRef },
    secret: () => ({ DD_CLIENT_API_KEY: `${canary}-api`, DD_CLIENT_APP_KEY: `${canary}-app` }),
    question: { query, at: now },
  },
  elastic: {
    spec: { type: 'elastic', secretKeyRef },
    secret: () => token,
    question: { query: '{"size":0}', at: now, path: 'latency.value' },
    rangePath: 'aggregations.latency.buckets.of.value',
  },
  http: {
    spec: {
      type: 'http',
      secretKeyRef,
      http: {
        method: 'GET',
        path: '/values?q={{query}}',
        auth: { type: 'bearer' },
        valuePath: "$.data.series[?@.name=='latency'].points[*].value",
      },
    },
    secret: () => token,
    question: { query, at: now },
  },
}
