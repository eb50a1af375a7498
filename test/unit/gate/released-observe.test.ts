import { describe, expect, test } from '@jest/globals'
import type { Namespace } from '../../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../../api/object.ts'
import { observe } from '../../../gate/released/observe.ts'
import { rememberUnmanaged } from '../../../gate/unmanaged.ts'
import type { Client, ListQuery } from '../../../kube/client.ts'
import { ApiError } from '../../../kube/errors.ts'
import { managed, namespace, pod, storeOf } from './objects.ts'

const forbidden = new ApiError('Cannot list: forbidden', { status: 403, reason: 'Forbidden' })

/** Observes one namespace of a cluster that lists nothing but these pods, or refuses a kind. */
const watchOver = (subject: Namespace, pods: readonly KubeObject[] = [], refused = '') => {
  let lists = 1
  const asked: string[] = []
  const list = (type: ResourceType<KubeObject>, query?: ListQuery) => {
    asked.push([type.kind, query?.fieldSelector].filter(Boolean).join(' '))
    if (type.kind === refused) return Promise.reject(forbidden)
    return Promise.resolve({ items: type.kind === 'Pod' ? pods : [], resourceVersion: '9' })
  }
  const look = observe({
    pods: { ...storeOf(), lists: () => lists },
    namespaces: storeOf(subject),
    versions: storeOf(),
    owners: [storeOf()],
    unmanaged: rememberUnmanaged(),
    client: { list } as unknown as Pick<Client, 'list'>,
    settings: { namespace: 'keptn-system', suspectsUntilAsked: 1 },
  })
  const now = new Date('2026-03-01T12:00:00Z')
  const listAnew = (): void => {
    lists += 1
  }
  return { asked, listAnew, look: () => look(subject.metadata.name, now) }
}

describe('the pods of a namespace', () => {
  test('are all listed where there is no list', async () => {
    const { asked, look } = watchOver(namespace(), [pod()])
    expect((await look())?.pods).toHaveLength(1)
    expect(asked).toEqual(['Pod'])
  })

  test('without a node are listed until none of them lacks our label, and then no more', async () => {
    const settled = watchOver(managed(), [pod()])
    await settled.look()
    await settled.look()
    expect(settled.asked).toEqual(['Pod spec.nodeName='])
    settled.listAnew()
    await settled.look()
    await settled.look()
    expect(settled.asked).toHaveLength(2)

    const unlabelled = watchOver(managed(), [pod({ metadata: { labels: {} } })])
    await unlabelled.look()
    await unlabelled.look()
    expect(unlabelled.asked).toHaveLength(2)
  })

  test.each([
    ['of one that left', namespace({ labels: {} })],
    ['of one that is being deleted', namespace({ deletionTimestamp: '2026-03-01T12:00:00Z' })],
    ["of the cluster's own", namespace({ name: 'kube-system' })],
    ['of ours', namespace({ name: 'keptn-system' })],
  ])('%s are not looked at', async (_, subject) => {
    const { asked, look } = watchOver(subject, [pod()])
    await look()
    expect(asked).toEqual([])
  })
})

describe('suspects', () => {
  test('are asked about', async () => {
    const { look } = watchOver(managed('v1 gone-uid'))
    expect((await look())?.confirmed).toEqual({ uids: [], revisions: [] })
  })

  test('stay if nobody may ask about them', async () => {
    const { look } = watchOver(managed('v1 gone-uid'), [], 'ControllerRevision')
    expect((await look())?.confirmed).toBeUndefined()
  })
})
