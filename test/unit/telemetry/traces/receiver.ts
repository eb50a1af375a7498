/**
 * A collector of our own on loopback, over HTTP and over gRPC, that reads what it is sent as the protocol says.
 *
 * It is written from the protocol's definition, not from the library that the sender writes it with:
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/opentelemetry/proto/trace/v1/trace.proto
 */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createSecureServer, createServer as createHttp2 } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** Fields of a message by their numbers, in the order in which they stand there. */
type Fields = ReadonlyMap<number, readonly (Buffer | bigint)[]>

const varint = (bytes: Buffer, at: number): [bigint, number] => {
  let value = 0n
  for (let index = at, shift = 0n; ; index += 1, shift += 7n) {
    const byte = bytes[index]
    if (byte === undefined) throw new Error('A message is cut off')
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return [value, index + 1]
  }
}

const fieldsOf = (bytes: Buffer): Fields => {
  const fields = new Map<number, (Buffer | bigint)[]>()
  let at = 0
  while (at < bytes.length) {
    const [tag, next] = varint(bytes, at)
    at = next
    const kind = Number(tag & 7n)
    let value: Buffer | bigint
    if (kind === 0) {
      ;[value, at] = varint(bytes, at)
    } else {
      let length = kind === 1 ? 8 : 4
      if (kind === 2) {
        const [said, start] = varint(bytes, at)
        length = Number(said)
        at = start
      }
      value = bytes.subarray(at, at + length)
      at += length
    }
    const number = Number(tag >> 3n)
    fields.set(number, [...(fields.get(number) ?? []), value])
  }
  return fields
}

const all = (fields: Fields, number: number): readonly Buffer[] =>
  (fields.get(number) ?? []).filter((value) => typeof value !== 'bigint')
const messages = (fields: Fields, number: number): readonly Fields[] =>
  all(fields, number).map(fieldsOf)
const one = (fields: Fields, number: number): Buffer => all(fields, number)[0] ?? Buffer.alloc(0)
const text = (fields: Fields, number: number): string => one(fields, number).toString('utf8')
const hex = (fields: Fields, number: number): string => one(fields, number).toString('hex')
const int = (fields: Fields, number: number): number => Number(fields.get(number)?.[0] ?? 0n)
const nanos = (fields: Fields, number: number): number =>
  Number(one(fields, number).readBigUInt64LE() / 1_000_000n)

const attributes = (fields: Fields, number: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    messages(fields, number).map((each) => [text(each, 1), text(fieldsOf(one(each, 2)), 1)]),
  )

/** A span as it came. */
export interface ReceivedSpan {
  readonly resource: Readonly<Record<string, string>>
  readonly scope: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string>>
  readonly events: readonly { readonly name: string; readonly atMs: number }[]
  readonly links: readonly {
    readonly traceId: string
    readonly spanId: string
    readonly attributes: Readonly<Record<string, string>>
  }[]
  readonly status: { readonly code: number; readonly message: string }
}

/** Reads the body of a request over HTTP. */
export const readRequest = (body: Buffer): readonly ReceivedSpan[] =>
  messages(fieldsOf(body), 1).flatMap((ofResource) => {
    const resource = attributes(fieldsOf(one(ofResource, 1)), 1)
    return messages(ofResource, 2).flatMap((ofScope) => {
      const scope = text(fieldsOf(one(ofScope, 1)), 1)
      return messages(ofScope, 2).map((span) => {
        const status = fieldsOf(one(span, 15))
        return {
          resource,
          scope,
          traceId: hex(span, 1),
          spanId: hex(span, 2),
          parentSpanId: hex(span, 4),
          name: text(span, 5),
          kind: int(span, 6),
          startMs: nanos(span, 7),
          endMs: nanos(span, 8),
          attributes: attributes(span, 9),
          events: messages(span, 11).map((event) => ({
            name: text(event, 2),
            atMs: nanos(event, 1),
          })),
          links: messages(span, 13).map((link) => ({
            traceId: hex(link, 1),
            spanId: hex(link, 2),
            attributes: attributes(link, 4),
          })),
          status: { code: int(status, 3), message: text(status, 2) },
        }
      })
    })
  })

/** What a receiver answers to the next request. */
export interface Answer {
  /** Of HTTP. */
  readonly status?: number
  readonly retryAfter?: string
  /** Of gRPC: https://grpc.io/docs/guides/status-codes/ */
  readonly grpcStatus?: number
  /** How many of the spans are refused. */
  readonly rejected?: number
}

/** A collector that runs. */
export interface Receiver {
  readonly port: number
  readonly spans: ReceivedSpan[]
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[]
  answer: Answer
  readonly close: () => Promise<void>
}

const partialSuccess = (rejected: number | undefined): Buffer =>
  rejected === undefined ? Buffer.alloc(0) : Buffer.from([0x0a, 2, 0x08, rejected])

const framed = (message: Buffer): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Starts a collector; with a certificate, connections to it are encrypted. */
export const startReceiver = async (
  protocol: 'grpc' | 'http',
  certificate?: { readonly cert: string; readonly key: string },
  port = 0,
): Promise<Receiver> => {
  const state = {
    spans: [] as ReceivedSpan[],
    requests: [] as Receiver['requests'],
    answer: {} as Answer,
  }
  const sockets = new Set<{ destroy: () => void }>()
  const overHttp = certificate === undefined ? createServer() : createHttps({ ...certificate })
  const overGrpc =
    certificate === undefined ? createHttp2() : createSecureServer({ ...certificate })
  const server = protocol === 'http' ? overHttp : overGrpc
  overHttp.on('request', (message, response) => {
    void buffer(message).then((body) => {
      const { status = 200, retryAfter, rejected } = state.answer
      state.requests.push({ path: message.url ?? '', headers: message.headers })
      if (status === 200) state.spans.push(...readRequest(body))
      response
        .writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
        .end(partialSuccess(rejected))
    })
  })
  overGrpc.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    void buffer(stream).then((body) => {
      const { grpcStatus = 0, rejected } = state.answer
      const fields = headers as IncomingHttpHeaders & { ':path'?: string }
      state.requests.push({ path: fields[':path'] ?? '', headers: fields })
      if (grpcStatus === 0) state.spans.push(...readRequest(body.subarray(5)))
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': String(grpcStatus) })
      })
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      )
      if (grpcStatus === 0) stream.write(framed(partialSuccess(rejected)))
      stream.end()
    })
  })
  server.on(
    'connection',
    (socket: { destroy: () => void; on: (name: 'close', then: () => void) => void }) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    },
  )
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return Object.assign(state, {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve()
        }),
      )
      for (const socket of sockets) socket.destroy()
      await closed
    },
  })
}
