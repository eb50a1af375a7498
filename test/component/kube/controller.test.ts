import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { ownedBy, type KubeObject } from '../../../api/object.ts'
import type { Client } from '../../../kube/client.ts'
import {
  runController,
  wake,
  type Controller,
  type PassOutcome,
  type Runtime,
} from '../../../kube/controller.ts'
import { settled, type Action, type Decision, type Transition } from '../../../kube/decision.ts'
import { joinKey, keyOf, parseKey } from '../../../kube/keys.ts'
import { startReflector, type Reflector } from '../../../kube/reflector.ts'
import { eventually } from '../../eventually.ts'
import { pass, refusal } from './proxy.ts'
import {
  configMap,
  configMaps,
  defineWidgets,
  namespaces,
  readableLog,
  startWorld,
  widget,
  widgets,
  type ConfigMap,
  type Widget,
  type World,
} from './world.ts'

let world: World
let namespace: string
let ending: AbortController
let running: Promise<void>[]
let count = 0

beforeAll(async () => {
  world = await startWorld('kube-controller')
  await defineWidgets(world)
}, 300_000)

afterAll(() => world.close())

beforeEach(async () => {
  ending = new AbortController()
  running = []
  count += 1
  namespace = await world.namespace(`controller-${count}`)
})

afterEach(async () => {
  ending.abort()
  world.proxy.treat = () => pass
  await Promise.all(running)
})

interface Seen {
  readonly widget: Widget
  readonly parts: readonly ConfigMap[]
}
type Status = NonNullable<Widget['status']>

/** A widget's parts: as many ConfigMaps as its size says. Its status names them. */
const partName = ({ metadata }: Widget, index: number): string => `${metadata.name}-${index}`

const decide = ({ widget, parts }: Seen): Decision<Status> => {
  const size = widget.spec?.size ?? 0
  const wanted = Array.from({ length: size }, (_, index) => partName(widget, index))
  const present = new Set(parts.map(({ metadata }) => metadata.name))
  const creates = wanted
    .filter((name) => !present.has(name))
    .map((name): Action => {
      const object = configMap(namespace, name, { ownerReferences: [ownedBy(widget)] })
      return { kind: 'create', type: configMaps, object }
    })
  const deletes = parts
    .filter(({ metadata }) => !wanted.includes(metadata.name))
    .map(({ metadata: { name, uid } }): Action => {
      return { kind: 'delete', type: configMaps, namespace, name, uid }
    })
  const actions = [...creates, ...deletes]
  const isComplete = actions.length === 0
  const status = { phase: isComplete ? 'Complete' : 'Building', parts: wanted }
  return { status, actions, transitions: isComplete ? [completed(widget)] : [] }
}

const completed = ({ apiVersion, kind, metadata }: Widget): Transition => ({
  id: `${metadata.uid}-complete`,
  subject: { apiVersion, kind, namespace, name: metadata.name, uid: metadata.uid },
  reason: 'Complete',
  severity: 'Normal',
  message: 'All parts are there',
  at: new Date(0),
})

interface Setup {
  readonly all: Reflector<Widget>
  readonly parts: Reflector<ConfigMap>
  readonly controller: Controller<Seen, Status>
  readonly runtime: Runtime
  readonly outcomes: PassOutcome[]
  readonly told: Transition[]
  readonly lines: string[]
}

