/**
 * The webhook as clients of its own ask it: where it is, whom to measure beside it, and how it is asked over and over.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Pod, Secret } from '../../api/kubernetes.ts'
import { systemNamespace } from '../../deploy/chart.ts'
import { processesOf } from './processes.ts'
import { podReview } from './review.ts'
import type { Connection, Target } from './tls-client.ts'
import type { World } from './world.ts'

/** Where a server that is measured beside the webhook listens. */
export const besidePort = 9_555

/** Where the first replica of the webhook is, and how to trust it. */
export const findWebhook = async ({ client, namespace }: World): Promise<Target> => {
  const { items } = await client.list(Pod, {
    namespace: systemNamespace,
    labelSelector: 'app.kubernetes.io/name=lifecycle-webhook',
  })
  const host = (items[0]?.status as { readonly podIP?: string } | undefined)?.podIP
  if (host === undefined) throw new Error('Cannot find a pod of the webhook')
  return {
    host,
    port: 9_443,
    ca: await secretText(client, 'ca.crt'),
    servername: `lifecycle-webhook-service.${systemNamespace}.svc`,
    path: '/mutate-v1-pod?timeout=2s',
    body: podReview(namespace),
  }
}

const secretText = async (client: World['client'], file: string): Promise<string> => {
  const secret = await client.get(Secret, { namespace: systemNamespace, name: 'keptn-certs' })
  const text = secret?.data?.[file]
  if (text === undefined) throw new Error(`Cannot find "${file}" in Secret "keptn-certs"`)
  return Buffer.from(text, 'base64').toString('utf8')
}

/** The process whose network has this address. */
export const processAt = async ({ cluster }: World, host: string): Promise<number> => {
  const pids = await processesOf(cluster, 'lifecycle-webhook')
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/net/fib_trie`, 'utf8').includes(host))
  if (found === undefined) throw new Error(`Cannot find the webhook's process at ${host}`)
  return found
}

/** A server in the network of the webhook's pod. */
export interface Beside {
  readonly pid: number
  readonly target: Target
  readonly stop: () => void
}

/**
 * Starts a program that serves HTTPS in the very network of the webhook, with its certificate and its Node, so that the way to
 * both is the same. It gets where to listen and what else it is told as its first message, and says when it listens.
 */
export const startBeside = async (
  world: World,
  webhook: Target,
  program: string,
  {
    orders = {},
    port = besidePort,
    nodeOptions = [],
  }: {
    readonly orders?: object
    readonly port?: number
    readonly nodeOptions?: readonly string[]
  } = {},
): Promise<Beside> => {
  const pid = await processAt(world, webhook.host)
  const child = spawn(
    'nsenter',
    [
      `--net=/proc/${pid}/ns/net`,
      process.execPath,
      ...nodeOptions,
      join(import.meta.dirname, program),
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, NODE_ENV: 'production' },
    },
  )
  const ready = Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error(`${program} has ended`))),
  ])
  child.send({
    port,
    cert: await secretText(world.client, 'tls.crt'),
    key: await secretText(world.client, 'tls.key'),
    ...orders,
  })
  await ready
  if (child.pid === undefined) throw new Error(`Cannot find the process of ${program}`)
  // nsenter becomes the program that it starts.
  return {
    pid: child.pid,
    target: { ...webhook, port },
    stop: () => child.disconnect(),
  }
}

/** Asks on all connections at once, each again as soon as it was answered; gives the time that each answer took. */
export const askFor = async (connections: readonly Connection[], ms: number): Promise<number[]> => {
  const took: number[] = []
  const end = performance.now() + ms
  const loop = async (connection: Connection): Promise<void> => {
    for (let start = performance.now(); start < end;) {
      await connection.ask()
      const now = performance.now()
      took.push(now - start)
      start = now
    }
  }
  await Promise.all(connections.map(loop))
  return took
}
