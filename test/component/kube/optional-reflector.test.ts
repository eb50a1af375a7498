/** A kind that is installed while its reflector runs, taken away, and installed again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../api/object.ts'
import { startOptionalReflector } from '../../../kube/optional-reflector.ts'
import type { Reflector } from '../../../kube/reflector.ts'
import type { Change } from '../../../kube/store.ts'
import { eventually } from '../../eventually.ts'
import { pass } from './proxy.ts'
import {
  defineWidgets,
  readableLog,
  startWorld,
  undefineWidgets,
  widget,
  widgets,
  type Widget,
  type World,
} from './world.ts'

let world: World
let namespace: string
let ending: AbortController
/** How many requests had come in before the test. */
let before = 0

beforeAll(async () => {
  world = await startWorld('kube-optional')
  namespace = await world.namespace('optional')
}, 300_000)

afterAll(() => world.close())

beforeEach(() => {
  ending = new AbortController()
  before = world.proxy.seen.length
})

afterEach(async () => {
  ending.abort()
  world.proxy.treat = () => pass
  await undefineWidgets(world)
})

const start = (log = readableLog().log): Reflector<Widget> =>
  startOptionalReflector<Widget>({
    client: world.client,
    type: widgets,
    indexes: { size: ({ spec }) => [String(spec?.size)] },
    log,
    signal: ending.signal,
    timing: { watchSeconds: () => 20, graceMs: 2_000, minBackOffMs: 10 },
  })

const create = (name: string, size = 1): Promise<Widget> =>
  // Right after its definition is established, the kind may not be served yet.
  eventually(() => world.direct.create(widgets, widget(namespace, name, size)))

const names = ({ store }: Reflector<Widget>): readonly string[] =>
  [...store.all()].map(({ metadata }) => metadata.name).sort()

const shows = (reflector: Reflector<Widget>, expected: readonly string[]): Promise<void> =>
  eventually(() => {
    expect(names(reflector)).toEqual(expected)
  })

const requestsFor = (plural: string): readonly string[] =>
  world.proxy.seen
    .slice(before)
    .map(({ path }) => path)
    .filter((path) => path.includes(`/${plural}`))

/** What a listener was told: `+` added, `-` gone, `~` changed. */
const listen = (reflector: Reflector<Widget>): readonly string[] => {
  const told: string[] = []
  const sign = ({ now, before }: Change<KubeObject>): string =>
    now === undefined ? '-' : before === undefined ? '+' : '~'
  reflector.store.subscribe((change) => {
    told.push(`${sign(change)}${(change.now ?? change.before)?.metadata.name ?? ''}`)
  })
  return told
}

test('without the definition it is in sync and empty, and the kind is never asked for', async () => {
  const { log, lines } = readableLog()
  const reflector = start(log)
  await reflector.synced
  expect(reflector.isSynced()).toBe(true)
  expect(names(reflector)).toEqual([])
  expect(reflector.store.by('size', '1')).toEqual([])
  expect(() => reflector.store.by('colour', 'red')).toThrow('no such index')
  await eventually(() => {
    expect(requestsFor('customresourcedefinitions')).toHaveLength(2)
  })
  expect(requestsFor('widgets?')).toEqual([])
  expect(lines).toEqual([])
  for (const path of requestsFor('customresourcedefinitions'))
    expect(path).toContain(encodeURIComponent('metadata.name=widgets.test.gatekept.dev'))
})

test('a definition that is there from the start is waited for', async () => {
  await defineWidgets(world)
  await create('a')
  const reflector = start()
  expect(reflector.isSynced()).toBe(false)
  await reflector.synced
  expect(names(reflector)).toEqual(['a'])
})

test('shows what is made after the kind was installed, and forgets it with the kind, time and again', async () => {
  const reflector = start()
  const told = listen(reflector)
  await reflector.synced
  for (const round of ['1', '2', '3']) {
    await defineWidgets(world)
    await create(`small-${round}`)
    await create(`big-${round}`, 9)
    await shows(reflector, [`big-${round}`, `small-${round}`])
    expect(reflector.isSynced()).toBe(true)
    expect(reflector.store.by('size', '9').map(({ metadata }) => metadata.name)).toEqual([
      `big-${round}`,
    ])
    await undefineWidgets(world)
    await shows(reflector, [])
  }
  expect([...told].sort()).toEqual(
    ['1', '2', '3'].flatMap((n) => [`+big-${n}`, `+small-${n}`, `-big-${n}`, `-small-${n}`]).sort(),
  )
})

test('what was not told before the definition went is told as gone, and nothing is asked after', async () => {
  await defineWidgets(world)
  await create('a')
  const reflector = start()
  await reflector.synced
  const told = listen(reflector)
  // The deletion of the objects is never heard of, that of the definition is.
  world.proxy.treat = ({ path, isWatch }) =>
    isWatch && path.includes('/widgets?') ? { kind: 'reset' } : pass
  world.proxy.dropAll()
  await undefineWidgets(world)
  await shows(reflector, [])
  expect(told).toEqual(['-a'])
  const asked = requestsFor('widgets?').length
  // Whoever went on asking would have asked several times by then.
  await sleep(500)
  expect(requestsFor('widgets?')).toHaveLength(asked)
})

test('an answer to a write is learned while the kind is installed', async () => {
  await defineWidgets(world)
  const reflector = start()
  await reflector.synced
  world.proxy.treat = ({ path, isWatch }) =>
    isWatch && path.includes('/widgets?') ? { kind: 'reset' } : pass
  world.proxy.dropAll()
  reflector.store.learn(await create('b'))
  expect(names(reflector)).toEqual(['b'])
})
