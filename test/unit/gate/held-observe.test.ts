import { describe, expect, test } from '@jest/globals'
import { decide } from '../../../gate/held/decide.ts'
import { observe, type Sources } from '../../../gate/held/observe.ts'
import { heldController } from '../../../gate/held/index.ts'
import { takeTurns } from '../../../gate/held/turns.ts'
import { releasedCondition, type HeldPod } from '../../../gate/held-pods.ts'
import { rememberUnmanaged } from '../../../gate/unmanaged.ts'
import { anonymousPod, createdAt, managed, ownerOf, pod, version, storeOf } from './objects.ts'

const podNamed = (name: string): HeldPod => pod({ metadata: { name, uid: `${name}-uid` } })
const saying = (held: HeldPod): HeldPod => ({
  ...held,
  status: { conditions: [{ type: releasedCondition, status: 'False' }] },
})

const sources = (more: Partial<Sources>): Sources => ({
  pods: storeOf(),
  letGo: storeOf(),
  versions: storeOf(),
  namespaces: {
    ...storeOf(),
    get: () => managed(),
  },
  unmanaged: rememberUnmanaged(),
  client: { get: () => Promise.resolve(undefined) },
  settings: {},
  ...more,
})

const later = (ms: number): Date => new Date(Date.parse(createdAt) + ms)

describe('a thousand pods that are held for long', () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `web-${String(at)}`)
  const look = observe(sources({ pods: storeOf(...names.map(podNamed)) }))
  const writeAll = async (now: Date): Promise<number> => {
    let writes = 0
    for (const name of names) {
      const seen = await look(`shop/${name}`, now)
      if (seen !== undefined) writes += decide(seen).actions.length
    }
    return writes
  }

  test('are written to one after the other, each in its turn', async () => {
    expect(await writeAll(later(10_900))).toBe(0)
    expect(await writeAll(later(20_000))).toBe(1)
    expect(await writeAll(later(20_100))).toBe(10)
  })
})

describe('turns', () => {
  test('are at once where nobody waits, and go on where they were left', () => {
    const turns = takeTurns(10)
    expect(turns.of('a', later(0))).toEqual(later(0))
    expect(turns.of('b', later(0))).toEqual(later(10))
    expect(turns.of('b', later(4))).toEqual(later(10))
    expect(turns.of('c', later(4))).toEqual(later(20))
    expect(turns.of('b', later(12))).toEqual(later(10))
    expect(turns.of('d', later(500))).toEqual(later(500))
  })

  test('that are not wanted any more are given up', () => {
    const turns = takeTurns(10)
    turns.of('a', later(0))
    turns.of('b', later(0))
    turns.forget('b')
    expect(turns.of('b', later(5))).toEqual(later(20))
  })
})

test('a pod that was let go is found by its label alone', async () => {
  const letGo = { ...saying(pod()), spec: {} }
  const seen = await observe(sources({ letGo: storeOf(letGo) }))('shop/web-1', later(1))
  expect(seen && decide(seen).actions).toMatchObject([
    { patch: { status: { conditions: [{ status: 'True' }] } } },
  ])
  expect(await observe(sources({}))('shop/web-1', later(1))).toBeUndefined()
})

test('the owner is asked for when a pod speaks, and not before', async () => {
  const asked: string[] = []
  const orphan = {
    ...anonymousPod,
    metadata: { ...anonymousPod.metadata, ownerReferences: [ownerOf('ReplicaSet', 'web')] },
  }
  const look = observe(
    sources({
      pods: storeOf(orphan),
      client: {
        get: (type) => {
          asked.push(type.kind)
          return Promise.resolve(undefined)
        },
      },
    }),
  )
  await look('shop/web-1', later(5_000))
  expect(asked).toEqual([])
  const seen = await look('shop/web-1', later(12_000))
  expect(asked).toEqual(['ReplicaSet'])
  expect(seen?.owner).toBe('missing')
})

test('a version wakes those of its pods that speak, until it has passed', () => {
  const pods = [podNamed('web-1'), saying(podNamed('web-2'))]
  const controller = heldController(sources({ pods: storeOf(...pods) }))
  const wakes = controller.wakes.at(-1)
  expect(wakes?.keys(version({ verdict: 'Unknown' }))).toEqual(['shop/web-2'])
  expect(wakes?.keys(version({ verdict: 'True' }))).toEqual([])
})
