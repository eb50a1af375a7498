import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Client } from '../../../kube/client.ts'
import { startReflector, type Reflector, type ReflectorOptions } from '../../../kube/reflector.ts'
import { eventually } from '../../eventually.ts'
import { pass, type Seen, type Treatment } from './proxy.ts'
import {
  configMap,
  configMaps,
  readableLog,
  startWorld,
  type ConfigMap,
  type World,
} from './world.ts'

let world: World
let namespace: string
let ending: AbortController
let count = 0

beforeAll(async () => {
  world = await startWorld('kube-reflector')
}, 300_000)

afterAll(() => world.close())

beforeEach(async () => {
  ending = new AbortController()
  count += 1
  namespace = await world.namespace(`reflector-${count}`)
})

afterEach(() => {
  ending.abort()
  world.proxy.treat = () => pass
})

/** The wait after a failure is not what most tests are about. */
const timing = { watchSeconds: () => 20, graceMs: 2_000, minBackOffMs: 10 }

const reflect = async (
  options: Partial<ReflectorOptions<ConfigMap>> = {},
): Promise<Reflector<ConfigMap>> => {
  const { log } = readableLog()
  const { signal } = ending
  const base = { client: world.client, type: configMaps, namespace, log, signal, timing }
  const reflector = startReflector<ConfigMap>({ ...base, ...options })
  await reflector.synced
  return reflector
}

const create = (name: string, data: Record<string, string> = {}): Promise<ConfigMap> =>
  world.direct.create(configMaps, configMap(namespace, name, { data, labels: { test: 'x' } }))

const change = (name: string, value: string): Promise<ConfigMap> =>
  world.direct.patch(configMaps, {
    ...{ namespace, name, patchType: 'merge' },
    patch: { data: { value } },
  })

/** What the store holds, and what the API server does. */
const shown = ({ store }: Reflector<ConfigMap>): string[] =>
  [...store.all()].map((o) => `${o.metadata.name}@${o.metadata.resourceVersion}`).sort()
const stored = async (client: Client = world.direct): Promise<string[]> =>
  (await client.list(configMaps, { namespace })).items
    .map((o) => `${o.metadata.name}@${o.metadata.resourceVersion}`)
    .sort()

const isEqual = (reflector: Reflector<ConfigMap>, timeoutMs = 10_000): Promise<void> =>
  eventually(
    async () => {
      expect(shown(reflector)).toEqual(await stored())
    },
    { timeoutMs },
  )

/** Changes the world in all the ways there are. */
const stir = async (round: string): Promise<void> => {
  await create(`made-${round}`)
  await create(`lost-${round}`)
  await change(`made-${round}`, 'ü€😀')
  await world.direct.delete(configMaps, { namespace, name: `lost-${round}` })
}

const requests = (): { lists: number; watches: number } => {
  const mine = world.proxy.seen.filter(({ path }) => path.includes(`/${namespace}/`))
  const watches = mine.filter(({ isWatch }) => isWatch).length
  return { lists: mine.length - watches, watches }
}

test('shows what is there from the start, over several pages, and what changes then', async () => {
  const names = Array.from({ length: 1_100 }, (_, index) => `m${index}`)
  await Promise.all(names.map((name) => create(name)))
  const reflector = await reflect()
  expect(shown(reflector)).toEqual(await stored())
  expect(requests().lists).toBe(3)
  await stir('1')
  await isEqual(reflector)
  expect(requests().lists).toBe(3)
})

test('shows selected objects alone, as their projection', async () => {
  await create('a', { big: 'x'.repeat(1_000) })
  const reflector = await reflect({
    labelSelector: 'test=x',
    project: ({ apiVersion, kind, metadata }: ConfigMap) => ({ apiVersion, kind, metadata }),
  })
  const patch = { metadata: { labels: { test: null } } }
  const answer = await world.direct.patch(configMaps, {
    ...{ namespace, name: 'a', patchType: 'merge', patch },
  })
  await eventually(() => {
    expect(shown(reflector)).toEqual([])
  })
  reflector.store.learn(answer)
  expect(shown(reflector)).toEqual([])
  reflector.store.learn(await create('b', { big: 'y' }))
  expect(reflector.store.get(namespace, 'b')).toBeDefined()
  expect(reflector.store.get(namespace, 'b')).not.toHaveProperty('data')
})

