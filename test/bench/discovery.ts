import { pino } from 'pino'
import { Deployment, Namespace } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import { defaultConfig } from '../../lifecycle/config.ts'
import { eventually } from '../eventually.ts'
import { watchGates, type Held } from './gates.ts'
import { createNamespace } from './lifecycles.ts'
import type { Figure, Result } from './result.ts'
import type { Sizes } from './sizes.ts'
import { median, quantile } from './statistics.ts'
import { deploymentOf, type World } from './world.ts'

const workloadCount = 200
/** With an app key nothing is discovered in a way of its own: a few times are enough. */
const mostKeyed = 5

const limitSeconds = 5
const removalMs = 300_000
const quietSeconds = defaultConfig.discoveryQuietMs / 1_000

/** How long each pod was held, and how many are held for ever. */
interface Repetition {
  readonly heldSeconds: readonly number[]
  readonly lost: number
}

const secondsOf = ({ heldAt, openedAt }: Held): number => (openedAt - heldAt) / 1_000

/** What is there no more cannot slow the next ones down, nor can its going. */
const removeNamespace = async ({ client }: World, name: string): Promise<void> => {
  await client.delete(Namespace, { name })
  await eventually(
    async () => {
      const found = await client.get(Namespace, { name })
      if (found !== undefined) throw new Error(`Namespace "${name}" is still being deleted`)
    },
    { timeoutMs: removalMs, everyMs: 500 },
  )
}

/** Applies all workloads at once in a namespace of their own, and waits for all gates. */
const repeat = async (
  world: World,
  namespace: string,
  annotationsOf: (name: string) => Readonly<Record<string, string>>,
): Promise<Repetition> => {
  const { client } = world
  const stopping = new AbortController()
  await createNamespace(world, namespace)
  try {
    const log = pino({ level: 'silent' })
    const gates = await watchGates({ client, log, signal: stopping.signal, namespace })
    const names = Array.from(
      { length: workloadCount },
      (_, index) => `w${String(index).padStart(3, '0')}`,
    )
    const held = Promise.allSettled(names.map((name) => gates.expect(name)))
    await Promise.all(
      names.map((name) => {
        const annotations = {
          [keys.workload]: name,
          [keys.version]: '1.0.0',
          ...annotationsOf(name),
        }
        return client.create(Deployment, deploymentOf(name, { namespace }, { annotations }))
      }),
    )
    const ended = await held
    return {
      heldSeconds: ended.flatMap((one) =>
        one.status === 'fulfilled' ? [secondsOf(one.value)] : [],
      ),
      lost: ended.filter(({ status }) => status === 'rejected').length,
    }
  } finally {
    stopping.abort()
    await removeNamespace(world, namespace)
  }
}

interface Shape {
  readonly label: string
  readonly prefix: string
  readonly repetitions: number
  readonly limit: number
  readonly annotationsOf: (name: string) => Readonly<Record<string, string>>
}

const measure = async (world: World, shape: Shape): Promise<readonly Repetition[]> => {
  const all: Repetition[] = []
  for (let index = 0; index < shape.repetitions; index++) {
    const one = await repeat(world, `${shape.prefix}-${index}`, shape.annotationsOf)
    all.push(one)
    const longest = Math.max(...one.heldSeconds)
    process.stderr.write(
      `  ${shape.label}, ${index + 1} of ${shape.repetitions}: ${longest.toFixed(1)} s, ${one.lost} lost\n`,
    )
  }
  return all
}

const figuresOf = ({ label, limit }: Shape, all: readonly Repetition[]): readonly Figure[] => {
  const held = all.flatMap(({ heldSeconds }) => heldSeconds)
  return [
    { metric: `${label}, pod exists → gate gone, p50`, value: median(held), unit: 's' },
    { metric: `${label}, pod exists → gate gone, p99`, value: quantile(held, 0.99), unit: 's' },
    {
      metric: `${label}, pod exists → gate gone, last of all`,
      value: Math.max(...held),
      unit: 's',
      limit,
    },
    {
      metric: `${label}, never let go`,
      value: all.reduce((sum, { lost }) => sum + lost, 0),
      unit: 'pods',
      limit: 0,
    },
  ]
}

/**
 * How long pods of 200 workloads are held that are created at once, without checks.
 *
 * From the instant at which a watch of the benchmark's own tells of a pod, which is held, to the instant at which it tells of
 * it without the gate. First workloads without an app key, each an app of its own; then each with an app key of its own,
 * whose apps wait until no more workloads come. A pod that is still held after a minute counts as never let go.
 * Each time in a namespace of its own, which is deleted afterwards. No peer in the run.
 */
export const discovery = async (world: World, { repetitions }: Sizes): Promise<Result> => {
  const shapes: readonly Shape[] = [
    {
      label: 'no app key',
      prefix: 'bench-unkeyed',
      repetitions,
      limit: limitSeconds,
      annotationsOf: () => ({}),
    },
    {
      label: 'app keys',
      prefix: 'bench-keyed',
      repetitions: Math.min(repetitions, mostKeyed),
      limit: quietSeconds + limitSeconds,
      annotationsOf: (name) => ({ [keys.app]: `app-of-${name}` }),
    },
  ]
  const figures: Figure[] = []
  const samples: Record<string, readonly number[]> = {}
  for (const shape of shapes) {
    const all = await measure(world, shape)
    figures.push(...figuresOf(shape, all))
    samples[shape.label] = all.flatMap(({ heldSeconds }) => heldSeconds)
  }
  return {
    name: 'discovery',
    figures,
    notes: [
      `${workloadCount} workloads at once, ${repetitions} times without an app key.`,
      'Keptn, measured once on a cluster like this, lost 2 of 250 releases.',
    ],
    samples,
  }
}
