import { describe, expect, test } from '@jest/globals'
import type { Manifest } from '../../../deploy/manifests.ts'
import { rightsOf, sayRight } from '../../rights/rights.ts'

const apiVersion = 'rbac.authorization.k8s.io/v1'
const subjects = [{ kind: 'ServiceAccount', name: 'operator', namespace: 'keptn-system' }]

const clusterRole: Manifest = {
  ...{ apiVersion, kind: 'ClusterRole', metadata: { name: 'wide' } },
  rules: [
    { apiGroups: ['apps', ''], resources: ['replicasets', 'pods'], verbs: ['get', 'list'] },
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['a', 'b'], verbs: ['get'] },
  ],
}
const bindingTo = (kind: string, name: string, changes: Partial<Manifest> = {}): Manifest => ({
  ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: { name: 'binding' } },
  ...{ roleRef: { kind, name }, subjects },
  ...changes,
})
const inShop = { kind: 'RoleBinding', metadata: { name: 'binding', namespace: 'shop' } }

const said = (...chart: readonly Manifest[]): readonly string[] => rightsOf(chart).map(sayRight)

describe('the rights that a chart gives', () => {
  test('are one verb on one resource, and one name if there are names', () => {
    expect(said(clusterRole, bindingTo('ClusterRole', 'wide'))).toEqual([
      '"operator" may get replicasets.apps',
      '"operator" may list replicasets.apps',
      '"operator" may get pods.apps',
      '"operator" may list pods.apps',
      '"operator" may get replicasets',
      '"operator" may list replicasets',
      '"operator" may get pods',
      '"operator" may list pods',
      '"operator" may get secrets "a"',
      '"operator" may get secrets "b"',
    ])
  })

  test('are of one namespace where a RoleBinding gives them', () => {
    const role = { ...clusterRole, kind: 'Role', metadata: { name: 'narrow', namespace: 'shop' } }
    const expected = said(clusterRole, bindingTo('ClusterRole', 'wide')).map(
      (right) => `${right} in namespace "shop"`,
    )
    expect(said(clusterRole, bindingTo('ClusterRole', 'wide', inShop))).toEqual(expected)
    expect(said(role, bindingTo('Role', 'narrow', inShop))).toEqual(expected)
  })

  test('are none to a role that nobody is bound to, or somebody else', () => {
    const people = { subjects: [{ kind: 'Group', name: 'developers' }] }
    expect(said(clusterRole, bindingTo('ClusterRole', 'wide', people))).toEqual([])
  })

  test('are those of roles that Kubernetes comes with, too', () => {
    expect(said(bindingTo('ClusterRole', 'system:auth-delegator'))).toEqual([
      '"operator" may create tokenreviews.authentication.k8s.io',
      '"operator" may create subjectaccessreviews.authorization.k8s.io',
    ])
  })

  test('can not be told where the role is unknown', () => {
    expect(() => said(bindingTo('ClusterRole', 'cluster-admin'))).toThrow(
      'Cannot tell what ClusterRoleBinding "binding" gives: nobody knows ClusterRole "cluster-admin"',
    )
  })
})
