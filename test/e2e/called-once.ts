/**
 * What tasks do to the world outside while the controller is killed again and again.
 *
 * Each task calls a server, once: a second call could not be taken back, whatever Kubernetes says of it later. A script is
 * tried once, so a second call would be a second Job.
 *
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '../simulation/random.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Findings } from './crash-history.ts'
import type { CrashPoint, Moment, WriteName } from './crash-points.ts'
import { awaitCompleted, type CrashWorld, type NamedDeployment } from './crash-world.ts'
import { namespaceYaml, workloadYaml } from './workloads.ts'

/** How much is done. */
export interface Killing {
  readonly kills: number
  /** Each has a task before its rollout and one after it. */
  readonly deployments: number
  readonly seed: number
}

/** What has come of it. */
export interface Calls {
  readonly seed: number
  /** How many tasks have called once, how many twice, and so on. */
  readonly calls: Readonly<Record<string, number>>
  /** How many of the kills were at a write around a Job, and not at a moment that nobody chose. */
  readonly killsAtWrites: number
  readonly findings: Findings
}

/**
 * The writes from a task to its outcome, in the order in which they have their turn: first those that a second Job could
 * follow from.
 */
const writes: readonly WriteName[] = [
  '10 Job',
  '11 KeptnTask names its Job',
  '12 KeptnTask outcome',
  '8 KeptnTask',
  '13 Job may be deleted',
  '9 KeptnWorkloadVersion names its tasks',
]

const moments: readonly Moment[] = ['answered', 'underway']

/** Long enough for a controller to come to a write, when there is one left. */
const patienceMs = 4_000
/** Between these, most controllers have begun to write and have not come to an end. */
const [leastMs, mostMs] = [100, 1_600]

const pointsOf = ({ namespace }: NamedDeployment): readonly CrashPoint[] =>
  writes.flatMap((write) => moments.map((moment) => ({ namespace, write, moment })))

const isSame = (one: CrashPoint, other: CrashPoint | undefined): boolean =>
  one.namespace === other?.namespace && one.write === other.write && one.moment === other.moment

/** Counts how many tasks have called once, twice, and so on. */
const countsOf = (
  checkpoint: Checkpoint,
  deployments: readonly NamedDeployment[],
): Readonly<Record<string, number>> => {
  const times = deployments.flatMap(({ namespace }) => {
    const told = checkpoint.contexts(namespace, 'check')
    return ['pre', 'post'].map(
      (type) => told.filter((context) => context['taskType'] === type).length,
    )
  })
  return Object.fromEntries(
    [...Map.groupBy(times, (count) => `${count} times`)].map(([count, all]) => [count, all.length]),
  )
}

/**
 * Deploys workloads little by little, and meanwhile kills one controller after the other: in turns at the writes from a task
 * to its outcome, and at random moments. Then lets a last one bring all to their end.
 */
export const killOften = async (
  world: CrashWorld,
  checkpoint: Checkpoint,
  { kills, deployments: count, seed }: Killing,
): Promise<Calls> => {
  const random = createRandom(seed)
  const deployments = Array.from({ length: count }, (_, index) => ({
    namespace: `called-${index + 1}`,
    name: 'web',
  }))
  let left: readonly CrashPoint[] = []
  let killsAtWrites = 0

  const deploy = async (one: NamedDeployment): Promise<void> => {
    const { namespace } = one
    checkpoint.open(namespace, 'check')
    await world.apply(namespaceYaml(namespace, checkpoint.call(namespace, 'check')))
    await world.apply(workloadYaml({ ...one, version: '1' }))
    left = [...left, ...pointsOf(one)]
  }
  const killAt = async (write: WriteName | undefined): Promise<void> => {
    const moment = random.pick(moments)
    const running = await world.start({
      dieAt: left.filter((point) => point.write === write && point.moment === moment),
    })
    const death = await Promise.race([running.death, delay(patienceMs, undefined, { ref: false })])
    if (death === undefined) await running.kill()
    else killsAtWrites++
    left = left.filter((point) => !isSame(point, death))
  }
  const killAnytime = async (): Promise<void> => {
    const running = await world.start({})
    await delay(random.between(leastMs, mostMs))
    await running.kill()
  }

  for (let kill = 0; kill < kills; kill++) {
    const isDue = (index: number): boolean => Math.floor((index * kills) / count) === kill
    for (const one of deployments.filter((_, index) => isDue(index))) await deploy(one)
    const turn = Math.floor(kill / 2) % writes.length
    await (kill % 2 === 0 ? killAt(writes[turn]) : killAnytime())
  }
  const last = await world.start({})
  await awaitCompleted(world, deployments, ['1'])
  await last.kill()
  return {
    seed,
    calls: countsOf(checkpoint, deployments),
    killsAtWrites,
    findings: await world.history.of(deployments.map(({ namespace }) => namespace)),
  }
}
