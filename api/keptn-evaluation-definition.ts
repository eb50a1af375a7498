import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'
import { duration, withDefault, type Read } from './schema.ts'

/** A metric and the bound that its value has to keep. */
export const objective = Type.Object({
  keptnMetricRef: Type.Object(
    {
      name: Type.String({ description: 'Name of the KeptnMetric.' }),
      namespace: Type.Optional(
        Type.String({ description: 'Its namespace, if it is not the one of the evaluation.' }),
      ),
    },
    { description: 'The metric to look at.' },
  ),
  evaluationTarget: Type.String({
    description: 'The bound that its value has to keep, such as `<4` or `>1.5`.',
  }),
})
export type Objective = Read<typeof objective>

/** How long and how often an evaluation is tried. */
export const evaluationTries = {
  retries: withDefault(
    Type.Integer({
      description: 'How often an evaluation is tried, in all, before it has failed.',
    }),
    10,
  ),
  retryInterval: withDefault(duration('How long to wait between two tries.'), '5s'),
}

/** Objectives that have to be met before or after a deployment. */
export const KeptnEvaluationDefinition = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnEvaluationDefinition',
  plural: 'keptnevaluationdefinitions',
  shortNames: ['ked'],
  description: 'Objectives that have to be met before or after a deployment.',
  spec: Type.Object({
    objectives: Type.Array(objective, { description: 'All of these have to be met.' }),
    ...evaluationTries,
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnEvaluationDefinition = ResourceOf<typeof KeptnEvaluationDefinition>
