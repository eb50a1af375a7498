import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'

/** Asks for a KeptnApp of all the workloads that name it. */
export const KeptnAppCreationRequest = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  kind: 'KeptnAppCreationRequest',
  plural: 'keptnappcreationrequests',
  description:
    'Asks for a KeptnApp of all the workloads that name it. Nobody has to write one: apps are made without it.',
  spec: Type.Object({
    appName: Type.String({ description: 'Name of the KeptnApp to make.' }),
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnAppCreationRequest = ResourceOf<typeof KeptnAppCreationRequest>
