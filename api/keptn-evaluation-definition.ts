import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'
import { duration, withDefault, type Read, type Rule } from './schema.ts'

// Written without backslashes, so that CEL and JavaScript read the same.
const exponent = '([eE][+-]?[0-9]+)?'
const number = `[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)${exponent}`
// An end of a range has digits around its dot: `1..2` must not be read in two ways.
const end = `[+-]?[0-9]+([.][0-9]+)?${exponent}`
const bound = `(<=?|>=?|==?|!=) *${number}`

/** The form of a target: what does not match it can't be understood. */
export const targetForm = `^ *(${bound}( +${bound})?|${end} *[.][.] *${end}) *$`

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
    maxLength: 200,
    description:
      'What its value has to keep to: one of `<` `<=` `>` `>=` `=` `!=` and a number (`<4`), two of these that both hold (`>=10 <20`), or a range with both its ends (`10..20`). Blanks may stand between.',
    'x-kubernetes-validations': [
      {
        rule: `self.matches('${targetForm}')`,
        message:
          'write one of < <= > >= = != and a number, two of these, or a range, such as <4, >=10 <20 or 10..20',
      },
    ] satisfies Rule[],
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
    // Without a limit the API server can't tell what the rule about targets costs.
    objectives: Type.Array(objective, {
      maxItems: 1000,
      description: 'All of these have to be met.',
    }),
    ...evaluationTries,
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type KeptnEvaluationDefinition = ResourceOf<typeof KeptnEvaluationDefinition>
