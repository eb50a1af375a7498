import { describe, expect, test } from '@jest/globals'
import { missingRights, surplusRights, type Compared } from '../../rights/compare.ts'
import type { Request } from '../../rights/requests.ts'
import type { Right } from '../../rights/rights.ts'

const right: Right = { account: 'operator', verb: 'patch', group: 'apps', resource: 'deployments' }
const request: Request = { ...right, namespace: 'shop', name: '', refused: false }

const compared = (
  rights: readonly Right[],
  requests: readonly Request[],
  exceptions: Partial<Compared> = {},
): Compared => ({
  rights,
  clusters: [
    { cluster: 'idle', requests: [] },
    { cluster: 'tasks', requests },
  ],
  unused: [],
  refused: [],
  ...exceptions,
})

const unused =
  '"operator" may patch deployments.apps, and no test makes it do so: take the right away, or let a test need it'

describe('a right', () => {
  test('is needed if it was used once on any cluster', () => {
    expect(surplusRights(compared([right], [request]))).toEqual([])
  })

  test.each<[string, Partial<Request>]>([
    ['account', { account: 'webhook' }],
    ['verb', { verb: 'get' }],
    ['group', { group: '' }],
    ['resource', { resource: 'deployments/status' }],
    ['answer', { refused: true }],
  ])('is not needed by a request with another %s', (_, changes) => {
    expect(surplusRights(compared([right], [{ ...request, ...changes }]))).toEqual([unused])
  })

  test('in one namespace is not used by a request in another', () => {
    const inShop = { ...right, namespace: 'shop' }
    expect(surplusRights(compared([inShop], [request]))).toEqual([])
    expect(surplusRights(compared([inShop], [{ ...request, namespace: 'other' }]))).toEqual([
      '"operator" may patch deployments.apps in namespace "shop", and no test makes it do so: take the right away, or let a test need it',
    ])
  })

  test('to one name is not used by a request for another', () => {
    const toWeb = { ...right, name: 'web' }
    expect(surplusRights(compared([toWeb], [{ ...request, name: 'web' }]))).toEqual([])
    expect(surplusRights(compared([toWeb], [{ ...request, name: 'api' }]))).toEqual([
      '"operator" may patch deployments.apps "web", and no test makes it do so: take the right away, or let a test need it',
    ])
  })

  test('everywhere is too much if our own namespace would do', () => {
    const own = { ...request, namespace: 'keptn-system', name: 'web' }
    expect(surplusRights(compared([right], [own]))).toEqual([
      '"operator" may patch deployments.apps everywhere, and does so in namespace "keptn-system" alone: give it by a Role there',
    ])
    expect(surplusRights(compared([right], [own, { ...request, namespace: '' }]))).toEqual([])
  })

  test('is given once', () => {
    expect(surplusRights(compared([right, { ...right }], [request]))).toEqual([
      '"operator" may patch deployments.apps, which the chart says twice',
    ])
  })

  test('may go unused for a reason, as long as it is given', () => {
    const exceptions = { unused: [{ group: 'apps', verbs: ['patch'], reason: 'never here' }] }
    expect(surplusRights(compared([right], [], exceptions))).toEqual([])
    const other = { ...right, verb: 'get' }
    expect(surplusRights(compared([other], [{ ...request, verb: 'get' }], exceptions))).toEqual([
      'The chart gives no right any more of which this is said: "never here"',
    ])
  })
})

describe('a request that was refused', () => {
  const refused = { ...request, refused: true }

  test('lacks a right', () => {
    expect(missingRights(compared([], [refused]))).toEqual([
      '"operator" wanted to patch deployments.apps in namespace "shop" on cluster "tasks" and may not: give it the right, or keep it from asking',
    ])
    const own = { ...refused, namespace: 'keptn-system', name: 'web' }
    expect(missingRights(compared([], [own]))).toEqual([
      '"operator" wanted to patch deployments.apps "web" in namespace "keptn-system" on cluster "tasks" and may not: give it the right, or keep it from asking',
    ])
  })

  test('lacks none if the same cluster has allowed the same at another time', () => {
    expect(missingRights(compared([], [request, refused]))).toEqual([])
    for (const change of [{ namespace: 'other' }, { name: 'web' }, { verb: 'get' }]) {
      expect(missingRights(compared([], [{ ...request, ...change }, refused]))).toHaveLength(1)
    }
    const elsewhere = { cluster: 'idle', requests: [request] }
    const clusters = [elsewhere, { cluster: 'tasks', requests: [refused] }]
    expect(missingRights(compared([], [], { clusters }))).toHaveLength(1)
  })

  test('may be so for a reason, on one cluster or on all', () => {
    const known = { account: 'operator', resources: ['deployments'], reason: 'it is leaving' }
    expect(missingRights(compared([], [refused], { refused: [known] }))).toEqual([])
    const on = (cluster: string): Compared =>
      compared([], [refused], { refused: [{ ...known, cluster }] })
    expect(missingRights(on('tasks'))).toEqual([])
    expect(missingRights(on('idle'))).toHaveLength(1)
    const webhook = { ...known, account: 'webhook' }
    expect(missingRights(compared([], [refused], { refused: [webhook] }))).toHaveLength(1)
  })
})
