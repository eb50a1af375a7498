import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'

/** A query with places that each Analysis fills in. */
export const AnalysisValueTemplate = defineResource({
  group: 'metrics.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  kind: 'AnalysisValueTemplate',
  plural: 'analysisvaluetemplates',
  description: 'A query with places that each Analysis fills in.',
  columns: [{ name: 'Provider', jsonPath: '.spec.provider.name' }],
  spec: Type.Object({
    provider: Type.Object(
      {
        name: Type.String({ description: 'Name of the KeptnMetricsProvider.' }),
        namespace: Type.Optional(
          Type.String({
            description: 'Its namespace, if it is not the one of the AnalysisDefinition.',
          }),
        ),
      },
      { description: 'Whom to ask.' },
    ),
    query: Type.String({
      description:
        'What to ask, in the provider\'s own language. `{{.name}}` stands for the argument of that name, `{{index . "my-name"}}` for one whose name has more than letters, digits and `_`.',
    }),
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type AnalysisValueTemplate = ResourceOf<typeof AnalysisValueTemplate>
