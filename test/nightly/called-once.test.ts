/**
 * The controller is killed fifty times while twenty tasks call a server: it has heard of each once.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { killOften } from '../e2e/called-once.ts'
import { startCheckpoint, type Checkpoint } from '../e2e/checkpoint.ts'
import { startCrashWorld, type CrashWorld } from '../e2e/crash-world.ts'

let world: CrashWorld
let checkpoint: Checkpoint

beforeAll(async () => {
  world = await startCrashWorld('called-once')
  checkpoint = await startCheckpoint(world.cluster)
}, 300_000)

afterAll(async () => {
  checkpoint.close()
  await world.down()
}, 60_000)

test('killed fifty times over twenty tasks: each has called once', async () => {
  const seed = Number(process.env['SEED'] ?? 20_261_122)
  const { killsAtWrites, ...found } = await killOften(world, checkpoint, {
    kills: 50,
    deployments: 10,
    seed,
  })
  expect(found).toEqual({
    seed,
    calls: { '1 times': 20 },
    findings: { versions: 10, tasks: 20, jobs: 20, opened: 10, violations: [] },
  })
  expect(killsAtWrites).toBeGreaterThan(9)
}, 600_000)
