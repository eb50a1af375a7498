import { describe, expect, test } from '@jest/globals'
import type { Namespace } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { decide } from '../../../gate/opening/decide.ts'
import { observe, type Sources } from '../../../gate/opening/observe.ts'
import { keyOf } from '../../../kube/keys.ts'
import type { Store } from '../../../kube/store.ts'
import { anonymousPod, managed, namespace, pod, version } from './objects.ts'

/** A store that holds these objects and never changes. */
const storeOf = <T extends KubeObject>(...objects: readonly T[]): Store<T> => ({
  get: (at, name) =>
    objects.find(({ metadata }) => metadata.namespace === at && metadata.name === name),
  all: () => objects,
  by: () => objects,
  subscribe: () => undefined,
  learn: () => undefined,
})

const look = async (more: Partial<Sources> & { readonly live?: Namespace }, leads = true) => {
  const asked: string[] = []
  const seen = await observe({
    pods: storeOf(pod()),
    versions: storeOf(),
    namespaces: storeOf(managed()),
    leads: () => leads,
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
