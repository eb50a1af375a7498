import { describe, expect, test } from '@jest/globals'
import fc from '../../fast-check.ts'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { buildWebhook } from '../../../webhook/app.ts'
import { podOf, reviewOf, unknownCluster, webhook } from './reviews.ts'

const post = (app: ReturnType<typeof webhook>, payload: string | Buffer, url = '/mutate-v1-pod') =>
  app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json' }, payload })

describe('what is no question', () => {
  const review = reviewOf(podOf())
  test.each([
    ['nothing', ''],
    ['no JSON', '{"apiVersion":'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '5'],
    ['an empty object', '{}'],
    ['another kind', JSON.stringify({ ...review, kind: 'ConversionReview' })],
    ['another version', JSON.stringify({ ...review, apiVersion: 'admission.k8s.io/v1beta1' })],
    ['no request', JSON.stringify({ ...review, request: undefined })],
    ['no UID', JSON.stringify(reviewOf(podOf(), { uid: '' }))],
    ['a UID that is no text', JSON.stringify(reviewOf(podOf(), { uid: 5 }))],
    ['an object that is none', JSON.stringify(reviewOf('pod'))],
    ['an object without metadata', JSON.stringify(reviewOf({ spec: {} }))],
    ['a pod without a spec', JSON.stringify(reviewOf({ ...podOf(), spec: null }))],
    ['labels that are a list', JSON.stringify(reviewOf(podOf({ labels: [] })))],
    ['annotations that are text', JSON.stringify(reviewOf(podOf({ annotations: 'a' })))],
    ['owners that are a map', JSON.stringify(reviewOf(podOf({ ownerReferences: {} })))],
    ['an owner that is null', JSON.stringify(reviewOf(podOf({ ownerReferences: [null] })))],
    ['gates that are text', JSON.stringify(reviewOf(podOf({}, { schedulingGates: 'a' })))],
    ['a gate without a name', JSON.stringify(reviewOf(podOf({}, { schedulingGates: [{}] })))],
  ])('%s is answered with 400', async (_, body) => {
    for (const url of ['/mutate-v1-pod', '/mutate-v1-namespace']) {
      expect((await post(webhook(), body, url)).statusCode).toBe(400)
    }
  })

  test('another content type is not read', async () => {
    const answer = await webhook().inject({
      method: 'POST',
      url: '/mutate-v1-pod',
      headers: { 'content-type': 'text/plain' },
      payload: JSON.stringify(review),
    })
    expect(answer.statusCode).toBe(415)
  })

  test('a body above 8 MiB is not read, one of 7 MiB is', async () => {
    const sized = (bytes: number) =>
      JSON.stringify(reviewOf(podOf({}, { filler: 'x'.repeat(bytes) })))
    expect((await post(webhook(), sized(7 * 1024 * 1024))).statusCode).toBe(200)
    expect((await post(webhook(), sized(8 * 1024 * 1024))).statusCode).toBe(413)
  })

  test('deep nesting and the name of the prototype do no harm', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`
    const text = JSON.stringify(reviewOf(podOf({}, { deep: 0 }))).replace(
      '"deep":0',
      `"deep":${deep}`,
    )
    expect((await post(webhook(), text)).statusCode).toBe(200)
    const proto = JSON.stringify(review).replace('"labels":{', '"labels":{"__proto__":{"x":1},')
    expect((await post(webhook(), proto)).statusCode).toBe(200)
  })

  test('garbage never ends in anything but an answer or a refusal to read', async () => {
    const app = webhook()
    const strange = fc.oneof(
      fc.json(),
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    )
    const bent = fc
      .tuple(fc.constantFrom('metadata', 'spec', 'kind', 'status'), fc.jsonValue())
      .map(([member, value]) => JSON.stringify(reviewOf({ ...podOf(), [member]: value })))
    const bentMetadata = fc
      .dictionary(
        fc.constantFrom('labels', 'annotations', 'ownerReferences', 'name', 'deletionTimestamp'),
        fc.jsonValue(),
      )
      .map((metadata) => JSON.stringify(reviewOf(podOf(metadata))))
    await fc.assert(
      fc.asyncProperty(fc.oneof(strange, bent, bentMetadata), async (body) => {
        expect([200, 400]).toContain((await post(app, body)).statusCode)
        expect([200, 400]).toContain((await post(app, body, '/mutate-v1-namespace')).statusCode)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a failure of ours', () => {
  test('is answered with 500, and logged without the pod', async () => {
    const lines: string[] = []
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        lines.push(chunk.toString())
        done()
      },
    })
    const app = buildWebhook({
      cluster: {
        ...unknownCluster,
        released: () => {
          throw new Error('boom')
        },
      },
      log: pino({}, stream),
      settings: { namespace: 'keptn-system' },
    })
    const canary = podOf({ annotations: { 'keptn.sh/workload': 'canary-secret' } })
    const answer = await post(app, JSON.stringify(reviewOf(canary)))
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toContain('boom')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('boom')
    expect(lines[0]).not.toContain('canary-secret')
  })
})
