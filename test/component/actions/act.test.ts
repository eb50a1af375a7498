/** What `gatekept release` and the others store and tell, with the guard, where nothing of ours runs but what a test plays. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { runAct } from '../../../cli/act.ts'
import type { Surroundings } from '../../../cli/command.ts'
import type { ActionRecord, ActionType, VersionAction } from '../../../api/actions.ts'
import { KeptnAppVersion, KeptnWorkloadVersion } from '../../../api/index.ts'
import { chartYaml } from '../../chart.ts'
import { startWorld, untilActive, type World } from '../policies/world.ts'

let world: World
const tokens: Record<string, string> = {}
const jo = 'system:serviceaccount:shop:jo'

beforeAll(async () => {
  world = await startWorld('act')
  const { kubectl } = world.cluster
  await kubectl(['apply', '--filename=-'], await chartYaml(['ClusterRole']))
  await world.policies({ admission: 'webhook' })
  await world.managed('shop')
  const inShop = '--namespace=shop'
  const grant = (who: string, role: string): Promise<string> =>
    kubectl([
      ...['create', 'rolebinding', `${who}-may`, role, inShop],
      `--serviceaccount=shop:${who}`,
    ])
  const change = '--resource=keptnworkloadversions.lifecycle.keptn.sh'
  await kubectl(['create', 'role', 'change', '--verb=get,patch', change, inShop])
  for (const who of ['jo', 'eve', 'mallory']) {
    await kubectl(['create', 'serviceaccount', who, inShop])
    tokens[who] = (await kubectl(['create', 'token', who, inShop])).trim()
  }
  await grant('jo', '--clusterrole=keptn:version-actions')
  await grant('eve', '--role=change')
  await world.client.create(KeptnAppVersion, {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnAppVersion',
    metadata: { namespace: 'shop', name: 'shop-1' },
    spec: { appName: 'shop', version: '1' },
  } as never)
  await make('probe')
  await untilActive(async () => {
    expect((await run('eve', 'retry', ['kwv/probe', '--no-wait'])).code).toBe(1)
  })
}, 300_000)
afterAll(() => world.close())

const make = (name: string): Promise<unknown> =>
  world.client.create(KeptnWorkloadVersion, {
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    metadata: { namespace: 'shop', name },
    spec: {
      app: 'shop',
      version: '1',
      workloadName: 'shop-web',
      resourceReference: { uid: 'rs-1', kind: 'ReplicaSet', name: 'web' },
    },
  } as never)

/** Runs a command as one of them; `meanwhile` is done each time it waits. */
const run = async (
  who: string,
  type: ActionType,
  args: readonly string[],
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<{ readonly code: number; readonly said: string; readonly complained: string }> => {
  let [said, complained] = ['', '']
  const { server, credentials } = world.cluster
  const surroundings: Surroundings = {
    connect: () =>
      Promise.resolve({
        ...{ server: new URL(server), ca: credentials.ca, token: () => tokens[who] ?? '' },
      }),
    print: (text) => (said += text),
    complain: (text) => (complained += text),
    pause: meanwhile,
  }
  const rest = ['--namespace', 'shop', '--reason', 'INC-4711']
  const code = await runAct(surroundings, type, [...args, ...rest])
  return { code, said, complained }
}

const entriesOf = async (name: string): Promise<readonly VersionAction[]> =>
  (await world.client.get(KeptnWorkloadVersion, { namespace: 'shop', name }))?.spec.actions ?? []

/** Plays the lifecycle operator. */
const answer =
  (name: string, outcome: ActionRecord['outcome'], message: string) =>
  async (): Promise<unknown> => {
    const actions = (await entriesOf(name)).map(({ id, type, by }) => ({
      ...{ id, type, by, outcome, message, attempt: 1, time: '2026-03-01T12:00:00Z' },
    }))
    return world.client.patch(KeptnWorkloadVersion, {
      ...{ namespace: 'shop', name, subresource: 'status', patchType: 'merge' },
      patch: { status: { actions } },
    })
  }

test('an entry names its writer, and the command ends with what became of it', async () => {
  await make('told')
  const done = await run('jo', 'release', ['kwv/told'], answer('told', 'CarriedOut', 'Released'))
  expect(done).toEqual({
    code: 0,
    said: 'Asked KeptnWorkloadVersion "shop/told" for "release", as "release-1".\nReleased.\n',
    complained: '',
  })
  expect(await entriesOf('told')).toEqual([
    { id: 'release-1', type: 'release', by: jo, reason: 'INC-4711' },
  ])
  const refusing = answer('told', 'Refused', 'It has passed')
  const skip = ['keptnworkloadversions.lifecycle.keptn.sh/told', '--check', 'load']
  expect(await run('jo', 'skip', skip, refusing)).toMatchObject({
    code: 1,
    complained: 'Refused: It has passed\n',
  })
  expect((await entriesOf('told'))[1]).toMatchObject({ id: 'skip-1', check: 'load' })
  const unanswered = await run('jo', 'retry', ['kwv/told'])
  expect(unanswered).toMatchObject({ code: 1 })
  expect(unanswered.complained).toMatch(
    /^Nothing has become of it yet: .*get keptnworkloadversions told/,
  )
  expect(await run('jo', 'abort', ['kav/shop-1', '--no-wait'])).toMatchObject({ code: 0 })
})

test('those who ask at the same time are all heard', async () => {
  await make('busy')
  const asking = [1, 2, 3, 4].map(() => run('jo', 'retry', ['kwv/busy', '--no-wait']))
  for (const { code } of await Promise.all(asking)) expect(code).toBe(0)
  const ids = (await entriesOf('busy')).map(({ id }) => id)
  expect(ids).toEqual(['retry-1', 'retry-2', 'retry-3', 'retry-4'])
})

test.each([
  [
    'a version that is not there',
    'jo',
    ['kwv/none'],
    'There is no KeptnWorkloadVersion "shop/none"',
  ],
  ['another kind', 'jo', ['pod/web'], 'Cannot tell which version "pod/web" is'],
  ['no kind', 'jo', ['web'], 'Cannot tell which version "web" is'],
  ['who lacks the verb', 'eve', ['kwv/probe'], 'takes the verb retry on keptnworkloadversions'],
  ['who may nothing', 'mallory', ['kwv/probe'], 'It takes the verbs get, patch and retry on'],
])('tells of %s', async (_what, who, args, complaint) => {
  const { code, complained } = await run(who, 'retry', args)
  expect(code).toBe(1)
  expect(complained).toContain(complaint)
  expect(await entriesOf('probe')).toEqual([])
})

test('a skip names a check, and nothing else does', async () => {
  expect(await run('jo', 'skip', ['kwv/probe'])).toMatchObject({
    code: 1,
    complained: expect.stringContaining("required option '--check <name>'"),
  })
  expect(await run('jo', 'retry', ['kwv/probe', '--check', 'load'])).toMatchObject({ code: 1 })
  expect(await entriesOf('probe')).toEqual([])
})
