import { describe, expect, test } from '@jest/globals'
import { ask, patched, reviewOf, webhook } from './reviews.ts'

const optIn = 'keptn.sh/lifecycle-toolkit'
const path = '/metadata/labels/keptn.sh~1lifecycle-toolkit'
const namespaceOf = (metadata: Readonly<Record<string, unknown>>, name = 'shop') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, ...metadata },
})
const question = (object: unknown, request: Readonly<Record<string, unknown>> = {}) =>
  reviewOf(object, { kind: { group: '', version: 'v1', kind: 'Namespace' }, ...request })
const askAbout = (review: unknown) => ask(webhook(), review, '/mutate-v1-namespace')

const enabled = { [optIn]: 'enabled' }
const disabled = { [optIn]: 'disabled' }

describe('the opt-in label of a namespace', () => {
  test.each([
    [
      'is set from the annotation',
      { annotations: enabled, labels: { a: 'b' } },
      [{ op: 'add', path, value: 'enabled' }],
    ],
    [
      'is set where there are no labels',
      { annotations: enabled },
      [{ op: 'add', path: '/metadata/labels', value: enabled }],
    ],
    [
      'with another value gives way to the annotation',
      { annotations: enabled, labels: disabled },
      [{ op: 'add', path, value: 'enabled' }],
    ],
    [
      'goes where the annotation has another value',
      { annotations: disabled, labels: { ...enabled, a: 'b' } },
      [{ op: 'remove', path }],
    ],
    [
      'goes where the annotation is empty',
      { annotations: { [optIn]: '' }, labels: enabled },
      [{ op: 'remove', path }],
    ],
    ['stays where both say the same', { annotations: enabled, labels: enabled }, undefined],
    ['stays away where the annotation says no', { annotations: disabled }, undefined],
    ['opts in on its own', { labels: enabled }, undefined],
    ['is not there where nobody asked for it', {}, undefined],
  ])('%s', async (_, metadata, patch) => {
    for (const operation of ['CREATE', 'UPDATE']) {
      const namespace = namespaceOf(metadata)
      const response = await askAbout(question(namespace, { operation }))
      expect(response.patch).toEqual(patch)
      const again = await askAbout(question(patched(namespace, response), { operation }))
      expect(again.patch).toBeUndefined()
    }
  })

  test.each(['kube-system', 'kube-public', 'kube-node-lease', 'keptn-system'])(
    'is never set on %s',
    async (name) => {
      const response = await askAbout(question(namespaceOf({ annotations: enabled }, name)))
      expect(response).toEqual({ uid: 'review-uid', allowed: true })
    },
  )

  test.each([
    ['deletion', { operation: 'DELETE' }],
    ['a subresource', { operation: 'UPDATE', subResource: 'finalize' }],
    ['another kind', { kind: { kind: 'Node' } }],
  ])('is not looked at: %s', async (_, request) => {
    const response = await askAbout(question(namespaceOf({ annotations: enabled }), request))
    expect(response.patch).toBeUndefined()
  })
})
