import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { refusal } from '../../../metrics/addresses.ts'
import { createAsk, createMeasure, type AskOptions } from '../../../metrics/ask.ts'
import { createFetch, type FetchOptions } from '../../../metrics/fetch.ts'
import type { Outcome } from '../../../metrics/outcome.ts'
import type { MetricRequest, Question, Sample } from '../../../metrics/source.ts'
import type { KeptnMetricsProvider } from '../../../api/index.ts'
import type { Secret } from '../../../api/kubernetes.ts'
import type { Client } from '../../../kube/client.ts'

/** A request as the server saw it. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly parameters: Readonly<Record<string, string>>
  readonly authorization: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A source of metrics on loopback that answers as it is told, and what it was asked. */
export interface SourceServer {
  readonly url: string
  readonly received: readonly Received[]
  readonly close: () => Promise<void>
}

/** Starts a source; with a key and its certificate it speaks TLS. */
export const startSource = async (
  answer: (received: Received, response: ServerResponse) => void,
  tls?: { readonly key: string; readonly cert: string },
): Promise<SourceServer> => {
  const received: Received[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void bodyOf(request).then((body) => {
      const url = new URL(request.url ?? '/', 'http://source')
      const parameters = new URLSearchParams([...url.searchParams, ...new URLSearchParams(body)])
      const one: Received = {
        method: request.method ?? '',
        path: url.pathname,
        parameters: Object.fromEntries(parameters),
        authorization: request.headers.authorization,
        headers: request.headers,
        body,
      }
      received.push(one)
      answer(one, response)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** A provider as the API server stores it. */
export const aProvider = (spec: Partial<KeptnMetricsProvider['spec']>): KeptnMetricsProvider => ({
  apiVersion: 'metrics.keptn.sh/v1',
  kind: 'KeptnMetricsProvider',
  metadata: {
    name: 'prom',
    namespace: 'shop',
    uid: 'uid-of-prom',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: {
    type: 'prometheus',
    targetServer: 'http://nowhere.invalid',
    insecureSkipTlsVerify: false,
    ...spec,
  },
})

/** A client that knows one Secret, `shop/credentials`, with these entries. */
export const clientWithSecret = (
  entries: Readonly<Record<string, string>> | undefined,
): Pick<Client, 'get'> => ({
  get: (_type, { namespace, name }) => {
    const isThere = namespace === 'shop' && name === 'credentials' && entries !== undefined
    const data = Object.entries(entries ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value).toString('base64'),
    ])
    const secret: Pick<Secret, 'data'> = {
      data: Object.fromEntries(data) as Record<string, string>,
    }
    return Promise.resolve(isThere ? (secret as never) : undefined)
  },
})

/** What a test may set. */
export interface AskedWith extends Partial<FetchOptions> {
  readonly allowsInsecureTls?: boolean
  readonly timeoutMs?: number
  readonly secret?: Readonly<Record<string, string>>
  readonly log?: NonNullable<AskOptions['log']>
}

/** Asks with loopback allowed, and without waiting between tries; everything else as in the product. */
export const askOnce = async (
  provider: KeptnMetricsProvider,
  request: MetricRequest = { query: 'up', at: new Date('2026-01-01T00:00:00.5Z') },
  options: AskedWith = {},
): Promise<readonly Sample[]> =>
  withFetch(options, (asked) => createAsk(asked)(provider, request, new AbortController().signal))

/** As {@link askOnce}, to one outcome. */
export const measureOnce = async (
  provider: KeptnMetricsProvider,
  question: Question,
  options: AskedWith = {},
): Promise<Outcome> =>
  withFetch(options, (asked) =>
    createMeasure(asked)(provider, question, new AbortController().signal),
  )

const withFetch = async <T>(
  { secret, timeoutMs, log, allowsInsecureTls = false, ...fetchOptions }: AskedWith,
  use: (options: AskOptions) => Promise<T>,
): Promise<T> => {
  const wait = () => Promise.resolve()
  const { fetch, close } = createFetch({
    refuse: refusal({ allowed: ['127.0.0.0/8'] }),
    wait,
    ...fetchOptions,
  })
  try {
    const limit = timeoutMs === undefined ? {} : { timeoutMs }
    const logs = log === undefined ? {} : { log }
    const client = clientWithSecret(secret)
    return await use({ client, fetch, wait, allowsInsecureTls, ...limit, ...logs })
  } finally {
    await close()
  }
}
