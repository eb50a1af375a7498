/**
 * Spans as one request, and what its answer means.
 *
 * | The collector                                                           | What becomes of the spans          |
 * | ----------------------------------------------------------------------- | ---------------------------------- |
 * | takes them                                                              | delivered, but for those it refused |
 * | is away, slow or busy, or refuses us (credentials, address, protocol)   | sent again: a person may mend it   |
 * | refuses the request for what is in it (HTTP 400, 413, 422 and such)     | refused: it would be refused again |
 *
 * @module
 */
import { Agent } from 'undici'
import type { Span } from './spans.ts'

/** Where spans go, and how. */
export interface TraceSettings {
  /** `host:port`, or a URL of http or https. */
  readonly collector: string
  readonly protocol: 'grpc' | 'http'
  readonly isSecure: boolean
  /** Reads what is in Secrets. Rejects with a sentence if something is missing there. */
  readonly secrets?: () => Promise<TraceSecrets>
}

/** What of the settings is secret, or may change with one. */
export interface TraceSecrets {
  /** PEM. Not given: the authorities that are commonly trusted. */
  readonly ca?: string
  /** Sent with each request. */
  readonly headers: Readonly<Record<string, string>>
}

/** What has become of one request. */
export type Sent =
  | { readonly outcome: 'delivered'; readonly refused: number }
  | { readonly outcome: 'refused'; readonly why: string }
  | { readonly outcome: 'away'; readonly why: string; readonly retryAfterMs?: number }

/** Where a request goes. */
export interface Target {
  readonly protocol: TraceSettings['protocol']
  readonly isSecure: boolean
  /** `host:port`. */
  readonly authority: string
  /** For HTTP. */
  readonly path: string
}

const defaultPorts = { grpc: 4317, http: 4318 }
/** What collectors listen to for spans over HTTP. */
const usualPath = '/v1/traces'

const portOf = (url: URL, hasScheme: boolean, { collector, protocol }: TraceSettings): string => {
  // A URL does not have the port that its scheme implies.
  if (hasScheme) return url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  return /:(\d+)(?:[/?].*)?$/.exec(collector)?.[1] ?? String(defaultPorts[protocol])
}

/** Reads the address of a collector; `undefined`: it is none. */
export const targetOf = (settings: TraceSettings): Target | undefined => {
  const { collector, protocol, isSecure } = settings
  const hasScheme = /^https?:\/\//i.test(collector)
  const text = hasScheme ? collector : `${isSecure ? 'https' : 'http'}://${collector}`
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const { hostname, pathname, search } = url
  // Who the user is would be shown, and sent by no protocol of ours.
  if (hostname === '' || url.username + url.password !== '') return undefined
  return {
    protocol,
    isSecure: isSecure || url.protocol === 'https:',
    authority: `${hostname}:${portOf(url, hasScheme, settings)}`,
    path: (pathname === '/' ? usualPath : pathname) + search,
  }
}

/** What may be shown of a collector's address: no path, query or user, which may be secrets. */
export const shownCollector = (settings: TraceSettings | undefined): string =>
  (settings && targetOf(settings)?.authority) ?? 'OTelCollectorUrl'

const timeoutMs = 10_000

interface Connection {
  readonly send: (body: Uint8Array, signal: AbortSignal) => Promise<Sent>
  readonly close: () => void
}

/** Sends requests to one collector after another, over connections that are kept. */
export interface Exporter {
  /** Never throws. */
  readonly send: (
    spans: readonly Span[],
    settings: TraceSettings,
    signal: AbortSignal,
  ) => Promise<Sent>
  readonly close: () => void
}

const noSecrets: TraceSecrets = { headers: {} }

/** Makes an exporter that has no connection yet. `resource`: whose spans they are. */
export const createExporter = (resource: Readonly<Record<string, string>>): Exporter => {
  let kept: { readonly to: string; readonly connection: Connection } | undefined
  const close = (): void => {
    kept?.connection.close()
    kept = undefined
  }
  const connected = async (target: Target, secrets: TraceSecrets): Promise<Connection> => {
    const to = JSON.stringify([target, secrets])
    if (kept?.to !== to) {
      close()
      const connection =
        target.protocol === 'grpc' ? await overGrpc(target, secrets) : overHttp(target, secrets)
      kept = { to, connection }
    }
    return kept.connection
  }
  return {
    async send(spans, settings, signal) {
      const target = targetOf(settings)
      if (target === undefined) return { outcome: 'away', why: 'OTelCollectorUrl is no address' }
      let secrets = noSecrets
      try {
        secrets = (await settings.secrets?.()) ?? noSecrets
      } catch (error) {
        return { outcome: 'away', why: (error as Error).message }
      }
      try {
        // Nobody who sends none carries the library.
        const { encodeSpans } = await import('./encoding.ts')
        const body = encodeSpans(spans, resource)
        return await (await connected(target, secrets)).send(body, signal)
      } catch (error) {
        // What a library says of a header or a certificate that it can't use may quote it.
        return { outcome: 'away', why: `no request can be made (${(error as Error).name})` }
      }
    },
    close,
  }
}

