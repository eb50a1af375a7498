import { Type } from 'typebox'
import { secretKeyRef } from './keptn-metrics-provider.ts'
import { defineResource, type ResourceOf } from './resource.ts'

/** A source of metrics, as the first versions of Keptn knew it. Nothing reads one. */
export const KeptnEvaluationProvider = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1alpha3'],
  storage: 'v1alpha3',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnEvaluationProvider',
  plural: 'keptnevaluationproviders',
  shortNames: ['kep'],
  description:
    'A source of metrics, as the first versions of Keptn knew it. Nothing uses one any more: it is served so that old ones can be read. Write a KeptnMetricsProvider and a KeptnMetric instead.',
  spec: Type.Object({
    targetServer: Type.String({ description: 'Its URL, with scheme and port.' }),
    secretKeyRef: Type.Optional(secretKeyRef),
    secretName: Type.Optional(
      Type.String({
        description: 'Name of a Secret to log in with, where the oldest ones say so.',
      }),
    ),
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnEvaluationProvider = ResourceOf<typeof KeptnEvaluationProvider>
