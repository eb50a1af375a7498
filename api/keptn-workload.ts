import { Type } from 'typebox'
import { checkLists, freeMetadata } from './checks.ts'
import { conditions } from './condition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { unchangeable } from './schema.ts'

/** The owner of a workload's pods. */
export const resourceReference = Type.Object(
  {
    uid: Type.String({ description: 'UID of the owner.' }),
    kind: Type.String({ description: 'Kind of the owner.' }),
    name: Type.String({ description: 'Name of the owner.' }),
  },
  { description: 'The object that owns the pods: a ReplicaSet, StatefulSet or DaemonSet.' },
)

/** What a KeptnWorkload says of its workload; a KeptnWorkloadVersion repeats all of it. */
export const workloadSpec = {
  app: unchangeable(
    'Name of the app that the workload belongs to.',
    'cannot be changed: name the other app on the pods, and a workload of that app is made',
  ),
  version: Type.String({ description: 'Version of the workload.' }),
  resourceReference,
  revision: Type.Optional(
    Type.String({
      description:
        'Key of the current revision: the UID of the owner, or `<UID>/<controller-revision-hash>` where an owner outlives its versions.',
    }),
  ),
  ...checkLists,
  metadata: freeMetadata,
}

/** A workload, at the version that it has now. */
export const KeptnWorkload = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnWorkload',
  plural: 'keptnworkloads',
  description: 'A workload, at the version that it has now. Made by the controller.',
  columns: [
    { name: 'AppName', jsonPath: '.spec.app' },
    { name: 'Version', jsonPath: '.spec.version' },
  ],
  spec: Type.Object(workloadSpec),
  status: Type.Object({
    currentVersion: Type.Optional(
      Type.String({ description: 'The last version for which a KeptnWorkloadVersion was made.' }),
    ),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnWorkload = ResourceOf<typeof KeptnWorkload>