const setUp = (client: Client = world.client): Setup => {
  const { log, lines } = readableLog()
  const { signal } = ending
  const common = { client, namespace, log, signal, timing: { minBackOffMs: 20 } }
  const all = startReflector<Widget>({ ...common, type: widgets })
  const parts = startReflector<ConfigMap>({
    ...common,
    type: configMaps,
    indexes: {
      owner: ({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid),
    },
  })
  const outcomes: PassOutcome[] = []
  const told: Transition[] = []
  const controller: Controller<Seen, Status> = {
    name: 'widget',
    wakes: [
      wake(all.store, (object) => [keyOf(object)]),
      wake(parts.store, ({ metadata }) =>
        (metadata.ownerReferences ?? []).map(({ name }) => joinKey(namespace, name)),
      ),
    ],
    observe: (key) => {
      const { name } = parseKey(key)
      const widget = all.store.get(namespace, name)
      return widget && { widget, parts: parts.store.by('owner', widget.metadata.uid) }
    },
    decide,
    subject: ({ widget }) => ({ type: widgets, object: widget }),
  }
  const runtime: Runtime = {
    ...{ client, stores: [all, parts], log, signal },
    announce: (transitions) => told.push(...transitions),
    onPass: ({ outcome }) => outcomes.push(outcome),
  }
  return { all, parts, controller, runtime, outcomes, told, lines }
}

const start = (setup: Setup, changed: Partial<Controller<Seen, Status>> = {}): Setup => {
  running.push(runController({ ...setup.controller, ...changed }, setup.runtime))
  return setup
}

const make = (name: string, size = 1): Promise<Widget> =>
  world.direct.create(widgets, widget(namespace, name, size))

const resize = (name: string, size: number): Promise<Widget> =>
  world.direct.patch(widgets, { namespace, name, patchType: 'merge', patch: { spec: { size } } })

/** The world is as the widgets want it: statuses complete, parts neither missing nor left over. */
const isComplete = async (timeoutMs = 15_000): Promise<void> =>
  eventually(
    async () => {
      const all = (await world.direct.list(widgets, { namespace })).items
      const parts = (await world.direct.list(configMaps, { namespace })).items.filter(
        ({ metadata }) => metadata.ownerReferences !== undefined,
      )
      const wanted = all.flatMap((each) =>
        Array.from({ length: each.spec?.size ?? 0 }, (_, index) => partName(each, index)),
      )
      expect(parts.map(({ metadata }) => metadata.name).toSorted()).toEqual(wanted.toSorted())
      for (const { status } of all) expect(status?.phase).toBe('Complete')
    },
    { timeoutMs },
  )

const writesSeen = (): number =>
  world.proxy.seen.filter(({ method, path }) => method !== 'GET' && path.includes(`/${namespace}/`))
    .length

describe('the loop', () => {
  test('takes up what is there at the start, and follows what changes', async () => {
    await make('a', 2)
    const { told } = start(setUp())
    await isComplete()
    await make('b', 3)
    await resize('a', 1)
    await isComplete()
    await eventually(() => {
      expect(new Set(told.map(({ subject }) => subject.name))).toEqual(new Set(['a', 'b']))
    })
  })

  test('sees its own writes in the next pass, and writes nothing when nothing differs', async () => {
    await make('a', 3)
    // No watch tells anything: what the next pass knows, it knows from the answers to the writes of this one.
    world.proxy.treat = ({ isWatch }) =>
      isWatch ? { kind: 'through', chunk: () => Buffer.alloc(0) } : pass
    start(setUp())
    await isComplete()
    // Three parts, the status "Building" and the status "Complete": a pass that missed a part would have made it again.
    expect(writesSeen()).toBe(5)
    const { outcomes } = start(setUp())
    await eventually(() => {
      expect(outcomes).toContain('done')
    })
    expect(writesSeen()).toBe(5)
  })

  test('a status from which nothing follows waits for a moment, and is stored as it is by then', async () => {
    await make('a', 1)
    const { outcomes } = start(setUp(), {
      decide: ({ widget: { spec } }) => {
        return {
          status: { phase: `size ${spec?.size}` },
          mayWait: true,
          actions: [],
          transitions: [],
        }
      },
    })
    for (const size of [2, 3]) {
      await eventually(() => {
        expect(outcomes.length).toBeGreaterThanOrEqual(size - 1)
      })
      await resize('a', size)
    }
    await eventually(async () => {
      const stored = await world.direct.get(widgets, { namespace, name: 'a' })
      expect(stored?.status?.phase).toBe('size 3')
    })
    expect(writesSeen()).toBe(1)
  })

  /** Widgets beside `a`, whose only action is one that nobody waits for. */
  const others = ['b', 'c', 'd']

  const isMarked = async (): Promise<void> =>
    eventually(
      async () => {
        const a = await world.direct.get(widgets, { namespace, name: 'a' })
        expect(a?.metadata).toMatchObject({ annotations: { mark: 'set' } })
      },
      { timeoutMs: 10_000 },
    )

  const mark = (widget: Widget): Decision<Status> => {
    const isSet = widget.metadata.annotations?.['mark'] === 'set'
    const patch = { metadata: { annotations: { mark: 'set' } } }
    const { name } = widget.metadata
    const action: Action = {
      ...{ kind: 'patch', type: widgets, namespace, name, patchType: 'merge', patch },
    }
    return { actions: isSet ? [] : [action], transitions: [], givesWay: true }
  }

  test('what nobody waits for makes way for other keys that are ready', async () => {
    for (const name of ['a', ...others]) await make(name, 1)
    const setup = setUp()
    start(
      { ...setup, runtime: { ...setup.runtime, workers: 1 } },
      { decide: (seen) => (seen.widget.metadata.name === 'a' ? mark(seen.widget) : decide(seen)) },
    )
    await isMarked()
    const writes = world.proxy.seen
      .filter(({ method, path }) => method !== 'GET' && path.includes(`/${namespace}/`))
      .map(({ method, path }) => `${method} ${path.split('?')[0]?.split('/').at(-1) ?? ''}`)
    // For each of the others its part, the status "Building" and the status "Complete".
    expect(writes.indexOf('PATCH a')).toBe(3 * others.length)
  })

  test('what nobody waits for is done though other keys are always ready', async () => {
    for (const name of ['a', ...others]) await make(name, 1)
    const setup = setUp()
    start(
      { ...setup, runtime: { ...setup.runtime, workers: 1 } },
      {
        observe: async (key, now) => {
          // With one worker, the others are due again before the last of them was looked at.
          await delay(60)
          return setup.controller.observe(key, now)
        },
        decide: ({ widget }) =>
          widget.metadata.name === 'a'
            ? mark(widget)
            : { actions: [], transitions: [], wakeAt: new Date(0) },
      },
    )
    await isMarked()
  })

  test('what was written without an answer is read before it is decided on again', async () => {
    await make('a', 1)
    world.proxy.treat = ({ method, isWatch }) => {
      // The watch tells nothing, and the first status is stored unheard.
      if (isWatch) return { kind: 'through', chunk: () => Buffer.alloc(0) }
      if (method !== 'PATCH') return pass
      world.proxy.treat = ({ isWatch: isSilent }) =>
        isSilent ? { kind: 'through', chunk: () => Buffer.alloc(0) } : pass
      return { kind: 'reset', after: true }
    }
    const seen: (string | undefined)[] = []
    start(setUp(), {
      decide: ({ widget: { status } }) => {
        seen.push(status?.phase)
        return { status: { phase: 'written' }, actions: [], transitions: [] }
      },
    })
    await eventually(() => {
      expect(seen.slice(0, 2)).toEqual([undefined, 'written'])
    })
  })

  test('what was made without an answer is not asked for again, and its object is read after it', async () => {
    await make('a', 1)
    const asked: string[] = []
    world.proxy.treat = ({ method, path, isWatch }) => {
      const isOfPart = method === 'POST' ? path.endsWith('/configmaps') : path.endsWith('/a-0')
      const isOfWidget = method === 'GET' && path.endsWith('/widgets/a')
      if (isOfPart || isOfWidget) asked.push(`${method} ${isOfPart ? 'part' : 'widget'}`)
      // The watch tells nothing, and the first part is made unheard.
      if (isWatch) return { kind: 'through', chunk: () => Buffer.alloc(0) }
      return method === 'POST' && isOfPart ? { kind: 'reset', after: true } : pass
    }
    start(setUp())
    await isComplete()
    expect(asked).toEqual(['POST part', 'GET part', 'GET widget'])
  })

  test('a conflict is settled by looking again, quietly', async () => {
    await make('a', 1)
    const setup = setUp()
    let rivals = 3
    const { outcomes, lines } = start(setup, {
      observe: async (key, now) => {
        const seen = await setup.controller.observe(key, now)
        if (seen !== undefined && rivals > 0) {
          rivals -= 1
          const patch = { metadata: { annotations: { rival: String(rivals) } } }
          await world.direct.patch(widgets, { namespace, name: 'a', patchType: 'merge', patch })
        }
        return seen
      },
    })
    await isComplete()
    expect(outcomes).toContain('conflict')
    expect(lines.filter((line) => line.includes('Pass failed'))).toEqual([])
  })

  test('a rival that changes the object before every write does not stop the others', async () => {
    await make('a', 1)
    const setup = setUp()
    start(setup, {
      observe: async (key, now) => {
        const seen = await setup.controller.observe(key, now)
        if (seen?.widget.metadata.name === 'a') {
          const patch = { metadata: { annotations: { rival: String(Math.random()) } } }
          await world.direct.patch(widgets, { namespace, name: 'a', patchType: 'merge', patch })
        }
        return seen
      },
    })
    await make('b', 2)
    await eventually(async () => {
      const b = await world.direct.get(widgets, { namespace, name: 'b' })
      expect(b?.status?.phase).toBe('Complete')
    })
    const a = await world.direct.get(widgets, { namespace, name: 'a' })
    expect(a?.metadata).toMatchObject({ annotations: { rival: expect.anything() } })
  })

  test('an action that fails keeps the status from being stored, and nothing is told', async () => {
    await make('a', 1)
    world.proxy.treat = ({ method, path }) =>
      method === 'POST' && path.includes(`/${namespace}/`) ? refusal(500, 'InternalError') : pass
    const { outcomes, told, lines } = start(setUp())
    await eventually(() => {
      expect(outcomes.filter((outcome) => outcome === 'failed').length).toBeGreaterThan(2)
    })
    expect((await world.direct.get(widgets, { namespace, name: 'a' }))?.status).toBeUndefined()
    expect(told).toEqual([])
    expect(
      lines.filter((line) => line.includes('"level":40') && line.includes('Pass failed')),
    ).toHaveLength(1)
    world.proxy.treat = () => pass
    await isComplete()
  })

  test('a status that was not stored is not told of', async () => {
    await make('a', 0)
    world.proxy.treat = ({ path }) =>
      path.endsWith('/status') ? refusal(500, 'InternalError') : pass
    const { outcomes, told } = start(setUp())
    await eventually(() => {
      expect(outcomes).toContain('failed')
    })
    expect(told).toEqual([])
    world.proxy.treat = () => pass
    await eventually(() => {
      expect(told).not.toEqual([])
    })
    expect((await world.direct.get(widgets, { namespace, name: 'a' }))?.status?.phase).toBe(
      'Complete',
    )
  })

  test('announcing may fail without consequences', async () => {
    await make('a', 0)
    const setup = setUp()
    const announce = (): void => {
      throw new Error('Nobody listens')
    }
    const { outcomes, lines } = start({ ...setup, runtime: { ...setup.runtime, announce } })
    await isComplete()
    await eventually(() => {
      expect(outcomes).toContain('done')
    })
    expect(outcomes).not.toContain('failed')
    expect(lines.some((line) => line.includes('Announcing failed'))).toBe(true)
  })

  test('a decision that throws is repeated, and logged once with its key', async () => {
    await make('a', 1)
    let failures = 3
    const { lines } = start(setUp(), {
      decide: (seen) => {
        failures -= 1
        if (failures >= 0) throw new Error('Not today')
        return decide(seen)
      },
    })
    await isComplete()
    const warnings = lines.filter((line) => line.includes('"level":40'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain(`"key":"${namespace}/a"`)
  })

  test('it looks again when it said, though nothing has changed', async () => {
    await make('a', 0)
    const setup = setUp()
    let looks = 0
    start(setup, {
      observe: (key, now) => {
        looks += 1
        return setup.controller.observe(key, now)
      },
      decide: () => ({
        ...settled,
        wakeAt: looks < 3 ? new Date(Date.now() + 150) : undefined,
      }),
    })
    await eventually(() => {
      expect(looks).toBe(3)
    })
  })
})

describe('children', () => {
  const obstacle = async (owner: KubeObject | undefined, finalizers?: string[]): Promise<void> => {
    const object = configMap(namespace, 'a-0', {
      ...(owner && { ownerReferences: [ownedBy(owner)] }),
      ...(finalizers && { finalizers }),
    })
    await world.direct.create(configMaps, object)
  }

  const blind = (setup: Setup): Partial<Controller<Seen, Status>> => ({
    // As after a crash: the child was made, but nobody has seen it yet.
    observe: async (key, now) => {
      const seen = await setup.controller.observe(key, now)
      return seen && { ...seen, parts: isBlind ? [] : seen.parts }
    },
  })
  let isBlind: boolean

  beforeEach(() => {
    isBlind = true
  })

  test('a child that an earlier pass made is taken for done', async () => {
    const owner = await make('a', 1)
    await obstacle(owner)
    const setup = setUp()
    const { outcomes } = start(setup, blind(setup))
    await eventually(() => {
      expect(outcomes).toContain('done')
    })
    expect(outcomes).not.toContain('failed')
    isBlind = false
    await resize('a', 0)
    await isComplete()
  })

  test('a foreign object under the name is left alone, and named', async () => {
    await make('a', 1)
    const other = await world.direct.get(namespaces, { name: namespace })
    await obstacle(other)
    const { outcomes, lines } = start(setUp())
    await eventually(() => {
      expect(outcomes).toContain('failed')
    })
    const line = lines.find((each) => each.includes('Pass failed'))
    expect(line).toContain(`Cannot create ConfigMap`)
    expect(line).toContain(`belongs to Namespace`)
    expect(line).toContain(other?.metadata.uid)
    const child = await world.direct.get(configMaps, { namespace, name: 'a-0' })
    expect(child?.metadata.ownerReferences?.[0]?.uid).toBe(other?.metadata.uid)
  })

  test('one that nobody controls is looked at again where none is wanted', async () => {
    await make('a', 1)
    await obstacle(undefined)
    let seen: readonly (string | undefined)[] = []
    const setup = setUp()
    const object = configMap(namespace, 'a-0', {})
    const { outcomes } = start(setup, {
      decide: ({ parts }) => {
        // The first look is behind, as a watch may be.
        const live = seen.length === 0 ? undefined : setup.parts.store.get(namespace, 'a-0')
        seen = [...seen, live?.metadata.uid]
        const create: Action = { kind: 'create', type: configMaps, object }
        return { ...settled, actions: live === undefined && parts.length === 0 ? [create] : [] }
      },
    })
    await eventually(() => {
      expect(outcomes).toContain('done')
    })
    expect(outcomes[0]).toBe('conflict')
    expect(seen.at(-1)).toBeDefined()
    expect(outcomes).not.toContain('failed')
  })

  test('one that is being deleted is waited out', async () => {
    await obstacle(undefined, ['test.gatekept.dev/hold'])
    await world.direct.delete(configMaps, { namespace, name: 'a-0' })
    await make('a', 1)
    const { outcomes } = start(setUp())
    await eventually(() => {
      expect(outcomes).toContain('failed')
    })
    const patch = { metadata: { finalizers: null } }
    await world.direct.patch(configMaps, { namespace, name: 'a-0', patchType: 'merge', patch })
    await isComplete()
  })

  test('a namespace that is being deleted takes nothing, and nobody is told', async () => {
    await make('a', 1)
    const hold = (finalizers: readonly string[] | null): Promise<Widget> => {
      const patch = { metadata: { finalizers } }
      return world.direct.patch(widgets, { namespace, name: 'a', patchType: 'merge', patch })
    }
    await hold(['test.gatekept.dev/stays'])
    const found = await world.direct.get(namespaces, { name: namespace })
    const uid = found?.metadata.uid ?? ''
    await world.direct.delete(namespaces, { name: namespace, uid })
    const { outcomes, lines } = start(setUp(), { refused: () => settled })
    await eventually(() => {
      expect(outcomes).not.toEqual([])
    })
    expect(new Set(outcomes)).toEqual(new Set(['gone']))
    expect(lines.filter((line) => line.includes('"level":40'))).toEqual([])
    await hold(null)
  })

  test('what a person should know of a refusal is stored on the object', async () => {
    const { metadata } = await make('a', 1)
    world.proxy.treat = ({ method, path }) =>
      method === 'POST' && path.includes(`/${namespace}/`) ? refusal(403, 'Forbidden') : pass
    start(setUp(), {
      refused: (_seen, action, error) => ({
        status: { phase: `${action.kind} ${error.reason}` },
        actions: [],
        transitions: [],
      }),
    })
    await eventually(async () => {
      const stored = await world.direct.get(widgets, { namespace, name: metadata.name })
      expect(stored?.status).toEqual({ phase: 'create Forbidden' })
    })
    world.proxy.treat = () => pass
    await isComplete()
  })
})

describe('the end', () => {
  test('no write starts once the signal is aborted, and the run ends', async () => {
    await make('a', 1)
    const setup = setUp()
    const { promise: deciding, resolve: decided } = Promise.withResolvers<undefined>()
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>()
    start(setup, {
      observe: async (key, now) => {
        const seen = await setup.controller.observe(key, now)
        decided(undefined)
        await gate
        return seen
      },
    })
    await deciding
    ending.abort()
    open(undefined)
    await Promise.all(running)
    expect(writesSeen()).toBe(0)
    expect(setup.outcomes).toEqual(['stopped'])
  })

  test('a write that is on its way is waited for, but not for ever', async () => {
    await make('a', 1)
    world.proxy.treat = ({ method }) => (method === 'POST' ? { kind: 'hang' } : pass)
    start(setUp())
    await eventually(() => {
      expect(writesSeen()).toBe(1)
    })
    const endedAt = performance.now()
    ending.abort()
    await Promise.all(running)
    expect(performance.now() - endedAt).toBeLessThan(2_000)
  })

  test('who may not write any more does not, though nobody has told it yet', async () => {
    await make('a', 1)
    const setup = setUp()
    let isLeading = false
    start({ ...setup, runtime: { ...setup.runtime, mayWrite: () => isLeading } })
    await eventually(() => {
      expect(setup.outcomes).toContain('stopped')
    })
    expect(writesSeen()).toBe(0)
    isLeading = true
    await isComplete()
  })
})

describe('faults', () => {
  test('many objects survive refusals, lost answers and broken watches', async () => {
    let calls = 0
    world.proxy.treat = ({ path }) => {
      calls += 1
      if (!path.includes(`/${namespace}/`)) return pass
      if (calls % 7 === 0) return { kind: 'reset', after: true }
      if (calls % 11 === 0) return refusal(429, 'TooManyRequests', { 'retry-after': '0.05' })
      if (calls % 13 === 0) return refusal(500, 'InternalError')
      return calls % 17 === 0 ? { kind: 'reset' } : pass
    }
    start(setUp())
    const names = Array.from({ length: 40 }, (_, index) => `w${index}`)
    await Promise.all(names.map((name) => make(name, 2)))
    world.proxy.dropAll()
    await Promise.all(names.slice(0, 20).map((name) => resize(name, 1)))
    await isComplete(60_000)
  })

  test('it catches up after the API server was killed', async () => {
    start(setUp())
    await make('a', 2)
    await isComplete()
    await world.cluster.kill('apiserver')
    await world.cluster.restart('apiserver')
    const readyAt = performance.now()
    await make('b', 2)
    await resize('a', 1)
    await isComplete(20_000)
    expect(performance.now() - readyAt).toBeLessThan(10_000)
  })
})
