/**
 * The controller dies at every write on a deployment's way, and at moments that nobody chose: every deployment is completed
 * all the same, each task is run by one Job, and no gate opens early.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { setTimeout as delay } from 'node:timers/promises'
import { KeptnTask } from '../../api/index.ts'
import { Job } from '../../api/kubernetes.ts'
import { eventually } from '../eventually.ts'
import { createRandom } from '../simulation/random.ts'
import { killOften } from './called-once.ts'
import { startCheckpoint } from './checkpoint.ts'
import type { Orders } from './killable-controller.ts'
import { writeNames, type CrashPoint, type Moment } from './crash-points.ts'
import {
  awaitCompleted,
  startCrashWorld,
  type CrashWorld,
  type NamedDeployment,
} from './crash-world.ts'
import { managedNamespace, stays, task, yaml } from './world.ts'

let world: CrashWorld

beforeAll(async () => {
  world = await startCrashWorld('crash')
}, 300_000)

afterAll(() => world.down(), 60_000)

const patient = { timeoutMs: 60_000, everyMs: 200 }

const moments: readonly Moment[] = ['answered', 'underway']

const pointsOf = (writes: typeof writeNames): readonly CrashPoint[] =>
  moments.flatMap((moment) =>
    writes.map((write) => ({
      namespace: `${moment}-${writeNames.indexOf(write) + 1}`,
      write,
      moment,
    })),
  )

const isSame = (a: CrashPoint, b: CrashPoint | undefined): boolean =>
  a.namespace === b?.namespace && a.write === b.write

const namespacesOf = (deployments: readonly NamedDeployment[]): readonly string[] =>
  deployments.map(({ namespace }) => namespace)

/** Starts one controller after the other until one has died at each of the points. */
const dieAtEach = async (points: readonly CrashPoint[]): Promise<void> => {
  let left = points
  let next: Partial<Orders> = {}
  while (left.length > 0) {
    const running = await world.start({ ...next, dieAt: left })
    const death = await Promise.race([running.death, delay(60_000, undefined, { ref: false })])
    if (death === undefined) {
      await running.kill()
      throw new Error(`Nobody came to these writes: ${JSON.stringify(left)}`)
    }
    left = left.filter((point) => !isSame(point, death))
    // This once another takes over, which has to wait for the lease; gates of stored verdicts open meanwhile.
    const isStored = death.write === '14 verdict' && death.moment === 'answered'
    next = isStored ? { holder: 'other-controller' } : {}
  }
}

test('killed at every write: one Job per task, every deployment completed', async () => {
  const points = pointsOf(writeNames)
  const deployments = points.map(({ namespace }) => ({ namespace, name: 'web' }))
  await world.deploy(deployments, '1')
  await dieAtEach(points)
  const last = await world.start({})
  await awaitCompleted(world, deployments, ['1'])
  await last.kill()
  expect(await world.history.of(namespacesOf(deployments))).toEqual({
    versions: points.length,
    tasks: 2 * points.length,
    jobs: 2 * points.length,
    opened: points.length,
    violations: [],
  })
}, 300_000)

test('killed at the writes that a second version changes objects with', async () => {
  const points = pointsOf(writeNames.filter((name) => /^[1245] /.test(name)))
  const deployments = points.map(({ namespace }) => ({ namespace, name: 'web' }))
  await world.deploy(deployments, '2')
  await dieAtEach(points)
  const last = await world.start({})
  await awaitCompleted(world, deployments, ['1', '2'])
  await last.kill()
  expect(await world.history.of(namespacesOf(deployments))).toEqual({
    versions: 2 * points.length,
    tasks: 4 * points.length,
    jobs: 4 * points.length,
    opened: 2 * points.length,
    violations: [],
  })
}, 120_000)

test('killed at random moments during ten deployments', async () => {
  const seed = Number(process.env['SEED'] ?? 20_261_122)
  const random = createRandom(seed)
  const deployments = Array.from({ length: 10 }, (_, index) => ({
    namespace: 'random',
    name: `web-${index + 1}`,
  }))
  for (let kill = 0; kill < 20; kill++) {
    // Two more now and then, so that however fast it goes there is always something under way.
    if (kill % 4 === 0) await world.deploy(deployments.slice(kill / 2, kill / 2 + 2), '1')
    const running = await world.start({})
    // Most have begun to write by then, some have not come to that yet.
    await delay(100 + 1_000 * random.next())
    await running.kill()
  }
  const last = await world.start({})
  await awaitCompleted(world, deployments, ['1'])
  await last.kill()
  expect({ seed, ...(await world.history.of(['random'])) }).toEqual({
    seed,
    versions: 10,
    tasks: 20,
    jobs: 20,
    opened: 10,
    violations: [],
  })
}, 180_000)

// Fifty times over twenty tasks: test/nightly/called-once.test.ts
test('killed ten times over eight tasks: each has called a server once', async () => {
  const seed = Number(process.env['SEED'] ?? 20_261_122)
  const checkpoint = await startCheckpoint(world.cluster)
  try {
    const { killsAtWrites, ...found } = await killOften(world, checkpoint, {
      kills: 10,
      deployments: 4,
      seed,
    })
    expect(found).toEqual({
      seed,
      calls: { '1 times': 8 },
      findings: { versions: 4, tasks: 8, jobs: 8, opened: 4, violations: [] },
    })
    expect(killsAtWrites).toBeGreaterThan(1)
  } finally {
    checkpoint.close()
  }
}, 180_000)

test('dead while a Job ends that may not stay: it stays until its outcome is stored', async () => {
  const namespace = 'no-ttl'
  const at = { namespace, name: 'check' }
  const checkpoint = await startCheckpoint(world.cluster)
  try {
    const first = await world.start({})
    await world.apply(
      yaml(
        managedNamespace(namespace),
        task(namespace, 'check', checkpoint.call(namespace, 'check'), {
          ttlSecondsAfterFinished: 0,
        }),
        {
          apiVersion: 'lifecycle.keptn.sh/v1',
          kind: 'KeptnTask',
          metadata: at,
          spec: { taskDefinition: 'check', retries: 0 },
        },
      ),
    )
    await eventually(() => expect(checkpoint.ran(namespace)).toEqual(['check']), patient)
    await first.kill()
    checkpoint.open(namespace, 'check')
    const job = async (): Promise<Job | undefined> =>
      (await world.client.list(Job, { namespace })).items[0]
    await eventually(async () => expect((await job())?.status?.succeeded).toBe(1), patient)
    await stays(async () => expect(await job()).toBeDefined(), 2_000)

    const second = await world.start({})
    await eventually(async () => expect(await job()).toBeUndefined(), patient)
    expect((await world.client.get(KeptnTask, at))?.status).toMatchObject({ status: 'Succeeded' })
    await second.kill()
    expect(checkpoint.ran(namespace)).toEqual(['check'])
  } finally {
    checkpoint.close()
  }
}, 120_000)

test('without the answer to every third write', async () => {
  const deployments = ['web-1', 'web-2', 'web-3'].map((name) => ({ namespace: 'lost', name }))
  await world.deploy(deployments, '1')
  const running = await world.start({ loseOneOf: 3 })
  await awaitCompleted(world, deployments, ['1'])
  await running.kill()
  expect(await world.history.of(['lost'])).toEqual({
    versions: 3,
    tasks: 6,
    jobs: 6,
    opened: 3,
    violations: [],
  })
}, 120_000)