test('a watch that its server ends goes on at once, without a list', async () => {
  const { log, lines } = readableLog()
  const reflector = await reflect({ log, timing: { ...timing, watchSeconds: () => 1 } })
  await eventually(async () => {
    await stir(String(requests().watches))
    expect(requests().watches).toBeGreaterThan(3)
  })
  await isEqual(reflector)
  expect(requests().lists).toBe(1)
  expect(lines.filter((line) => line.includes('Watch failed'))).toEqual([])
})

test('a connection that breaks loses nothing, and needs no list', async () => {
  const reflector = await reflect()
  for (const round of ['1', '2', '3']) {
    world.proxy.dropAll()
    await stir(round)
    await isEqual(reflector)
  }
  expect(reflector.isSynced()).toBe(true)
  // One for the start, and after each break one for a single object.
  expect(
    world.proxy.seen.filter(
      ({ path }) => /limit=500/.test(path) && path.includes(`/${namespace}/`),
    ),
  ).toHaveLength(1)
})

test('a watch that is cut anywhere within an event goes on before it', async () => {
  await create('a')
  let cuts = 0
  world.proxy.treat = ({ isWatch }): Treatment => {
    if (!isWatch || cuts > 40) return pass
    cuts += 1
    let left = cuts * 23
    return {
      kind: 'through',
      chunk: (chunk) => {
        if (left <= 0) return undefined
        const part = chunk.subarray(0, left)
        left -= chunk.length
        return part
      },
    }
  }
  const reflector = await reflect({ timing: { ...timing, minBackOffMs: 1 } })
  for (let round = 0; cuts <= 20 && round < 400; round += 1) {
    await change('a', `${round} ü€😀`)
    world.proxy.dropAll()
    await eventually(() => {
      expect(world.proxy.seen.at(-1)?.isWatch).toBe(true)
    })
  }
  world.proxy.treat = () => pass
  world.proxy.dropAll()
  await isEqual(reflector)
})

test('a watch that falls silent is found in time, whether or not it had told anything', async () => {
  const reflector = await reflect({
    timing: { ...timing, watchSeconds: () => 2, graceMs: 500 },
  })
  await stir('1')
  await isEqual(reflector)
  const before = requests().watches
  world.proxy.muteAll()
  const mutedAt = performance.now()
  await stir('2')
  await isEqual(reflector, 5_000)
  expect(performance.now() - mutedAt).toBeLessThan(4_000)
  expect(requests().watches).toBeGreaterThan(before)
})

test('silence is found within 35 seconds with the times that are not for tests', async () => {
  const reflector = startReflector<ConfigMap>({
    ...{ client: world.client, type: configMaps, namespace },
    ...{ log: readableLog().log, signal: ending.signal },
  })
  await reflector.synced
  await eventually(() => {
    expect(requests().watches).toBe(1)
  })
  world.proxy.muteAll()
  const mutedAt = performance.now()
  await stir('1')
  await isEqual(reflector, 60_000)
  // The back-off after the failure comes on top of finding it.
  expect(performance.now() - mutedAt).toBeLessThan(37_000)
})

const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }

test.each([
  ['in the stream', { status: 200, body: { type: 'ERROR', object: gone } }],
  ['as the answer', { status: 410, body: gone }],
])('a version that is too old, told %s, leads to one list that corrects all', async (_, answer) => {
  await create('removed')
  const corrections: number[] = []
  const changes: string[] = []
  const reflector = await reflect({
    onRelist: (relist) => corrections.push(relist.corrections),
  })
  reflector.store.subscribe(({ now, before }) =>
    changes.push(`${before?.metadata.name ?? ''}>${now?.metadata.name ?? ''}`),
  )
  let isBlind = true
  const treat = ({ isWatch }: Seen): Treatment => {
    if (!isWatch || !isBlind) return pass
    isBlind = false
    return { kind: 'answer', ...answer }
  }
  // What happens while the watch is broken is shown by the list alone.
  world.proxy.treat = () => ({ kind: 'reset' })
  world.proxy.dropAll()
  await stir('1')
  await world.direct.delete(configMaps, { namespace, name: 'removed' })
  world.proxy.treat = treat
  await isEqual(reflector)
  expect(corrections).toEqual([2])
  expect(changes).toEqual(['removed>', '>made-1'])
})

