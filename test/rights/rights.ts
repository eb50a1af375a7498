/**
 * What the chart lets our service accounts do, one verb on one resource at a time.
 *
 * @module
 */
import { systemNamespace } from '../../deploy/chart.ts'
import type { Manifest } from '../../deploy/manifests.ts'

/** One thing that an account may do. */
export interface Right {
  /** Name of the service account in our namespace. */
  readonly account: string
  readonly verb: string
  readonly group: string
  /** Plural, with the subresource: `pods/status`. */
  readonly resource: string
  /** The only namespace; missing for a right in all of them, and to what is in none. */
  readonly namespace?: string
  /** The only object; missing for a right to all. */
  readonly name?: string
}

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

interface RoleRef {
  readonly kind: string
  readonly name: string
}

interface Subject {
  readonly kind: string
  readonly name: string
  readonly namespace?: string
}

/** Roles that every API server comes with, and that the chart binds: it can't give less of them. */
const comeWithKubernetes: readonly Manifest[] = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'system:auth-delegator' },
    rules: [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      {
        apiGroups: ['authorization.k8s.io'],
        resources: ['subjectaccessreviews'],
        verbs: ['create'],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { namespace: 'kube-system', name: 'extension-apiserver-authentication-reader' },
    rules: [
      {
        apiGroups: [''],
        resources: ['configmaps'],
        resourceNames: ['extension-apiserver-authentication'],
        verbs: ['get', 'list', 'watch'],
      },
    ],
  },
]

/** What these have is for Kubernetes to say, and is other in each version: a kube-scheduler is not ours. */
const notOurs: readonly string[] = ['system:kube-scheduler', 'system:volume-scheduler']

const product = <T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] =>
  lists.reduce<readonly (readonly T[])[]>(
    (rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  )

type What = Omit<Right, 'account' | 'namespace'>

const expand = ({ apiGroups = [], resources = [], resourceNames, verbs }: Rule): readonly What[] =>
  product<string | undefined>([apiGroups, resources, resourceNames ?? [undefined], verbs]).map(
    ([group = '', resource = '', name, verb = '']) => ({
      ...{ verb, group, resource },
      ...(name === undefined ? {} : { name }),
    }),
  )

/** A right as the chart's authors and readers say it. */
export const sayRight = ({ account, verb, group, resource, namespace, name }: Right): string =>
  [
    `"${account}" may ${verb} ${resource}${group === '' ? '' : `.${group}`}`,
    ...(name === undefined ? [] : [`"${name}"`]),
    ...(namespace === undefined ? [] : [`in namespace "${namespace}"`]),
  ].join(' ')

/** The rights that the chart's bindings give our accounts; one that is given twice is there twice. */
export const rightsOf = (chart: readonly Manifest[]): readonly Right[] => {
  const roles = [...chart, ...comeWithKubernetes]
  return chart.flatMap((binding) => {
    const { kind, metadata } = binding
    if (kind !== 'ClusterRoleBinding' && kind !== 'RoleBinding') return []
    const { namespace } = metadata
    const roleRef = binding['roleRef'] as RoleRef
    if (notOurs.includes(roleRef.name)) return []
    const role = roles.find(
      (candidate) =>
        candidate.kind === roleRef.kind &&
        candidate.metadata.name === roleRef.name &&
        (roleRef.kind === 'ClusterRole' || candidate.metadata.namespace === namespace),
    )
    if (role === undefined) {
      throw new Error(
        `Cannot tell what ${kind} "${metadata.name}" gives: nobody knows ${roleRef.kind} "${roleRef.name}"`,
      )
    }
    const accounts = (binding['subjects'] as readonly Subject[]).filter(
      (subject) => subject.kind === 'ServiceAccount' && subject.namespace === systemNamespace,
    )
    return accounts.flatMap(({ name: account }) =>
      ((role['rules'] ?? []) as readonly Rule[]).flatMap(expand).map((what) => ({
        account,
        ...what,
        ...(kind === 'RoleBinding' && namespace !== undefined ? { namespace } : {}),
      })),
    )
  })
}
