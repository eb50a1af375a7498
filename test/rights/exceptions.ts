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
      'The admission plugin OwnerReferencesPermissionEnforcement asks for it inside the API server, whose log does not say so',
  },
]

/** Requests that our accounts may make in vain. */
export const expectedRefusals: readonly Exception[] = []
