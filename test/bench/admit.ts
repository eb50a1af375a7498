import type { Figure, Result } from './result.ts'
import { median, quantile, ratioOfMedians } from './statistics.ts'
import { openConnection, type Connection, type Target } from './tls-client.ts'
import { webhookAlone } from './webhook-alone.ts'
import { askFor, findWebhook, startBeside } from './webhook-target.ts'
import type { World } from './world.ts'

const sliceCount = 14
const sliceMs = 500
const warmUpMs = 3_000
const manyConnections = 25

interface Compared {
  readonly ours: readonly number[][]
  readonly floor: readonly number[][]
}

const compare = async (ours: Target, floor: Target, connections: number): Promise<Compared> => {
  const open = (target: Target): Promise<Connection[]> =>
    Promise.all(Array.from({ length: connections }, () => openConnection(target)))
  const to = { ours: await open(ours), floor: await open(floor) }
  try {
    await askFor(to.ours, warmUpMs)
    await askFor(to.floor, warmUpMs)
    const taken: { ours: number[][]; floor: number[][] } = { ours: [], floor: [] }
    for (let slice = 0; slice < sliceCount; slice++) {
      taken.ours.push(await askFor(to.ours, sliceMs))
      taken.floor.push(await askFor(to.floor, sliceMs))
    }
    return taken
  } finally {
    for (const connection of [...to.ours, ...to.floor]) connection.close()
  }
}

const perSecond = (parts: readonly number[][]): number =>
  (parts.flat().length / (sliceCount * sliceMs)) * 1000

/** The same three figures for any number of connections. */
const figuresOf = (
  { ours, floor }: Compared,
  label: string,
  limits: { readonly times?: number; readonly p99?: number },
): readonly Figure[] => {
  const ratio = ratioOfMedians(ours, floor)
  return [
    {
      metric: `${label}, p50`,
      value: median(ours.flat()),
      unit: 'ms',
      peer: median(floor.flat()),
    },
    {
      metric: `${label}, p50, times a server that only replies`,
      value: ratio.value,
      unit: 'times',
      ...(limits.times === undefined ? {} : { limit: limits.times }),
      ratio,
    },
    {
      metric: `${label}, p99`,
      value: quantile(ours.flat(), 0.99),
      unit: 'ms',
      ...(limits.p99 === undefined ? {} : { limit: limits.p99 }),
      peer: quantile(floor.flat(), 0.99),
    },
    { metric: `${label}, rate`, value: perSecond(ours), unit: '/s', peer: perSecond(floor) },
  ]
}

const measure = async (world: World): Promise<Result> => {
  const webhook = await findWebhook(world)
  const first = await openConnection(webhook)
  const answer = await first.ask()
  first.close()
  if (!answer.includes('"patch"')) throw new Error(`The webhook does not hold the pod: ${answer}`)
  const { target, stop } = await startBeside(world, webhook, 'reply-server.ts', {
    orders: { answer },
  })
  try {
    const one = await compare(webhook, target, 1)
    const many = await compare(webhook, target, manyConnections)
    return {
      name: 'admit',
      figures: [
        ...figuresOf(one, '1 connection', { times: 3, p99: 2 }),
        ...figuresOf(many, `${manyConnections} connections`, {}),
      ],
      notes: [
        `Question of ${Buffer.byteLength(webhook.body)} bytes, answer of ${Buffer.byteLength(answer)}.`,
      ],
    }
  } finally {
    stop()
  }
}

/**
 * How long the webhook takes to answer about a pod, without an API server before it.
 *
 * From the instant just before a question of 6.5 KB is written to an open TLS 1.3 connection, to the instant at which the
 * last byte of the answer is there; the next question follows at once. The pod is one to be held that says itself
 * which workload it is of, so the answer comes from memory. One connection, and 25, as many as an API server keeps open.
 *
 * Against a Node HTTPS server in the same run that reads the question and replies with the same answer. It runs in the
 * network of the webhook's pod, with the same Node and certificate. Half a second for the one, half a second for the other.
 */
export const admit = (world: World): Promise<Result> => webhookAlone(world, () => measure(world))
