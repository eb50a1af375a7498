import { describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { ownerReader } from '../../../webhook/cluster.ts'
import { parseReview } from '../../../webhook/review.ts'
import { ApiError } from '../../../kube/errors.ts'
import type { Client } from '../../../kube/client.ts'
import { podOf, replicaSet, reviewOf } from './reviews.ts'

const template = { spec: { containers: [{ name: 'web', image: 'web:1' }] } }
const controlledBy = (apiVersion: string, kind: string, uid: string) => ({
  ownerReferences: [{ apiVersion, kind, name: 'web', uid, controller: true }],
})
const object = (uid: string, metadata: object = {}, spec: object = { template }) => ({
  metadata: { uid, ...metadata },
  spec,
})

/** A cluster that holds these objects by kind and name, and counts how often it was asked. */
const holding = (objects: Readonly<Record<string, unknown>>) => {
  const asked: string[] = []
  const client = {
    get: (type: { kind: string }, at: { namespace?: string; name: string }) => {
      asked.push(`${type.kind}/${at.name}`)
      const found = objects[`${type.kind}/${at.name}`]
      return found instanceof Error ? Promise.reject(found) : Promise.resolve(found)
    },
  } as unknown as Pick<Client, 'get'>
  const ownerOf = ownerReader({ client, log: pino({ level: 'silent' }), timeoutMs: 500 })
  return { asked, ownerOf }
}
const question = (reference: object = replicaSet, labels: Record<string, string> = {}) =>
  parseReview(reviewOf(podOf({ ownerReferences: [reference], labels })))

const webMeta = { annotations: { 'keptn.sh/workload': 'web' } }
const rs = (above: object = controlledBy('apps/v1', 'Deployment', 'd-uid')) =>
  object('rs-uid', above)

describe('the owner of a pod', () => {
  test.each([
    [
      'is the Deployment above its ReplicaSet',
      { 'ReplicaSet/web-5d4': rs(), 'Deployment/web': object('d-uid', webMeta, {}) },
    ],
    [
      'is the Rollout above its ReplicaSet',
      {
        'ReplicaSet/web-5d4': rs(controlledBy('argoproj.io/v1alpha1', 'Rollout', 'r-uid')),
        'Rollout/web': object('r-uid', webMeta, {}),
      },
    ],
    ['is a ReplicaSet that nobody controls', { 'ReplicaSet/web-5d4': rs(webMeta) }],
    [
      'is a ReplicaSet whose controller is of a kind that we do not know',
      {
        'ReplicaSet/web-5d4': rs({
          ...webMeta,
          ...controlledBy('example.org/v1', 'Deployment', 'x'),
        }),
      },
    ],
  ])('%s', async (_, objects) => {
    const { ownerOf } = holding(objects)
    expect(await ownerOf(question())).toMatchObject({ metadata: webMeta, template })
  })

  test.each(['StatefulSet', 'DaemonSet'])('is its %s', async (kind) => {
    const { ownerOf, asked } = holding({ [`${kind}/web-5d4`]: object('rs-uid', webMeta) })
    const owner = await ownerOf(question({ ...replicaSet, kind }))
    expect(owner).toMatchObject({ metadata: webMeta, template })
    expect(asked).toEqual([`${kind}/web-5d4`])
  })

  test.each([
    ['is gone', {}],
    ['is another object of that name', { 'ReplicaSet/web-5d4': object('another', webMeta) }],
    ['is below a Deployment that is gone', { 'ReplicaSet/web-5d4': rs() }],
    [
      'is below another Deployment of that name',
      { 'ReplicaSet/web-5d4': rs(), 'Deployment/web': object('another', webMeta) },
    ],
    ['has no template', { 'ReplicaSet/web-5d4': object('rs-uid', webMeta, {}) }],
    [
      'is refused to us',
      {
        'ReplicaSet/web-5d4': new ApiError('no', { status: 403, reason: 'Forbidden' }),
      },
    ],
  ])('can not be told where it %s', async (_, objects) => {
    expect(await holding(objects).ownerOf(question())).toBeUndefined()
  })

  test('is read once for pods of one revision that come together, and again later', async () => {
    const { ownerOf, asked } = holding({ 'StatefulSet/web-5d4': object('rs-uid', webMeta) })
    const sts = { ...replicaSet, kind: 'StatefulSet' }
    const ask = (hash: string) => ownerOf(question(sts, { 'controller-revision-hash': hash }))
    await Promise.all([ask('1'), ask('1'), ask('2')])
    expect(asked).toHaveLength(2)
    await ask('1')
    expect(asked).toHaveLength(3)
  })
})
