/** What a DaemonSet wants: the newest of its ControllerRevisions, asked for once a generation. */
import { expect, test } from '@jest/globals'
import type { ControllerRevision, DaemonSet } from '../../../api/kubernetes.ts'
import type { Client } from '../../../kube/client.ts'
import { wantedByDaemonSets } from '../../../lifecycle/revision/daemon-sets.ts'
import { metadata } from './objects.ts'

const daemonSet = (generation: number, observedGeneration: number): DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: metadata('agent', { generation }),
  spec: { template: { spec: { containers: [] } } },
  status: { observedGeneration },
})

const controllerRevision = (
  hash: string,
  revision: number,
  owner = 'agent',
): ControllerRevision => ({
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  metadata: metadata(`${owner}-${hash}`, {
    labels: { 'controller-revision-hash': hash },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        name: owner,
        uid: `uid-${owner}`,
        controller: true,
      },
    ],
  }),
  revision,
})

const clientWith = (...answers: readonly (readonly ControllerRevision[])[]) => {
  const left = [...answers]
  const list = () => Promise.resolve({ items: left.shift() ?? [], resourceVersion: '1' })
  return { left, client: { list } as unknown as Pick<Client, 'list'> }
}

test('the newest revision of the DaemonSet itself is wanted', async () => {
  const { client } = clientWith([
    controllerRevision('a', 3),
    controllerRevision('b', 2),
    controllerRevision('c', 9, 'other'),
  ])
  const wanted = await wantedByDaemonSets(client)(daemonSet(3, 3))
  expect(wanted).toContain('uid-agent/a')
  expect(wanted).not.toContain('uid-agent/b')
})

test('it is asked for once a generation', async () => {
  const { client, left } = clientWith([controllerRevision('a', 1)], [controllerRevision('b', 2)])
  const wantedBy = wantedByDaemonSets(client)
  expect(await wantedBy(daemonSet(1, 1))).toContain('uid-agent/a')
  expect(await wantedBy(daemonSet(1, 1))).toContain('uid-agent/a')
  expect(left).toHaveLength(1)
  expect(await wantedBy(daemonSet(2, 2))).toContain('uid-agent/b')
})

test('nothing is known while it has not seen to its template', async () => {
  const { client, left } = clientWith([controllerRevision('a', 1)])
  expect(await wantedByDaemonSets(client)(daemonSet(2, 1))).toBeUndefined()
  expect(left).toHaveLength(1)
})
