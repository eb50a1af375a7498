import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Namespace, Pod, ReplicaSet } from '../../api/kubernetes.ts'
import type { New } from '../../api/object.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { formatReleased } from '../../identity/released.ts'
import { holdingWays, patch, wayManifests, wayNames, ways, type Way } from './creation-ways.ts'
import type { Detail, Figure, Result } from './result.ts'
import { ordersPod } from './review.ts'
import type { Sizes } from './sizes.ts'
import { addedTo, mean, median, quantile, ratioOfAdded, slices } from './statistics.ts'
import { findWebhook, startBeside } from './webhook-target.ts'
import { webhookAlone } from './webhook-alone.ts'
import { withoutOperator } from './without-operator.ts'
import type { World } from './world.ts'

const warmUps = 50
const sliceCount = 20
/** What follows a creation, or a deletion, is over by then. */
const settleMs = 10
const timeoutMs = 30_000
/** As many as a namespace of a few services has. */
const releasedRevisions = 20

/** Held by nobody whom the benchmark knows: no pod is bound, whichever way it came. */
const foreignGate = 'example.com/bench'

/** What pods of the namespace need: their ReplicaSet, their service account. */
const prepareNamespace = async ({ client, apply }: World, way: Way): Promise<New<Pod>> => {
  const revisions = Array.from({ length: releasedRevisions }, () => randomUUID())
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: way, annotations: { [keys.released]: formatReleased(revisions) } },
  })
  const account = { name: 'orders', namespace: way }
  await apply(JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account }))
  const { metadata, spec } = ordersPod(way)
  const [owner] = metadata.ownerReferences
  const { labels, annotations } = metadata
  const { uid } = await client
    .create(ReplicaSet, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: owner?.name, namespace: way },
      spec: {
        ...{ replicas: 0, selector: { matchLabels: labels } },
        template: { metadata: { labels, annotations }, spec },
      },
    } as never)
    .then((made) => made.metadata)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ generateName: metadata.generateName, namespace: way, labels, annotations },
      ownerReferences: [{ ...owner, uid }],
    },
    spec: { ...spec, schedulingGates: [{ name: foreignGate }] },
  } as unknown as New<Pod>
}

const createAndDelete = async ({ client }: World, pod: New<Pod>) => {
  const start = performance.now()
  const made = await client.create(Pod, pod)
  const tookMs = performance.now() - start
  await pause(settleMs)
  await client.delete(Pod, made.metadata)
  await pause(settleMs)
  return { tookMs, isHeld: made.spec.schedulingGates?.some(({ name }) => name === gateName) }
}

/** The API server takes up configurations when it hears of them. */
const untilInForce = async (world: World, pods: Readonly<Record<Way, New<Pod>>>): Promise<void> => {
  const end = performance.now() + timeoutMs
  for (const way of holdingWays) {
    for (;;) {
      const { isHeld } = await createAndDelete(world, pods[way])
      if (isHeld === true) break
      if (performance.now() > end) throw new Error(`Cannot measure: ${ways[way]} holds no pods`)
    }
  }
}

type Taken = Readonly<Record<Way, readonly number[]>>

const forEachWay = <T>(of: (way: Way) => T): Readonly<Record<Way, T>> =>
  Object.fromEntries(wayNames.map((way) => [way, of(way)])) as Record<Way, T>

/** A pod each way, over and over; who comes first changes, and who comes after whom. */
const takeTurns = async (
  world: World,
  pods: Readonly<Record<Way, New<Pod>>>,
  rounds: number,
): Promise<Taken> => {
  const taken = forEachWay((): number[] => [])
  for (let round = 0; round < warmUps + rounds; round++) {
    const first = round % wayNames.length
    const turned = [...wayNames.slice(first), ...wayNames.slice(0, first)]
    for (const way of round % 2 === 0 ? turned : turned.reverse()) {
      const { tookMs } = await createAndDelete(world, pods[way])
      if (round >= warmUps) taken[way].push(tookMs)
    }
  }
  return taken
}

const summary = (taken: Taken): Result => {
  const added = forEachWay((way) => addedTo(taken['bench-nobody'], taken[way]))
  const compared = (way: Way, peer: Way, limits: Pick<Figure, 'limit'>): readonly Figure[] => {
    const ratio = ratioOfAdded(slices(added[way], sliceCount), slices(added[peer], sliceCount))
    return [
      {
        metric: `${ways[way]} adds, p50`,
        value: median(added[way]),
        unit: 'ms',
        peer: median(added[peer]),
      },
      {
        metric: `${ways[way]}, times ${ways[peer]}`,
        value: ratio.value,
        unit: 'times',
        ...limits,
        ratio,
      },
    ]
  }
  const details = wayNames.map((way): Detail => ({
    what: ways[way],
    values: {
      'p50, ms': median(taken[way]).toFixed(2),
      'mean, ms': mean(taken[way]).toFixed(2),
      'p99, ms': quantile(taken[way], 0.99).toFixed(2),
      'adds, p50': median(added[way]).toFixed(2),
      'adds, mean': mean(added[way]).toFixed(2),
    },
  }))
  return {
    name: 'admit-creation',
    figures: [
      ...compared('bench-webhook', 'bench-no-op', { limit: 1.3 }),
      ...compared('bench-webhook', 'bench-patching', {}),
      ...compared('bench-policies', 'bench-one-line', { limit: 1.5 }),
      ...compared('bench-hold', 'bench-one-line', {}),
    ],
    notes: [`${taken['bench-nobody'].length} pods each way, in turns.`],
    details,
    samples: taken,
  }
}

const measure = async (world: World, creations: number): Promise<Result> => {
  const webhook = await findWebhook(world)
  const beside = await startBeside(world, webhook, 'answering-server.ts', { orders: { patch } })
  // Its ReplicaSets want no pods, and it would delete what is made in their name.
  await world.cluster.restart('controller-manager', ['--controllers=*,-replicaset-controller'])
  try {
    const pods = {} as Record<Way, New<Pod>>
    for (const way of wayNames) pods[way] = await prepareNamespace(world, way)
    const items = await wayManifests({ ca: webhook.ca, address: webhook.host })
    await world.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    await untilInForce(world, pods)
    return summary(await takeTurns(world, pods, creations))
  } finally {
    beside.stop()
    await world.cluster.restart('controller-manager')
  }
}

/**
 * What admission by Gatekept adds to the creation of a pod.
 *
 * From the instant just before the request that creates a pod of 6.5 KB is sent to the API server, to the instant at which its
 * answer is there; one at a time. The pod is one that a ReplicaSet would make, of a revision that is not released, and is
 * deleted at once; no lifecycle operator runs meanwhile, which would open its gate. Each way of looking at it has a namespace
 * of its own, and they take turns pod by pod; what a way adds is the difference from the pod that nobody looks at in the
 * same round.
 *
 * Our webhook is asked as in the chart's mode `webhook`, without the guard. The peer only says "allowed"; a second one sends
 * our patch at once, and so shows what the API server itself needs to apply it. Our policies are those of the mode `policy` that
 * are asked about a new pod: the one that holds it, and two of the guard. The peer is one policy that adds our gate in one
 * line, without any condition.
 */
export const admitCreation = (world: World, { creations }: Sizes): Promise<Result> =>
  withoutOperator(world, () => webhookAlone(world, () => measure(world, creations)))
