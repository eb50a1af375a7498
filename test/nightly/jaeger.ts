/**
 * Jaeger, built from its Go module: an OpenTelemetry collector that keeps traces in memory and is asked for them over HTTP.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { eventually } from '../eventually.ts'
import { ensureProgram } from './built-program.ts'

/** Gives the program, building it the first time. */
export const ensureJaeger = async (): Promise<string> => {
  const { program } = await ensureProgram({
    module: 'github.com/jaegertracing/jaeger',
    // The last one of Jaeger 1, which is one program without a configuration file.
    version: 'v1.76.0',
    sum: 'h1:sWCOOF1dr+NL0PLil7mFo3BqqQL8k4WiM7aguFbc14g=',
    main: './cmd/all-in-one',
    name: 'jaeger',
  })
  return program
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A span as Jaeger tells it. */
export interface JaegerSpan {
  readonly traceID: string
  readonly spanID: string
  readonly operationName: string
  readonly references: readonly {
    readonly refType: 'CHILD_OF' | 'FOLLOWS_FROM'
    readonly traceID: string
    readonly spanID: string
  }[]
  /** Microseconds. */
  readonly startTime: number
  readonly duration: number
  readonly tags: readonly { readonly key: string; readonly value: unknown }[]
  readonly logs: readonly {
    readonly fields: readonly { readonly key: string; readonly value: unknown }[]
  }[]
  readonly warnings: readonly string[] | null
}

/** A Jaeger that runs. */
export interface Jaeger {
  /** `host:port` of OTLP over gRPC. */
  readonly grpc: string
  /** URL of OTLP over HTTP. */
  readonly http: string
  readonly spansOf: (traceId: string) => Promise<readonly JaegerSpan[]>
  readonly end: () => Promise<void>
}

/** Starts Jaeger on ports of its own; resolves once it answers. It ends with this process, too. */
export const startJaeger = async (program: string): Promise<Jaeger> => {
  const ports = await Promise.all(Array.from({ length: 7 }, freePort))
  const [grpc, http, query, ...others] = ports.map((port) => `127.0.0.1:${String(port)}`)
  const names = [
    ...['query.grpc-server.host-port', 'admin.http.host-port', 'collector.grpc-server.host-port'],
    'collector.http-server.host-port',
  ]
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', program, '--log-level=error', '--collector.otlp.enabled=true'],
      `--collector.otlp.grpc.host-port=${grpc ?? ''}`,
      `--collector.otlp.http.host-port=${http ?? ''}`,
      `--query.http-server.host-port=${query ?? ''}`,
      ...names.map((name, index) => `--${name}=${others[index] ?? ''}`),
    ],
    { stdio: 'ignore' },
  )
  const ended = once(child, 'close')
  const spansOf = async (traceId: string): Promise<readonly JaegerSpan[]> => {
    const answer = await fetch(`http://${query ?? ''}/api/traces/${traceId}`)
    if (answer.status === 404) return []
    const { data } = (await answer.json()) as {
      readonly data: readonly { readonly spans: readonly JaegerSpan[] }[]
    }
    return data[0]?.spans ?? []
  }
  await eventually(() => spansOf('1'.repeat(32)))
  return {
    grpc: grpc ?? '',
    http: `http://${http ?? ''}`,
    spansOf,
    end: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