test('a server that always says 410 is not asked in a tight loop', async () => {
  const reflector = await reflect({ timing: { ...timing, minBackOffMs: 200 } })
  world.proxy.treat = ({ isWatch }) =>
    isWatch ? { kind: 'answer', status: 410, body: gone } : pass
  world.proxy.dropAll()
  await stir('1')
  await isEqual(reflector)
  const before = requests()
  const startedAt = performance.now()
  await eventually(() => {
    expect(requests().watches).toBeGreaterThan(before.watches + 2)
  })
  expect(performance.now() - startedAt).toBeGreaterThan(400)
})

test('a line that is not JSON leads to a list', async () => {
  const reflector = await reflect()
  let isFirst = true
  world.proxy.treat = ({ isWatch }): Treatment => {
    if (!isWatch || !isFirst) return pass
    isFirst = false
    return { kind: 'through', chunk: () => Buffer.from('{"type": garbage}\n') }
  }
  world.proxy.dropAll()
  await stir('1')
  await isEqual(reflector)
})

test('repeated events change nothing', async () => {
  world.proxy.treat = ({ isWatch }) =>
    isWatch ? { kind: 'through', chunk: (chunk) => Buffer.concat([chunk, chunk]) } : pass
  const reflector = await reflect()
  const changes: string[] = []
  reflector.store.subscribe(({ now, before }) =>
    changes.push(`${before?.metadata.name ?? ''}>${now?.metadata.name ?? ''}`),
  )
  await stir('1')
  await isEqual(reflector)
  expect(changes.filter((line) => line === '>made-1')).toHaveLength(1)
  expect(changes.filter((line) => line === 'lost-1>')).toHaveLength(1)
})

test('history that went back is noticed after an outage', async () => {
  await create('a')
  const reflector = await reflect()
  const future = { ...(await create('z')).metadata, name: 'phantom', resourceVersion: '99999999' }
  await isEqual(reflector)
  reflector.store.learn({ apiVersion: 'v1', kind: 'ConfigMap', metadata: future })
  const bookmark = {
    type: 'BOOKMARK',
    object: { metadata: { resourceVersion: '99999999' } },
  }
  let isFirst = true
  world.proxy.treat = ({ isWatch }): Treatment => {
    if (!isWatch || !isFirst) return pass
    isFirst = false
    return { kind: 'answer', status: 200, body: bookmark }
  }
  world.proxy.dropAll()
  await eventually(() => {
    expect(world.proxy.seen.some(({ path }) => path.includes('resourceVersion=99999999'))).toBe(
      true,
    )
  })
  world.proxy.dropAll()
  await stir('1')
  await isEqual(reflector)
})

test('an API server that is killed and comes back is followed again, with one list at most', async () => {
  const lists: number[] = []
  const reflector = await reflect({
    timing: { watchSeconds: () => 20, graceMs: 2_000 },
    onRelist: ({ corrections }) => lists.push(corrections),
  })
  await stir('1')
  await isEqual(reflector)
  await world.cluster.kill('apiserver')
  await world.cluster.restart('apiserver')
  const readyAt = performance.now()
  await stir('2')
  await isEqual(reflector, 20_000)
  expect(performance.now() - readyAt).toBeLessThan(10_000)
  expect(lists.length).toBeLessThanOrEqual(1)
})

test('after the end nothing is asked any more', async () => {
  const reflector = await reflect()
  ending.abort()
  const before = world.proxy.seen.length
  await stir('1')
  await stir('2')
  expect(world.proxy.seen.length).toBe(before)
  expect(reflector.store.get(namespace, 'made-1')).toBeUndefined()
})
