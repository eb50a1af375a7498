import { expect, test } from '@jest/globals'
import { selects } from '../../../kube/selector.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: 'shop',
    name: 'x',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'shop', 'keptn.sh/gated': 'true' },
  },
  spec: { hostNetwork: true },
}

const cases: readonly (readonly [string, boolean])[] = [
  ['app', true],
  ['!app', false],
  ['tier', false],
  ['!tier', true],
  ['app=shop', true],
  ['app==shop,keptn.sh/gated=true', true],
  ['app=shop,tier=web', false],
  ['app!=shop', false],
  ['tier!=web', true],
  ['app in (cart, shop),!tier', true],
  ['app in (cart)', false],
  ['app notin (cart,shop)', false],
  ['tier notin (web)', true],
]

test.each(cases)('label selector "%s": %s', (labelSelector, expected) => {
  expect(selects({ labelSelector })(pod)).toBe(expected)
})

const fields: readonly (readonly [string, boolean])[] = [
  ['metadata.name=x', true],
  ['metadata.name=y', false],
  ['spec.nodeName=', true],
  ['spec.nodeName!=', false],
  ['spec.hostNetwork=true,metadata.namespace==shop', true],
]

test.each(fields)('field selector "%s": %s', (fieldSelector, expected) => {
  expect(selects({ fieldSelector })(pod)).toBe(expected)
})

test('a namespace selects its own', () => {
  expect(selects({ namespace: 'shop' })(pod)).toBe(true)
  expect(selects({ namespace: 'other' })(pod)).toBe(false)
})

test('what cannot be read is not taken for something else', () => {
  expect(() => selects({ labelSelector: 'app in shop' })).toThrow('Cannot read label selector')
})