/** What more an answer has to say is not listened to. */
const longestAnswer = 64 * 1_024

/** A whole body, or nothing of one that is too long. */
const startOf = async (body: AsyncIterable<Buffer>): Promise<Uint8Array> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > longestAnswer) return Buffer.alloc(0)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const isRefusal = (status: number): boolean => [400, 413, 422].includes(status)

const overHttp = (target: Target, { ca, headers }: TraceSecrets): Connection => {
  const { isSecure, authority, path } = target
  const agent = new Agent({
    connections: 1,
    connect: { timeout: 5_000, ...(ca === undefined ? {} : { ca }) },
  })
  return {
    async send(body, signal) {
      try {
        const answer = await agent.request({
          origin: `${isSecure ? 'https' : 'http'}://${authority}`,
          path,
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/x-protobuf' },
          body: Buffer.from(body),
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
        })
        const { statusCode } = answer
        if (statusCode >= 200 && statusCode < 300) {
          return await taken(await startOf(answer.body))
        }
        await answer.body.dump({ limit: longestAnswer })
        const why = `it answers with HTTP status ${String(statusCode)}`
        if (isRefusal(statusCode)) return { outcome: 'refused', why }
        return { outcome: 'away', why, ...retryAfter(answer.headers['retry-after']) }
      } catch (error) {
        return { outcome: 'away', why: whyNot(error) }
      }
    },
    close: () => {
      void agent.destroy()
    },
  }
}

const taken = async (answer: Uint8Array): Promise<Sent> => {
  const { refusedIn } = await import('./encoding.ts')
  return { outcome: 'delivered', refused: refusedIn(answer) }
}

const retryAfter = (said: unknown): { readonly retryAfterMs?: number } => {
  const seconds = typeof said === 'string' ? Number(said) : Number.NaN
  return seconds > 0 && seconds <= 300 ? { retryAfterMs: seconds * 1_000 } : {}
}

/** Why there was no answer: the code alone, since a message may quote the URL. */
const whyNot = (error: unknown): string => {
  const { code = '', name = '' } = error as { readonly code?: string; readonly name?: string }
  return name === 'TimeoutError'
    ? `it gives no answer within ${String(timeoutMs / 1_000)} seconds`
    : `it can't be reached (${code || name})`
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/collector/trace/v1/trace_service.proto */
const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

const asIs = (bytes: Buffer): Buffer => bytes

const overGrpc = async (
  { isSecure, authority }: Target,
  { ca, headers }: TraceSecrets,
): Promise<Connection> => {
  // By its names, the bundle would not find what a CommonJS module exports.
  const { default: grpc } = await import('@grpc/grpc-js')
  const { Client, Metadata, credentials, status } = grpc
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  const client = new Client(
    authority,
    isSecure
      ? credentials.createSsl(ca === undefined ? null : Buffer.from(ca))
      : credentials.createInsecure(),
    // Whether the collector is there we find out by sending.
    {
      'grpc.max_receive_message_length': longestAnswer,
      'grpc.initial_reconnect_backoff_ms': 500,
      'grpc.max_reconnect_backoff_ms': 2_000,
    },
  )
  const refusals: readonly number[] = [
    status.INVALID_ARGUMENT,
    status.OUT_OF_RANGE,
    status.INTERNAL,
    status.UNKNOWN,
  ]
  return {
    send: (body, signal) =>
      new Promise((resolve) => {
        const call = client.makeUnaryRequest(
          exportPath,
          asIs,
          asIs,
          Buffer.from(body),
          metadata,
          { deadline: Date.now() + timeoutMs },
          (error, answer) => {
            signal.removeEventListener('abort', cancel)
            if (error === null) {
              resolve(taken(answer ?? Buffer.alloc(0)))
              return
            }
            const why = grpcWords(status[error.code], error.details)
            resolve({ outcome: refusals.includes(error.code) ? 'refused' : 'away', why })
          },
        )
        const cancel = (): void => {
          call.cancel()
        }
        signal.addEventListener('abort', cancel, { once: true })
      }),
    close: () => {
      client.close()
    },
  }
}

/** What the library found out about the connection, without what else stands there. */
const grpcWords = (status: string, details: string): string => {
  const code = /\b(E[A-Z]{4,}|[A-Z_]*CERT[A-Z_]*|self-signed certificate)\b/.exec(details)?.[0]
  return status === 'UNAVAILABLE' && code !== undefined
    ? `it can't be reached (${code})`
    : `it answers with gRPC status ${status}`
}
