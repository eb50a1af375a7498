import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { ReplicaSet } from '../../../api/kubernetes.ts'
import { expectHeld, prepare, throughRestarts, throughRotations } from './availability.ts'
import { maxUnderWay } from './load.ts'
import { startService, type Replica, type Service } from './service.ts'

let service: Service
let replicas: [Replica, Replica]
let owner: ReplicaSet
beforeAll(async () => {
  // Beside other tests, a small machine may leave a process waiting for seconds. At night it has the chart's two.
  service = await startService('availability', { timeoutSeconds: 10 })
  replicas = await Promise.all([service.addReplica(), service.addReplica()])
  owner = await prepare(service)
}, 600_000)
afterAll(() => service.close(), 60_000)

test('replacing a replica costs no pod, and killing one at most the calls that were under way', async () => {
  const outcome = await throughRestarts(service, owner, replicas, 1_500)
  expect(outcome.unexplained).toEqual([])
  expect(outcome.mostInFlight).toBeLessThanOrEqual(maxUnderWay)
  expect(outcome.ungated).toBe(0)
  await expectHeld(service, outcome.created)
  expect(outcome.created).toBeGreaterThanOrEqual(1_500)
})

test('replacing authorities and certificates costs no pod', async () => {
  const outcome = await throughRotations(service, owner, replicas, { rotations: 4, least: 500 })
  expect(outcome.failed).toEqual([])
  expect(outcome.ungated).toBe(0)
  expect(outcome.authorities).toBe(2)
})
