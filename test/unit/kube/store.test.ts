import { beforeEach, describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import type { KubeObject } from '../../../api/object.ts'
import { createFeed, type Change, type Feed } from '../../../kube/store.ts'

interface Thing extends KubeObject {
  readonly color?: string
}

const thing = (
  name: string,
  version: number,
  rest: { uid?: string; color?: string } = {},
): Thing => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name,
    namespace: 'ns',
    uid: rest.uid ?? name,
    resourceVersion: String(version),
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: rest.color === undefined ? {} : { color: rest.color },
  },
  ...(rest.color === undefined ? {} : { color: rest.color }),
})

let feed: Feed<Thing>
let changes: string[]
let errors: string[]

const label = ({ before, now }: Change<Thing>): string =>
  [before, now].map((o) => (o ? `${o.metadata.uid}@${o.metadata.resourceVersion}` : '-')).join('>')

const make = (): Feed<Thing> =>
  createFeed<Thing>({
    project: (object) => {
      const projected: Thing = object
      if (projected.color === 'broken') throw new Error('no projection')
      return projected
    },
    matches: (object) => object.metadata.labels?.['color'] !== 'hidden',
    indexes: { color: ({ color }) => (color === undefined ? [] : [color]) },
    onError: (_error, { step }) => errors.push(step),
  })

const list = (items: readonly Thing[], version: number): number => {
  const listed = new Map<string, Thing>()
  feed.collect(listed, items)
  return feed.replace(listed, String(version))
}

const held = (): string[] =>
  [...feed.store.all()].map((o) => `${o.metadata.uid}@${o.metadata.resourceVersion}`).sort()

beforeEach(() => {
  changes = []
  errors = []
  feed = make()
  feed.store.subscribe((change) => changes.push(label(change)))
})

describe('watch', () => {
  test('older and repeated events are ignored', () => {
    list([thing('a', 5)], 10)
    feed.apply('MODIFIED', thing('a', 12))
    feed.apply('MODIFIED', thing('a', 12))
    feed.apply('MODIFIED', thing('a', 11))
    feed.apply('ADDED', thing('a', 5))
    expect(held()).toEqual(['a@12'])
    expect(changes).toEqual(['->a@5', 'a@5>a@12'])
  })

  test('versions are compared as numbers', () => {
    list([thing('a', 99)], 99)
    feed.apply('MODIFIED', thing('a', 100))
    expect(held()).toEqual(['a@100'])
  })

  test('a repeated event does not revive what was deleted', () => {
    list([thing('a', 5)], 10)
    feed.apply('MODIFIED', thing('a', 11))
    feed.apply('DELETED', thing('a', 12))
    feed.apply('MODIFIED', thing('a', 11))
    expect(held()).toEqual([])
  })

  test('a late deletion does not remove a namesake that came after', () => {
    list([thing('a', 5)], 10)
    feed.store.learn(thing('a', 14, { uid: 'a2' }))
    feed.apply('DELETED', thing('a', 13))
    expect(held()).toEqual(['a2@14'])
  })

  test('a namesake is told as a deletion and an addition', () => {
    list([thing('a', 5)], 10)
    feed.apply('ADDED', thing('a', 14, { uid: 'a2' }))
    expect(changes.slice(1)).toEqual(['a@5>-', '->a2@14'])
  })

  test('what a lease deletes together, at one version, is all removed', () => {
    list([thing('a', 5), thing('b', 6)], 10)
    feed.apply('DELETED', thing('a', 12))
    feed.apply('DELETED', thing('b', 12))
    expect(held()).toEqual([])
  })
})

describe('list', () => {
  test('tells additions, changes and deletions, and nothing about the rest', () => {
    list([thing('a', 5), thing('b', 6), thing('c', 7)], 10)
    changes = []
    expect(list([thing('a', 5), thing('b', 16), thing('d', 17)], 20)).toBe(3)
    expect([...changes].sort()).toEqual(['->d@17', 'b@6>b@16', 'c@7>-'])
  })

  test('keeps what was learned after it was taken', () => {
    list([], 10)
    feed.store.learn(thing('a', 25))
    list([], 20)
    expect(held()).toEqual(['a@25'])
  })

  test('of a cluster restored from a backup is the truth', () => {
    list([thing('a', 5), thing('b', 95)], 100)
    list([thing('a', 5), thing('b', 15)], 50)
    expect(held()).toEqual(['a@5', 'b@15'])
    feed.apply('MODIFIED', thing('b', 51))
    expect(held()).toEqual(['a@5', 'b@51'])
  })
})

describe('learn', () => {
  beforeEach(() => {
    list([thing('a', 5)], 10)
  })

  test('takes what is newer, at once', () => {
    feed.store.learn(thing('a', 11))
    feed.store.learn(thing('b', 12))
    expect(held()).toEqual(['a@11', 'b@12'])
  })

  test('leaves what is older', () => {
    feed.apply('MODIFIED', thing('a', 20))
    feed.store.learn(thing('a', 19))
    expect(held()).toEqual(['a@20'])
  })

  test('never revives what was seen deleted', () => {
    feed.apply('DELETED', thing('a', 20))
    feed.store.learn(thing('a', 19))
    expect(held()).toEqual([])
  })

  test('never revives what a list showed to be gone', () => {
    list([], 30)
    feed.store.learn(thing('a', 29))
    expect(held()).toEqual([])
  })

  test('drops what is no longer selected, and older events do not bring it back', () => {
    feed.store.learn(thing('a', 12, { color: 'hidden' }))
    feed.apply('MODIFIED', thing('a', 11))
    expect(held()).toEqual([])
    feed.apply('DELETED', thing('a', 12))
    feed.apply('ADDED', thing('a', 13))
    expect(held()).toEqual(['a@13'])
  })

  test('does not take in what was never selected', () => {
    feed.store.learn(thing('z', 12, { color: 'hidden' }))
    expect(held()).toEqual(['a@5'])
  })
})

