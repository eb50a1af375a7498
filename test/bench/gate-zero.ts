import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Namespace } from '../../api/kubernetes.ts'
import { bareGate, bareLabel, type Orders } from './bare-loop.ts'
import { chainOf } from './chain.ts'
import { watchGates } from './gates.ts'
import type { Result } from './result.ts'
import { median, quantile, ratioOfMedians, slices } from './statistics.ts'
import { deploymentOf, releaseOne, type Release, type World } from './world.ts'

const count = 200
const warmUps = 10
const sliceCount = 20
/** What follows the opening of a gate (the released list, the app's status, events) is over by then. */
const settleMs = 200

const bareNamespace = 'bench-bare'

interface Bare {
  readonly release: (name: string) => Promise<Release>
  readonly stop: () => void
}

const startBareLoop = async (world: World): Promise<Bare> => {
  const { client, connection, signal } = world
  const { server, ca, cert = '', key = '' } = connection
  const at = { namespace: bareNamespace }
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: bareNamespace },
  })
  const child = fork(join(import.meta.dirname, 'bare-loop.ts'))
  const ready = once(child, 'message')
  child.send({ server: server.href, ca, cert, key, ...at } satisfies Orders)
  await ready
  const gates = await watchGates({ client, log: pino({ level: 'silent' }), signal, ...at })
  const template = {
    labels: { [bareLabel]: 'true' },
    schedulingGates: [{ name: bareGate }],
  }
  return {
    release: (name) => releaseOne(client, deploymentOf(name, at, template), gates),
    stop: () => child.disconnect(),
  }
}

const untilHeld = ({ createdAt, heldAt }: Release): number => heldAt - createdAt
const untilOpened = ({ createdAt, openedAt }: Release): number => openedAt - createdAt

/** Releases by Gatekept and by the bare loop, one after the other in turns. */
const alternate = async (world: World, bare: Bare) => {
  const ours: Release[] = []
  const theirs: Release[] = []
  for (let index = 0; index < warmUps + count; index++) {
    const our = await world.release()
    await pause(settleMs)
    const their = await bare.release(`b${String(index).padStart(4, '0')}`)
    await pause(settleMs)
    if (index < warmUps) continue
    ours.push(our)
    theirs.push(their)
  }
  return { ours, theirs }
}

/**
 * How long a workload without checks is held.
 *
 * From the instant just before the request that creates a Deployment of one pod is sent, to the instant at which a watch of
 * the benchmark's own tells of the pod without the gate. Until then the Deployment and ReplicaSet controllers, admission
 * by the installed webhook, and every record that must be stored before a gate opens. One Deployment at a time.
 *
 * Against a bare loop in the same run: a process that watches pods and takes their gate away, in a namespace that Gatekept
 * does not manage, for Deployments whose template has the gate. The two take turns, and stand idle while it is
 * the other's.
 */
export const gateZero = async (world: World): Promise<Result> => {
  const bare = await startBareLoop(world)
  const { ours, theirs } = await alternate(world, bare).finally(() => bare.stop())
  const opened = ours.map(untilOpened)
  const bareOpened = theirs.map(untilOpened)
  const ratio = ratioOfMedians(slices(opened, sliceCount), slices(bareOpened, sliceCount))
  return {
    name: 'gate-zero',
    figures: [
      {
        metric: 'created → pod exists, p50',
        value: median(ours.map(untilHeld)),
        unit: 'ms',
        peer: median(theirs.map(untilHeld)),
      },
      {
        metric: 'created → gate gone, p50',
        value: median(opened),
        unit: 'ms',
        limit: 60,
        peer: median(bareOpened),
      },
      {
        metric: 'created → gate gone, p99',
        value: quantile(opened, 0.99),
        unit: 'ms',
        limit: 250,
        peer: quantile(bareOpened, 0.99),
      },
      { metric: 'p50, times the bare loop', value: ratio.value, unit: 'times', limit: 4, ratio },
    ],
    notes: [
      `${count} Deployments each, in turns. Keptn, measured once on a cluster like this: 20.1 s.`,
    ],
    details: chainOf(
      world.cluster.auditLog,
      ours.map(({ name }) => name),
    ),
    samples: { gatekept: opened, bareLoop: bareOpened },
  }
}
