/** What `test/component/webhook/availability.test.ts` shows with few pods, with many. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ReplicaSet } from '../../api/kubernetes.ts'
import {
  expectHeld,
  prepare,
  throughRestarts,
  throughRotations,
} from '../component/webhook/availability.ts'
import { maxUnderWay, type Outcome } from '../component/webhook/load.ts'
import { startService, type Replica, type Service } from '../component/webhook/service.ts'

let service: Service
let replicas: [Replica, Replica]
let owner: ReplicaSet
beforeAll(async () => {
  service = await startService('availability-large')
  replicas = [await service.addReplica(), await service.addReplica()]
  owner = await prepare(service)
}, 600_000)
afterAll(() => service.close(), 60_000)

const tell = (figures: Outcome): void => {
  const { tookMs, ...others } = figures
  const at = (share: number) => tookMs[Math.floor(tookMs.length * share)]
  const counts = Object.entries(others).map(([name, value]): [string, unknown] => [
    name,
    Array.isArray(value) ? value.length : value,
  ])
  const told = [...counts, ['p50 ms', at(0.5)], ['p99 ms', at(0.99)]] as const
  process.stdout.write(`${told.map(([name, value]) => `${name} ${String(value)}`).join(', ')}\n`)
}

test('20,000 pods while replicas are replaced and killed in turn', async () => {
  const outcome = await throughRestarts(service, owner, replicas, 20_000)
  tell(outcome)
  expect(outcome.unexplained).toEqual([])
  expect(outcome.mostInFlight).toBeLessThanOrEqual(maxUnderWay)
  expect(outcome.ungated).toBe(0)
  await expectHeld(service, outcome.created)
  expect(outcome.created).toBeGreaterThanOrEqual(20_000)
}, 3_600_000)

test('60,000 questions while authorities and certificates are replaced 100 times', async () => {
  const outcome = await throughRotations(service, owner, replicas, {
    rotations: 200,
    least: 60_000,
  })
  tell(outcome)
  expect(outcome.failed).toEqual([])
  expect(outcome.ungated).toBe(0)
  expect(outcome.authorities).toBe(100)
}, 3_600_000)
