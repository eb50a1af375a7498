/**
 * A real Prometheus on loopback that scrapes one target of ours.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { unpackPackage } from '../../../deploy/debian.ts'
import { eventually } from '../../eventually.ts'

/** A running Prometheus and what it scrapes. */
export interface Prometheus {
  readonly url: string
  /** Sets the gauge `available_cpus`; resolves when Prometheus has it. */
  readonly set: (value: number) => Promise<void>
  /** Replaces all other series that it scrapes; those that are gone end with a stale marker. */
  readonly expose: (...lines: readonly string[]) => void
  /** What it answers to an instant query. */
  readonly query: (text: string) => Promise<unknown>
  readonly close: () => Promise<void>
}

/** Starts Prometheus with a scrape each 200 ms; `alsoAt`: the port of another target. */
export const startPrometheus = async (alsoAt?: number): Promise<Prometheus> => {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
  const program = await findProgram(folder)
  let value = 0
  let others: readonly string[] = ['parts{of="a"} 1', 'parts{of="b"} 2']
  const target = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(
      ['# TYPE available_cpus gauge', `available_cpus ${value}`, ...others, ''].join('\n'),
    )
  })
  const targetPort = await listen(target)
  const port = await freePort()
  const config = join(folder, 'prometheus.yml')
  const targets = [targetPort, ...(alsoAt === undefined ? [] : [alsoAt])]
    .map((each) => `'127.0.0.1:${each}'`)
    .join(', ')
  await writeFile(
    config,
    `scrape_configs: [{job_name: target, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: [${targets}]}]}]`,
  )
  const process = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise((resolve) => process.once('exit', resolve))
  const url = `http://127.0.0.1:${port}`
  const query = async (text: string): Promise<unknown> => {
    const { body } = await request(`${url}/api/v1/query?query=${encodeURIComponent(text)}`)
    return body.json()
  }
  return {
    url,
    set: async (next) => {
      value = next
      await eventually(
        async () => {
          const reply = JSON.stringify(await query('available_cpus'))
          if (!reply.includes(`"${next}"`)) throw new Error(`Prometheus says ${reply}`)
        },
        { timeoutMs: 20_000, everyMs: 100 },
      )
    },
    expose: (...lines) => {
      others = lines
    },
    query,
    close: async () => {
      process.kill()
      await ended
      target.closeAllConnections()
      target.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The program as Debian ships it. Its package is unpacked, not installed: that would start a service. */
export const findProgram = async (
  folder: string,
  name: 'prometheus' | 'promtool' = 'prometheus',
): Promise<string> => {
  if (existsSync(`/usr/bin/${name}`)) return `/usr/bin/${name}`
  await unpackPackage('prometheus', folder)
  return join(folder, `usr/bin/${name}`)
}

const listen = async (server: ReturnType<typeof createServer>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const freePort = async (): Promise<number> => {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
