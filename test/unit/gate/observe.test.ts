import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../api/object.ts'
import { decide } from '../../../gate/opening/decide.ts'
import { heldPodIndexes, type HeldPod } from '../../../gate/held-pods.ts'
import { observe, type Sources } from '../../../gate/opening/observe.ts'
import { watchOthers, type Others } from '../../../gate/opening/others.ts'
import { watchForStrays, type Strays } from '../../../gate/opening/strays.ts'
import { labelGated, openGate } from '../../../gate/scheduling-gate.ts'
import { keyOf } from '../../../kube/keys.ts'
import { createFeed } from '../../../kube/store.ts'
import { anonymousPod, managed, namespace, pod, version, storeOf } from './objects.ts'

const noStrays: Strays = { has: () => false, forget: () => undefined }
const noOthers: Others = { openedAt: () => undefined, expect: () => undefined }

const look = async (more: Partial<Sources> & { readonly live?: KubeObject }, leads = true) => {
  const asked: string[] = []
  const seen = await observe({
    pods: storeOf(pod()),
    versions: storeOf(),
    namespaces: storeOf(managed()),
    leads: () => leads,
    strays: noStrays,
    others: noOthers,
    readOwner: () => {
      asked.push('owner')
      return Promise.resolve('not-managed')
    },
    client: {
      get: (type) => {
        asked.push(type.kind)
        return Promise.resolve(more.live as never)
      },
    },
    ...more,
  })('shop/web-1', new Date('2026-03-01T12:00:01Z'))
  return { asked, seen, actions: seen === undefined ? [] : decide(seen).actions }
}

describe('a pod that leaves the store', () => {
  test('is one that another replica has let go, unless this one was about to', () => {
    const ours = leavable()
    const others = watchOthers(ours.store)
    others.expect('shop/web-1')
    ours.leave()
    expect(others.openedAt()).toBeUndefined()

    const theirs = leavable()
    const watching = watchOthers(theirs.store)
    expect(watching.openedAt()).toBeUndefined()
    theirs.leave()
    expect(watching.openedAt()).toBeInstanceOf(Date)
  })

  test.each([
    ['is expected by a replica that is about to open it', false, ['shop/web-1']],
    ['is not by one that leads, and never asks', true, []],
  ])('%s', async (_, leads, expected) => {
    const keys: string[] = []
    const others: Others = { ...noOthers, expect: (key) => keys.push(key) }
    const passed = version({ verdict: 'True', decidedAt: '2026-03-01T11:59:00Z' })
    const old = pod({ metadata: { creationTimestamp: '2026-03-01T11:59:00Z' } })
    await look({ others, pods: storeOf(old), versions: storeOf(passed) }, leads)
    expect(keys).toEqual(expected)
  })

  /** A store with one pod, which can leave it once. */
  const leavable = () => {
    const feed = createFeed<HeldPod>({
      project: (object) => object as HeldPod,
      matches: () => true,
      indexes: heldPodIndexes,
      onError: (error) => {
        throw error
      },
    })
    feed.apply('ADDED', pod())
    return {
      store: feed.store,
      leave: () => {
        feed.apply('DELETED', pod())
      },
    }
  }
  const stripped = { ...pod(), metadata: { ...pod().metadata, labels: {} } }

  test('is read until it is labelled again, if it still waits', async () => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => true)
    await look({ pods: store, strays })
    leave()
    const found = await look({ pods: store, strays, live: stripped })
    expect(found.asked).toEqual(['Pod'])
    expect(found.actions).toEqual([labelGated(stripped)])
    // As long as the request has not been answered.
    expect((await look({ pods: store, strays, live: stripped })).asked).toEqual(['Pod'])
    strays.forget('shop/web-1')
    expect((await look({ pods: store, strays, live: stripped })).asked).toEqual([])
  })

  test.each([
    ['is gone', undefined],
    ['has its label by now', pod()],
    ['lost its gate, too', { ...stripped, spec: {} }],
  ])('is left alone when it %s', async (_, live) => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => true)
    leave()
    const found = await look({ pods: store, strays, ...(live === undefined ? {} : { live }) })
    expect(found.seen).toBeUndefined()
  })

  test('is read again after a look that failed', async () => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => true)
    leave()
    const get = () => Promise.reject(new Error('Away'))
    await expect(look({ pods: store, strays, client: { get } })).rejects.toThrow('Away')
    expect((await look({ pods: store, strays, live: stripped })).asked).toEqual(['Pod'])
  })

  test('is not read when it was let go from here', async () => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => true)
    const passed = version({ verdict: 'True' })
    const before = await look({ pods: store, strays, versions: storeOf(passed) })
    expect(before.actions).toHaveLength(1)
    leave()
    strays.forget('shop/web-1')
    expect((await look({ pods: store, strays, live: stripped })).asked).toEqual([])
  })

  test('is read when the request that was to let it go has failed', async () => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => true)
    const passed = version({ verdict: 'True' })
    await look({ pods: store, strays, versions: storeOf(passed) })
    leave()
    const found = await look({ pods: store, strays, live: stripped, versions: storeOf(passed) })
    expect(found.asked).toEqual(['Pod'])
    expect(found.actions).toEqual([openGate(stripped)])
  })

  test('is left to the leader', async () => {
    const { store, leave } = leavable()
    const strays = watchForStrays(store, () => false)
    leave()
    expect((await look({ pods: store, strays, live: stripped }, false)).asked).toEqual([])
  })
})

describe('what a pod is decided on', () => {
  const left = namespace({ labels: {} })

  test('is nothing where there is no pod', async () => {
    expect((await look({ pods: storeOf() })).seen).toBeUndefined()
    expect(keyOf(pod())).toBe('shop/web-1')
  })

  test('is in the stores for a verdict', async () => {
    const { asked, actions } = await look({ versions: storeOf(version({ verdict: 'True' })) })
    expect([asked, actions.length]).toEqual([[], 1])
  })

  test('is asked for live where the namespace seems to have left', async () => {
    const { asked, actions } = await look({ namespaces: storeOf(left), live: left })
    expect([asked, actions.length]).toEqual([['Namespace'], 1])
  })

  test('an old view of a namespace that has opted in meanwhile opens nothing', async () => {
    const { actions } = await look({ namespaces: storeOf(left), live: managed() })
    expect(actions).toEqual([])
  })

  test('a namespace that is gone opens nothing', async () => {
    const { actions } = await look({ namespaces: storeOf(left) })
    expect(actions).toEqual([])
  })

  test('is the owner where the pod names no workload', async () => {
    const { asked, actions } = await look({ pods: storeOf(anonymousPod) })
    expect([asked, actions.length]).toEqual([['owner'], 1])
  })

  test('is not asked for by a replica that does not lead, before its turn', async () => {
    const owner = await look({ pods: storeOf(anonymousPod) }, false)
    const away = await look({ namespaces: storeOf(left), live: left }, false)
    expect([owner.asked, away.asked]).toEqual([[], []])
    expect([owner.actions, away.actions]).toEqual([[], []])
  })
})
