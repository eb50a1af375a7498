import { describe, expect, test } from '@jest/globals'
import type { KubeObject, ResourceType } from '../../../api/object.ts'
import { ownerReader } from '../../../gate/opening/owner.ts'
import { rememberUnmanaged } from '../../../gate/unmanaged.ts'
import type { Client } from '../../../kube/client.ts'
import { anonymousPod, ownerOf, pod } from './objects.ts'

const object = (kind: string, name: string, metadata: object = {}) => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name, uid: `${name}-uid`, resourceVersion: '1', creationTimestamp: '', ...metadata },
  spec: { template: { spec: { containers: [] } } },
})

/** A cluster of these objects that counts how often it was asked. */
const fakeCluster = (...objects: readonly KubeObject[]) => {
  const asked: string[] = []
  const get = (type: ResourceType<KubeObject>, at: { readonly name: string }) => {
    asked.push(`${type.kind} ${at.name}`)
    return Promise.resolve(
      objects.find((each) => each.kind === type.kind && each.metadata.name === at.name),
    )
  }
  return { asked, client: { get } as Pick<Client, 'get'> }
}

const replicaSet = object('ReplicaSet', 'web', { ownerReferences: [ownerOf('Deployment', 'shop')] })
const named = { annotations: { 'keptn.sh/workload': 'web' } }

describe('the owner of a pod', () => {
  test.each([
    ['names no workload', [replicaSet, object('Deployment', 'shop')], 'not-managed'],
    ['names one at the top', [replicaSet, object('Deployment', 'shop', named)], 'managed'],
    [
      'is not asked below the top',
      [
        object('ReplicaSet', 'web', { ...replicaSet.metadata, ...named }),
        object('Deployment', 'shop'),
      ],
      'not-managed',
    ],
    ['has lost its top', [replicaSet], 'missing'],
    ['is gone', [], 'missing'],
    [
      'is a namesake of the one that made the pod',
      [object('ReplicaSet', 'web', { uid: 'x' })],
      'missing',
    ],
  ])('%s', async (_, objects, finding) => {
    const { client } = fakeCluster(...objects)
    expect(await ownerReader(client, rememberUnmanaged())(anonymousPod)).toBe(finding)
  })

  test('is read once for all pods that ask at the same time', async () => {
    const { asked, client } = fakeCluster(replicaSet, object('Deployment', 'shop', named))
    const read = ownerReader(client, rememberUnmanaged())
    await Promise.all([read(anonymousPod), read(anonymousPod), read(anonymousPod)])
    expect(asked).toEqual(['ReplicaSet web', 'Deployment shop'])
    await read(anonymousPod)
    expect(asked).toHaveLength(4)
  })

  test('is not read again once it was found to name no workload, until the list has it', async () => {
    const { asked, client } = fakeCluster(replicaSet, object('Deployment', 'shop'))
    const unmanaged = rememberUnmanaged()
    const read = ownerReader(client, unmanaged)
    await read(anonymousPod)
    expect(await read(anonymousPod)).toBe('not-managed')
    expect(asked).toHaveLength(2)
    expect(unmanaged.of('shop')).toEqual(['web-uid'])
    unmanaged.forget('shop', new Set(['web-uid']))
    expect(unmanaged.of('shop')).toEqual([])
  })

  test('is not looked for where there is no revision', async () => {
    const { asked, client } = fakeCluster(replicaSet)
    const bare = pod({ metadata: { ownerReferences: [] } })
    expect(await ownerReader(client, rememberUnmanaged())(bare)).toBe('missing')
    expect(asked).toEqual([])
  })
})
