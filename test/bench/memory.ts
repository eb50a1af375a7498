import { setTimeout as pause } from 'node:timers/promises'
import { processesOf, residentMegabytes, type Resident } from './processes.ts'
import type { Figure, Result } from './result.ts'
import type { World } from './world.ts'

const workloads = 200
const atOnce = 10
const settleMs = 10_000

/** Releases what is missing to the number of workloads: other benchmarks of the run may have released some. */
const releaseRest = async (world: World): Promise<void> => {
  const next = async (): Promise<void> => {
    while (world.released() < workloads) await world.release()
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}

const figuresOf = async (
  { cluster }: World,
  container: string,
  limit?: number,
): Promise<readonly Figure[]> => {
  const sizes = (await processesOf(cluster, container)).map(residentMegabytes)
  const largest = (of: keyof Resident): number => Math.max(...sizes.map((size) => size[of]))
  return [
    {
      metric: `${container}, resident`,
      value: largest('all'),
      unit: 'MB',
      ...(limit === undefined ? {} : { limit }),
    },
    { metric: `${container}, of it its own`, value: largest('own'), unit: 'MB' },
  ]
}

/**
 * How much memory the processes have in RAM (`VmRSS`, of the larger replica) ten seconds after at least 200 workloads have
 * come to their verdict, all of them still there. Garbage is left to be collected when the process thinks it should be. The
 * workloads are those of `gate-zero` where that was run before. No peer in the run.
 */
export const memory = async (world: World): Promise<Result> => {
  await releaseRest(world)
  await pause(settleMs)
  return {
    name: 'memory',
    figures: [
      ...(await figuresOf(world, 'lifecycle-webhook', 90)),
      ...(await figuresOf(world, 'lifecycle-operator', 110)),
      ...(await figuresOf(world, 'metrics-operator')),
    ],
    notes: [
      `${world.released()} workloads. Keptn's lifecycle operator, measured once: 98.6 MiB with 200.`,
    ],
  }
}
