/**
 * The controller's parts lifecycle and gate, as a process outside of the cluster that kills itself at given writes:
 * right after the answer, or while the write is on its way.
 *
 * Started with an IPC channel, on which it says that it is loaded and waits for its `Orders`; it tells the point at which it dies in the file
 * `deaths`, a line of JSON each.
 *
 * @module
 */
import { appendFileSync } from 'node:fs'
import { pino } from 'pino'
import { startLifecycle } from '../../controller/lifecycle.ts'
import { readSettings } from '../../controller/settings.ts'
import { createClient, type Client } from '../../kube/client.ts'
import { ApiError } from '../../kube/errors.ts'
import { isAt, type CrashPoint, type Write } from './crash-points.ts'

/** What the process is told to be. */
export interface Orders {
  readonly server: string
  readonly ca: string
  readonly token: string
  readonly holder: string
  readonly denoImage: string
  readonly pythonImage: string
  /** Dies at whichever of these comes first. */
  readonly dieAt: readonly CrashPoint[]
  readonly deaths: string
  /** Lives, but of this many writes each one's answer is lost on its way back. */
  readonly loseOneOf?: number
}

/** Long enough for a write to leave this process, too short for its answer to do any good. */
const onItsWayMs = 1

const die = (orders: Orders, point: CrashPoint): void => {
  appendFileSync(orders.deaths, `${JSON.stringify(point)}\n`)
  process.kill(process.pid, 'SIGKILL')
}

type Send = <R>(write: Write, send: () => Promise<R>) => Promise<R>

/**
 * Sends writes, and dies at one. Only one that is to be died at is under way at a time: had a process died of another one
 * meanwhile, the next process would wait for a write that has been carried out.
 */
const dying = (orders: Orders): Send => {
  let before: Promise<void> = Promise.resolve()
  return async (write, send) => {
    const point = orders.dieAt.find((candidate) => isAt(candidate, write))
    if (point === undefined) return send()
    const turn = before
    let yieldTurn = (): void => undefined
    before = new Promise((resolve) => (yieldTurn = resolve))
    await turn
    try {
      if (point.moment === 'underway') setTimeout(() => die(orders, point), onItsWayMs)
      const answer = await send()
      die(orders, point)
      return answer
    } finally {
      // It was refused: a conflict, perhaps. The write is made again, and died at then.
      yieldTurn()
    }
  }
}

/** Loses answers of writes that were carried out, as when a connection breaks. */
const losing = (oneOf: number): Send => {
  let count = 0
  return async (_, send) => {
    const answer = await send()
    if (++count % oneOf !== 0) return answer
    throw new ApiError('The answer was lost', { status: 0, reason: 'ConnectionReset' })
  }
}

const withWrites = (client: Client, send: Send): Client => ({
  ...client,
  create: (type, object, options) =>
    send(
      {
        verb: 'create',
        kind: type.kind,
        namespace: object.metadata.namespace ?? object.metadata.name,
        body: object,
      },
      () => client.create(type, object, options),
    ),
  patch: (type, patch, options) =>
    send(
      {
        verb: 'patch',
        kind: type.kind,
        namespace: patch.namespace ?? patch.name,
        ...(patch.subresource === undefined ? {} : { subresource: patch.subresource }),
        body: patch.patch,
      },
      () => client.patch(type, patch, options),
    ),
})

const run = (orders: Orders): void => {
  const { server, ca, token, holder, denoImage, pythonImage, loseOneOf } = orders
  const settings = readSettings(['--parts', 'lifecycle,gate'], {
    POD_NAME: holder,
    FUNCTION_RUNNER_IMAGE: denoImage,
    PYTHON_RUNNER_IMAGE: pythonImage,
  })
  const connection = { server: new URL(server), ca, token: () => token }
  const client = createClient(connection, { userAgent: `gatekept-controller/${process.pid}` })
  const send = loseOneOf === undefined ? dying(orders) : losing(loseOneOf)
  startLifecycle({
    client: withWrites(client, send),
    settings,
    log: pino({ level: 'info' }, pino.destination({ sync: true })),
    signal: new AbortController().signal,
  })
}

process.once('message', (orders) => {
  run(orders as Orders)
})
process.send?.('loaded')
// It must not outlive whoever started it.
process.once('disconnect', () => process.exit())
