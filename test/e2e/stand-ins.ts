/**
 * What stands around a cluster in tests: a target with a metric, a real Prometheus that scrapes it, and something that
 * answers like Slack and remembers what it was told. All of it listens on the one address that the cluster reaches.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { unpackPackage } from '../../deploy/debian.ts'
import { eventually } from '../eventually.ts'

const listen = async (server: Server, host: string): Promise<string> => {
  server.listen(0, host)
  await once(server, 'listening')
  return `http://${host}:${(server.address() as AddressInfo).port}`
}

const freePort = async (host: string): Promise<number> => {
  const server = createTcpServer().listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Something with metrics, whose values a test sets. */
export interface Target {
  readonly url: string
  set(metric: string, value: number): void
  remove(metric: string): void
  readonly close: () => void
}

/** Serves metrics in Prometheus' text format. */
export const startTarget = async (host: string): Promise<Target> => {
  const values = new Map<string, number>()
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end([...values].map(([name, value]) => `${name} ${value}\n`).join(''))
  })
  return {
    url: await listen(server, host),
    set: (metric, value) => void values.set(metric, value),
    remove: (metric) => void values.delete(metric),
    close: () => server.close(),
  }
}

/** A Prometheus that runs. */
export interface Prometheus {
  readonly url: string
  /** The present value of a query; `undefined`: no data. */
  readonly query: (query: string) => Promise<string | undefined>
  readonly close: () => Promise<void>
}

/** Debian's Prometheus, unpacked into the folder and not installed, scraping the target every second. */
export const startPrometheus = async (
  host: string,
  target: Target,
  folder: string,
): Promise<Prometheus> => {
  const unpacked = join(folder, 'prometheus')
  const program = join(unpacked, 'usr', 'bin', 'prometheus')
  if (!existsSync(program)) {
    mkdirSync(unpacked, { recursive: true })
    await unpackPackage('prometheus', unpacked)
  }
  const config = join(folder, 'prometheus.yml')
  writeFileSync(
    config,
    `global: {scrape_interval: 1s}
scrape_configs:
  - job_name: target
    static_configs: [{targets: ['${new URL(target.url).host}']}]
`,
  )
  const url = `http://${host}:${await freePort(host)}`
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'prometheus-data')}`,
      `--web.listen-address=${new URL(url).host}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = once(child, 'exit')
  const query = async (text: string): Promise<string | undefined> => {
    const reply = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`)
    const { data } = (await reply.json()) as {
      readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] }
    }
    return data.result[0]?.value[1]
  }
  await eventually(() => query('up'), { timeoutMs: 30_000 })
  return {
    url,
    query,
    close: async () => {
      child.kill()
      await ended
    },
  }
}

/** Something that answers like Slack. */
export interface Slack {
  /** What Slack calls an incoming webhook. */
  readonly url: string
  /** The texts of the messages, in the order in which they came. */
  readonly messages: readonly string[]
  readonly close: () => void
}

/** Takes messages as Slack's incoming webhooks do: JSON with a `text`. */
export const startSlack = async (host: string): Promise<Slack> => {
  const messages: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (part: string) => (body += part))
    request.on('end', () => {
      messages.push((JSON.parse(body) as { readonly text: string }).text)
      response.end('ok')
    })
  })
  return { url: await listen(server, host), messages, close: () => server.close() }
}
