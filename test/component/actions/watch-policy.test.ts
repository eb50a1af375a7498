/** What the controller knows of the policy that guards what people ask, as it comes and goes, with the rights of ours. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createClient, type Client } from '../../../kube/client.ts'
import { watchPolicy } from '../../../lifecycle/actions/watch-policy.ts'
import { chartYaml } from '../../chart.ts'
import { eventually } from '../../eventually.ts'
import { home, startWorld, type World } from '../policies/world.ts'

const log = pino({ level: 'silent' })
const name = 'gatekept-actions'

let world: World
let client: Client
const ending = new AbortController()

beforeAll(async () => {
  world = await startWorld('actions-policy')
  const { kubectl, server, credentials } = world.cluster
  const kinds = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding']
  await kubectl(['apply', '--filename=-'], await chartYaml(kinds))
  const asOurs = ['create', 'token', 'lifecycle-operator', `--namespace=${home}`]
  const token = (await kubectl(asOurs)).trim()
  client = createClient({ server: new URL(server), ca: credentials.ca, token: () => token })
}, 300_000)
afterAll(async () => {
  ending.abort()
  await client.close()
  await world.close()
})

test('follows policy and binding, and wakes when there is something else to tell', async () => {
  const { kubectl } = world.cluster
  let sinceMs = 0
  const now = (): Date => new Date(Date.now() + sinceMs)
  const watch = watchPolicy({ client, log, signal: ending.signal, now })
  let woken = 0
  for (const { store } of watch.wakes(() => ['shop/web'])) {
    store.subscribe(() => {
      woken += 1
    })
  }
  expect(watch.state()).toBe('unknown')
  const becomes = async (state: string, at: number): Promise<void> => {
    await eventually(() => {
      expect(watch.state()).toBe(state)
      expect(woken).toBeGreaterThanOrEqual(at)
      return Promise.resolve()
    })
  }
  await becomes('absent', 1)
  await world.policies({ admission: 'webhook' })
  await becomes('absent', 2)
  // Half a minute later.
  sinceMs = 31_000
  expect(watch.state()).toBe('present')
  const relabel = ['label', 'validatingadmissionpolicy', name, 'team=platform']
  await kubectl(relabel)
  await becomes('present', 3)

  const asWarning = JSON.stringify({ spec: { validationActions: ['Warn'] } })
  await kubectl(['patch', 'validatingadmissionpolicybinding', name, `--patch=${asWarning}`])
  await becomes('absent', 4)
  await kubectl(['delete', 'validatingadmissionpolicybinding', name])
  await becomes('absent', 5)
  expect(watch.state()).toBe('absent')
})

test('asks an API server without such policies once', async () => {
  const paths: string[] = []
  const other: Client = {
    ...client,
    raw: (request) => {
      paths.push(request.path)
      return client.raw({ ...request, path: request.path.replace('/v1', '/v1none') })
    },
    list: () => Promise.reject(new Error('listed')),
  }
  const watch = watchPolicy({ client: other, log, signal: ending.signal })
  await eventually(() => {
    expect(watch.state()).toBe('absent')
    return Promise.resolve()
  })
  expect(paths).toEqual(['/apis/admissionregistration.k8s.io/v1'])
})
