import { readFileSync } from 'node:fs'
import { processorSeconds } from './processes.ts'
import type { Figure, Result } from './result.ts'
import { median, ratioOfMedians } from './statistics.ts'
import { openConnection, type Connection, type Target } from './tls-client.ts'
import { webhookAlone } from './webhook-alone.ts'
import { askFor, besidePort, findWebhook, processAt, startBeside } from './webhook-target.ts'
import type { World } from './world.ts'

const sliceCount = 16
const sliceMs = 1_500
const warmUpMs = 3_000
/** As many as an API server keeps open. */
const connections = 25

/** A server under measurement. */
interface Server {
  readonly pid: number
  readonly connections: readonly Connection[]
  readonly stop: () => void
}

const connect = async (pid: number, target: Target, stop = (): void => undefined) => {
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(target)))
  return {
    pid,
    connections: open,
    stop: () => {
      for (const connection of open) connection.close()
      stop()
    },
  }
}

/** The options that Node got in a process: by its command line, and by its environment. */
const nodeOptionsOf = (pid: number): readonly string[] => {
  const read = (file: string): readonly string[] =>
    readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0')
  const [, ...args] = read('cmdline')
  const program = args.findIndex((arg) => !arg.startsWith('-'))
  const inherited = read('environ').find((line) => line.startsWith('NODE_OPTIONS='))
  const options = inherited?.slice('NODE_OPTIONS='.length).split(' ') ?? []
  return [...args.slice(0, program), ...options.filter((option) => option !== '')]
}

/** Answers for each second of processor time, of a server under full load. */
const answersOf = async (server: Server): Promise<number> => {
  const before = processorSeconds(server.pid)
  const took = await askFor(server.connections, sliceMs)
  return took.length / (processorSeconds(server.pid) - before)
}

/** What a server answers, but for the question that it names. */
const patchOf = async ({ connections: [first] }: Server): Promise<string> => {
  if (first === undefined) throw new Error('Cannot ask: there is no connection')
  const { response } = JSON.parse(await first.ask()) as { response: { patch?: string } }
  return Buffer.from(response.patch ?? '', 'base64').toString('utf8')
}

/** Fails if not all say the same: then there is nothing to compare. */
const requireSame = async (servers: readonly Server[]): Promise<string> => {
  const patches = new Set(await Promise.all(servers.map(patchOf)))
  const [patch = ''] = patches
  if (patches.size === 1 && patch.includes('schedulingGates')) return patch
  throw new Error(`Cannot compare different answers: ${[...patches].join(', ')}`)
}

const measureInTurns = async (servers: readonly Server[]): Promise<readonly number[][]> => {
  for (const server of servers) await askFor(server.connections, warmUpMs)
  const rates = servers.map((): number[] => [])
  for (let slice = 0; slice < sliceCount; slice++) {
    for (const [index, server] of servers.entries()) rates[index]?.push(await answersOf(server))
  }
  return rates
}

const compared = (
  ours: readonly number[],
  peer: readonly number[],
  metric: string,
  limits: Pick<Figure, 'least'> = {},
): Figure => {
  const single = (rates: readonly number[]) => rates.map((rate) => [rate])
  const ratio = ratioOfMedians(single(ours), single(peer))
  return { metric, value: ratio.value, unit: 'times', ...limits, ratio }
}

const summary = (rates: readonly (readonly number[])[]): Result => {
  const [ours = [], express = [], sameOptions = [], floor = []] = rates
  return {
    name: 'admit-core',
    figures: [
      {
        metric: 'answers a second of processor time',
        value: median(ours),
        unit: '/s',
        peer: median(express),
      },
      compared(ours, express, 'times Express', { least: 2 }),
      compared(ours, sameOptions, "times Express with our options of Node's"),
      compared(floor, express, 'a server that decides nothing, times Express'),
    ],
    notes: [
      'What decides nothing parses the question and sends the same patch: a Node server that parses can hardly do less.',
    ],
    samples: { gatekept: ours, express, expressWithOurOptions: sameOptions, floor },
  }
}

const measure = async (world: World): Promise<Result> => {
  const webhook = await findWebhook(world)
  const pid = await processAt(world, webhook.host)
  const servers = [await connect(pid, webhook)]
  const add = async (
    program: string,
    given: { readonly orders?: object; readonly nodeOptions?: readonly string[] } = {},
  ): Promise<void> => {
    const port = besidePort + servers.length
    const beside = await startBeside(world, webhook, program, { ...given, port })
    servers.push(await connect(beside.pid, beside.target, beside.stop))
  }
  try {
    await add('express-server.ts')
    await add('express-server.ts', { nodeOptions: nodeOptionsOf(pid) })
    const patch = Buffer.from(await requireSame(servers)).toString('base64')
    await add('answering-server.ts', { orders: { patch } })
    return summary(await measureInTurns(servers))
  } finally {
    for (const { stop } of servers) stop()
  }
}

/**
 * How many questions about pods the webhook answers in a second of processor time.
 *
 * The question is that of `admit`, on 25 connections that stay open (TLS 1.3), on each the next as soon as the one before is
 * answered. The time is what the process has kept processors busy with, as the system counts it, collection of garbage and
 * encryption among it; so that it hardly matters how fast the client is, and what else runs.
 *
 * Against a server of the same answers made with Express, in the same network and with the same Node and certificate: once
 * as it starts by itself, once with the options by which ours is kept small. And, to know what is possible, a Node server that
 * decides nothing. A second and a half for each, in turns.
 */
export const admitCore = (world: World): Promise<Result> =>
  webhookAlone(world, () => measure(world))
