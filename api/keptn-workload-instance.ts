import { Type } from 'typebox'
import { checkLists, traceId } from './checks.ts'
import { resourceReference } from './keptn-workload.ts'
import { phaseColumns, phaseStatus, previousVersion } from './keptn-workload-version.ts'
import { defineResource, type ResourceOf } from './resource.ts'

/** What a KeptnWorkloadVersion was called before. Nothing reads one. */
export const KeptnWorkloadInstance = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1alpha3'],
  storage: 'v1alpha3',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnWorkloadInstance',
  plural: 'keptnworkloadinstances',
  shortNames: ['kwi'],
  description:
    'What a KeptnWorkloadVersion was called before. Nothing uses one any more: it is served so that old ones can be read, and deleted.',
  columns: phaseColumns,
  spec: Type.Object({
    app: Type.String({ description: 'Name of the app that the workload belongs to.' }),
    version: Type.String({ description: 'Version of the workload.' }),
    resourceReference,
    ...checkLists,
    workloadName: Type.String({ description: 'Name of the KeptnWorkload.' }),
    previousVersion,
    traceId,
  }),
  status: Type.Object(phaseStatus),
})
export type KeptnWorkloadInstance = ResourceOf<typeof KeptnWorkloadInstance>