test('an index follows its objects', () => {
  list([thing('a', 5, { color: 'red' }), thing('b', 6, { color: 'red' })], 10)
  feed.apply('MODIFIED', thing('a', 11, { color: 'blue' }))
  expect(feed.store.by('color', 'red').map(({ metadata }) => metadata.name)).toEqual(['b'])
  feed.apply('DELETED', thing('a', 12, { color: 'blue' }))
  expect(feed.store.by('color', 'blue')).toEqual([])
  expect(() => feed.store.by('colour', 'red')).toThrow('no such index')
})

test('a listener that throws keeps neither the others nor the store from going on', () => {
  const told: string[] = []
  feed.store.subscribe(() => {
    throw new Error('broken')
  })
  feed.store.subscribe((change) => told.push(label(change)))
  list([thing('a', 5)], 10)
  feed.apply('MODIFIED', thing('a', 11))
  expect(told).toEqual(['->a@5', 'a@5>a@11'])
  expect(errors).toEqual(['listener', 'listener'])
})

test('an object that cannot be projected is reported and left out', () => {
  list([thing('a', 5, { color: 'broken' }), thing('b', 6)], 10)
  expect(held()).toEqual(['b@6'])
  expect(errors).toEqual(['projection'])
})

test('a subscription ends with its signal', () => {
  const ending = new AbortController()
  const told: string[] = []
  feed.store.subscribe((change) => told.push(label(change)), { signal: ending.signal })
  list([thing('a', 5)], 10)
  ending.abort()
  feed.apply('DELETED', thing('a', 11))
  expect(told).toEqual(['->a@5'])
})

test('what an answer says is gone stays gone, whatever is told late, until its name is taken anew', () => {
  list([thing('a', 5)], 10)
  feed.store.learnGone(thing('a', 5))
  expect(held()).toEqual([])
  feed.apply('MODIFIED', thing('a', 11))
  list([thing('a', 11)], 12)
  expect(held()).toEqual([])
  feed.apply('DELETED', thing('a', 13))
  feed.apply('ADDED', thing('a', 14, { uid: 'anew' }))
  expect(held()).toEqual(['anew@14'])
  feed.store.learnGone(thing('a', 14))
  expect(held()).toEqual(['anew@14'])
})

test('an answer that said of an object that it is gone is corrected by the second list that has it', () => {
  list([thing('a', 5)], 10)
  feed.store.learnGone(thing('a', 5))
  list([thing('a', 5)], 11)
  expect(held()).toEqual([])
  list([thing('a', 5)], 12)
  expect(held()).toEqual(['a@5'])
})

test('lists are counted and told, whether or not they bring anything', () => {
  const ending = new AbortController()
  const told: number[] = []
  feed.store.onListed(() => told.push(feed.store.lists()), { signal: ending.signal })
  list([thing('a', 5)], 10)
  feed.apply('MODIFIED', thing('a', 11))
  list([thing('a', 11)], 12)
  ending.abort()
  list([], 13)
  expect(told).toEqual([1, 2])
})

/**
 * A cluster's history: each step gives one of three objects its next version, deletes it, or makes it anew. The reflector is told
 * all of it in order, with repeats; answers to writes arrive at any time, before or after.
 */
interface Step {
  readonly name: string
  readonly isDeletion: boolean
  readonly learnAt: number | null
  readonly isRepeated: boolean
}

interface Delivery {
  readonly at: number
  readonly run: () => void
}

/** Carries a step out in the world, and says what the reflector gets to know of it and when. */
const carryOut = (world: Map<string, Thing>, step: Step, index: number): readonly Delivery[] => {
  const { name, isDeletion, learnAt, isRepeated } = step
  const version = index + 2
  const before = world.get(name)
  if (isDeletion && before === undefined) return []
  const object = thing(name, version, { uid: before?.metadata.uid ?? `${name}${version}` })
  if (isDeletion) world.delete(name)
  else world.set(name, object)
  const run = (): void => {
    const type = before === undefined ? 'ADDED' : 'MODIFIED'
    feed.apply(isDeletion ? 'DELETED' : type, object)
  }
  const learn = (): void => {
    feed.store.learn(object)
  }
  return [
    { at: index, run },
    ...(isRepeated ? [{ at: index + 1.5, run }] : []),
    ...(learnAt === null || isDeletion ? [] : [{ at: index + learnAt - 0.5, run: learn }]),
  ]
}

test('whatever arrives early, late or twice, the store ends as the cluster', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    isDeletion: fc.boolean(),
    learnAt: fc.option(fc.integer({ min: -5, max: 5 })),
    isRepeated: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      feed = make()
      list([], 1)
      const world = new Map<string, Thing>()
      const deliveries = steps.flatMap((each, index) => carryOut(world, each, index))
      for (const { run } of deliveries.toSorted((x, y) => x.at - y.at)) run()
      const expected = [...world.values()].map(
        ({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`,
      )
      expect(held()).toEqual(expected.toSorted())
    }),
    { numRuns: 2_000 },
  )
})
