/**
 * Rights that no test uses although they are needed, and requests that are refused although nothing is wrong.
 *
 * @module
 */
import type { Exception } from './compare.ts'

/** Rights for situations that the clusters of the tests are not in. */
export const unusedRights: readonly Exception[] = [
  {
    group: 'argoproj.io',
    reason: 'Argo Rollouts is not installed; test/nightly/rollouts.test.ts has it',
  },
  {
    account: 'lifecycle-operator',
    verbs: ['update'],
    group: 'lifecycle.keptn.sh',
    resources: [
      'keptnapps/finalizers',
      'keptnappversions/finalizers',
      'keptnworkloads/finalizers',
      'keptnworkloadversions/finalizers',
      'keptntasks/finalizers',
      'keptntaskdefinitions/finalizers',
    ],
    reason:
      'The admission plugin OwnerReferencesPermissionEnforcement asks for it inside the API server, whose log does not say so; test/e2e/holding.test.ts has it',
  },
  {
    verbs: ['get'],
    group: 'lifecycle.keptn.sh',
    resources: [
      'keptnapps',
      'keptnappversions',
      'keptnworkloads',
      'keptnworkloadversions',
      'keptnevaluations',
      'keptntaskdefinitions',
      'keptnappcreationrequests',
    ],
    reason:
      'An object is read when a write met a conflict: mostly while controllers are killed, and none of them for certain',
  },
  {
    account: 'lifecycle-operator',
    verbs: ['get'],
    group: 'options.keptn.sh',
    resources: ['keptnconfigs'],
    reason: 'It is read when the write of its status met a conflict, which nothing makes happen',
  },
  {
    account: 'metrics-operator',
    verbs: ['get'],
    group: 'metrics.keptn.sh',
    resources: ['keptnmetrics', 'analyses'],
    reason:
      'They are read when the write of their status met a conflict, which nothing makes happen',
  },
  {
    account: 'metrics-operator',
    verbs: ['get'],
    group: '',
    resources: ['configmaps'],
    reason:
      'The Role extension-apiserver-authentication-reader comes with Kubernetes as it is; of its verbs we use two',
  },
  {
    account: 'keptn-scheduler',
    group: '',
    resources: ['configmaps'],
    reason:
      'A kube-scheduler reads it where it runs in a pod, to know who asks for its figures; that of the tests runs beside the cluster',
  },
]

/** Clusters from which a test takes us away. */
const left: readonly string[] = ['leaving', 'seeds']

/** Requests that our accounts may make in vain. */
export const expectedRefusals: readonly Exception[] = [
  {
    account: 'lifecycle-operator',
    cluster: 'upgrade',
    reason:
      'An upgrade takes away the rights to certificates and installs afresh; the pods of before need a moment to end',
  },
  ...left.flatMap((cluster) =>
    ['lifecycle-operator', 'lifecycle-webhook', 'metrics-operator'].map((account) => ({
      account,
      cluster,
      reason:
        'Its rights are deleted with the chart or with our namespace, and its pods need a moment to end',
    })),
  ),
]
