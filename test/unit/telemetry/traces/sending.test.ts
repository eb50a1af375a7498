import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import {
  createExporter,
  targetOf,
  type Exporter,
  type Sent,
  type TraceSettings,
} from '../../../../telemetry/traces/sending.ts'
import { endsOf, spanOf } from '../../../../telemetry/traces/spans.ts'
import * as example from './example.ts'
import { startReceiver, type Answer, type Receiver } from './receiver.ts'

const spans = endsOf(example.app).flatMap(
  (ended) => spanOf(example.app, ended, example.sources) ?? [],
)
const root = spans.at(-1)

let folder = ''
let certificate = { cert: '', key: '' }
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'traces-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-days', '2', '-subj', '/CN=collector', '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', key, '-out', cert],
    ],
    { stdio: 'ignore' },
  )
  certificate = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const open: { close: () => unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const started = async (
  protocol: 'grpc' | 'http',
  isSecure = false,
): Promise<{ receiver: Receiver; exporter: Exporter; settings: TraceSettings }> => {
  const receiver = await startReceiver(protocol, isSecure ? certificate : undefined)
  const exporter = createExporter({ 'service.name': 'lifecycle-operator' })
  open.push(exporter, receiver)
  const settings = { collector: `127.0.0.1:${String(receiver.port)}`, protocol, isSecure }
  return { receiver, exporter, settings }
}

const { signal } = new AbortController()
const delivered: Sent = { outcome: 'delivered', refused: 0 }

describe.each(['grpc', 'http'] as const)('over %s', (protocol) => {
  test('spans arrive as they are', async () => {
    const { receiver, exporter, settings } = await started(protocol)
    expect(await exporter.send(spans, settings, signal)).toEqual(delivered)
    expect(receiver.spans.map(({ name }) => name)).toEqual(spans.map(({ name }) => name))
    expect(receiver.spans.at(-1)).toEqual({
      resource: { 'service.name': 'lifecycle-operator' },
      scope: 'keptn/lifecycle-operator/appversion',
      traceId: root?.traceId,
      spanId: root?.spanId,
      parentSpanId: '',
      name: 'shop-1.0',
      // Consumer.
      kind: 5,
      startMs: root?.startMs,
      endMs: root?.endMs,
      attributes: root?.attributes,
      events: root?.events,
      links: [
        {
          traceId: '0af7651916cd43dd8448eb211c80319c',
          spanId: 'b7ad6b7169203331',
          attributes: { 'opentracing.ref_type': 'follows-from' },
        },
      ],
      status: { code: 1, message: '' },
    })
    expect(receiver.spans[0]?.parentSpanId).toBe(root?.spanId)
  })

  test('what has failed says so, and what was stopped has no status', async () => {
    const { receiver, exporter, settings } = await started(protocol)
    const [first] = spans
    if (first === undefined) throw new Error('There is no span')
    await exporter.send(
      [
        { ...first, outcome: 'failed' },
        { ...first, outcome: 'stopped' },
      ],
      settings,
      signal,
    )
    expect(receiver.spans.map(({ status }) => status)).toEqual([
      { code: 2, message: 'Failed' },
      { code: 0, message: '' },
    ])
  })

  test('headers go along, and new ones once they have changed', async () => {
    const { receiver, exporter, settings } = await started(protocol)
    for (const token of ['one', 'two']) {
      const secrets = () => Promise.resolve({ headers: { 'X-Token': token } })
      expect(await exporter.send(spans, { ...settings, secrets }, signal)).toEqual(delivered)
    }
    expect(receiver.requests.map(({ headers }) => headers['x-token'])).toEqual(['one', 'two'])
  })

  test('connections are encrypted, for the authority that the settings name and no other', async () => {
    const { receiver, exporter, settings } = await started(protocol, true)
    const trusting = {
      ...settings,
      secrets: () => Promise.resolve({ ca: certificate.cert, headers: {} }),
    }
    const sent = await exporter.send(spans, settings, signal)
    expect(sent.outcome).toBe('away')
    expect(receiver.spans).toEqual([])
    expect(await exporter.send(spans, trusting, signal)).toEqual(delivered)
    expect(receiver.spans).toHaveLength(spans.length)
  })

  test('a collector that is not there is away', async () => {
    const { receiver, exporter, settings } = await started(protocol)
    await receiver.close()
    open.splice(1)
    expect(await exporter.send(spans, settings, signal)).toEqual({
      outcome: 'away',
      why: "it can't be reached (ECONNREFUSED)",
    })
  })

  test('what of a request is refused is told', async () => {
    const { receiver, exporter, settings } = await started(protocol)
    receiver.answer = { rejected: 2 }
    expect(await exporter.send(spans, settings, signal)).toEqual({
      outcome: 'delivered',
      refused: 2,
    })
  })

  test('what is wrong with Secrets is said, without what is in them', async () => {
    const { exporter, settings } = await started(protocol)
    const missing = () => Promise.reject(new Error('there is no Secret "a"'))
    expect(await exporter.send(spans, { ...settings, secrets: missing }, signal)).toEqual({
      outcome: 'away',
      why: 'there is no Secret "a"',
    })
    const bad = () => Promise.resolve({ headers: { 'x-token': 'canary\n' } })
    const sent = await exporter.send(spans, { ...settings, secrets: bad }, signal)
    expect(sent.outcome).toBe('away')
    expect(JSON.stringify(sent)).not.toContain('canary')
  })
})

describe('an answer', () => {
  test.each([
    ['grpc', { grpcStatus: 14 }, 'away'],
    ['grpc', { grpcStatus: 8 }, 'away'],
    ['grpc', { grpcStatus: 16 }, 'away'],
    ['grpc', { grpcStatus: 12 }, 'away'],
    ['grpc', { grpcStatus: 3 }, 'refused'],
    ['http', { status: 503 }, 'away'],
    ['http', { status: 429 }, 'away'],
    ['http', { status: 401 }, 'away'],
    ['http', { status: 404 }, 'away'],
    ['http', { status: 302 }, 'away'],
    ['http', { status: 400 }, 'refused'],
    ['http', { status: 413 }, 'refused'],
  ] as const)('over %s of %j means: %s', async (protocol, answer: Answer, outcome) => {
    const { receiver, exporter, settings } = await started(protocol)
    receiver.answer = answer
    const sent = await exporter.send(spans, settings, signal)
    expect(sent.outcome).toBe(outcome)
    expect('why' in sent && sent.why).toMatch(
      /^it answers with (HTTP status \d{3}|gRPC status [A-Z_]+)$/,
    )
  })

  test('may say when to come again', async () => {
    const { receiver, exporter, settings } = await started('http')
    receiver.answer = { status: 503, retryAfter: '7' }
    const sent = await exporter.send(spans, settings, signal)
    expect(sent).toMatchObject({ outcome: 'away', retryAfterMs: 7_000 })
  })
})

describe('an address', () => {
  const read = (collector: string, more: Partial<TraceSettings> = {}) => {
    const target = targetOf({ collector, protocol: 'grpc', isSecure: false, ...more })
    return target && [target.isSecure, target.authority, target.path]
  }

  test.each([
    ['otel-collector:4317', {}, [false, 'otel-collector:4317', '/v1/traces']],
    ['otel-collector.monitoring', {}, [false, 'otel-collector.monitoring:4317', '/v1/traces']],
    ['10.0.0.7:55680', { isSecure: true }, [true, '10.0.0.7:55680', '/v1/traces']],
    ['[::1]:80', { protocol: 'http' }, [false, '[::1]:80', '/v1/traces']],
    ['otel:443', { protocol: 'http', isSecure: true }, [true, 'otel:443', '/v1/traces']],
    ['http://otel:4317', {}, [false, 'otel:4317', '/v1/traces']],
    ['https://api.example.com', {}, [true, 'api.example.com:443', '/v1/traces']],
    [
      'https://api.example.com/otlp?a=b',
      { protocol: 'http' },
      [true, 'api.example.com:443', '/otlp?a=b'],
    ],
  ] as const)('%s %j', (collector, more, target) => {
    expect(read(collector, more)).toEqual(target)
  })

  test.each([['https://user:secret@otel'], ['http://'], ['a b'], [':4317']])(
    '"%s" is none',
    async (collector) => {
      expect(read(collector)).toBeUndefined()
      const exporter = createExporter({})
      const sent = await exporter.send(
        spans,
        { collector, protocol: 'grpc', isSecure: false },
        signal,
      )
      expect(sent).toEqual({ outcome: 'away', why: 'OTelCollectorUrl is no address' })
    },
  )
})
