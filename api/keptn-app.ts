import { Type } from 'typebox'
import { checkLists, workloadReference } from './checks.ts'
import { conditions } from './condition.ts'
import { age, defineResource, type ResourceOf } from './resource.ts'
import { withDefault } from './schema.ts'

/** Some workloads that are deployed and checked together. */
export const KeptnApp = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnApp',
  plural: 'keptnapps',
  description:
    'Some workloads that are deployed and checked together, at the versions they should have.',
  columns: [
    age,
    { name: 'Version', jsonPath: '.spec.version', wide: true },
    { name: 'Revision', jsonPath: '.spec.revision', wide: true },
    { name: 'CurrentVersion', jsonPath: '.status.currentVersion', wide: true },
  ],
  spec: Type.Object({
    version: Type.String({ description: 'Version of the app.' }),
    revision: withDefault(
      Type.Integer({ description: 'Raise it to go through the same version once more.' }),
      1,
    ),
    workloads: Type.Optional(
      Type.Array(workloadReference, { description: 'The workloads of this version.' }),
    ),
    ...checkLists,
  }),
  status: Type.Object({
    currentVersion: Type.Optional(
      Type.String({ description: 'The last version for which a KeptnAppVersion was made.' }),
    ),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnApp = ResourceOf<typeof KeptnApp>
