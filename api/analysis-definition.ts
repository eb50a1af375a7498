import { Type } from 'typebox'
import { defineResource, type ResourceOf } from './resource.ts'
import { quantity, withDefault, withRules, type Read } from './schema.ts'

const fixed = (when: string) =>
  Type.Optional(
    Type.Object(
      { fixedValue: quantity('What the value is compared with.') },
      { description: `Met by a value that is ${when} it.` },
    ),
  )

const between = (when: string) =>
  Type.Optional(
    withRules(
      Type.Object(
        {
          lowBound: quantity('The lower bound, below the higher one.'),
          highBound: quantity('The higher bound.'),
        },
        { description: `Met by a value that is ${when}.` },
      ),
      [
        {
          rule: 'quantity(string(self.lowBound)).isLessThan(quantity(string(self.highBound)))',
          message: 'set lowBound to a number below highBound',
        },
      ],
    ),
  )

/** What a criterion may be, one at a time. */
export const operatorNames = [
  'lessThan',
  'lessThanOrEqual',
  'greaterThan',
  'greaterThanOrEqual',
  'equalTo',
  'inRange',
  'notInRange',
] as const

const operators = Type.Object({
  lessThan: fixed('less than'),
  lessThanOrEqual: fixed('less than or equal to'),
  greaterThan: fixed('greater than'),
  greaterThanOrEqual: fixed('greater than or equal to'),
  equalTo: fixed('equal to'),
  inRange: between('between the bounds, or one of them'),
  notInRange: between('below the lower bound or above the higher one'),
} satisfies Record<(typeof operatorNames)[number], unknown>)
/** When a criterion is met: one of the operators, with what the value is compared with. */
export type Operator = Read<typeof operators>

const operator = (description: string) =>
  Type.Optional(
    withRules(Type.With(operators, { description }), [
      {
        rule: `[${operatorNames.map((name) => `has(self.${name})`).join(', ')}].exists_one(isSet, isSet)`,
        message: `set exactly one of ${operatorNames.slice(0, -1).join(', ')} and ${operatorNames.at(-1) ?? ''}`,
      },
    ]),
  )

/** The name of an AnalysisValueTemplate, and its namespace. */
export const templateReference = Type.Object(
  {
    name: Type.String({ description: 'Name of the AnalysisValueTemplate.' }),
    namespace: Type.Optional(
      Type.String({
        description: 'Its namespace, if it is not the one of the AnalysisDefinition.',
      }),
    ),
  },
  { description: 'The query whose value is looked at.' },
)
export type TemplateReference = Read<typeof templateReference>

/** The largest weight: as many as a definition may have of these are still counted to the last one. */
export const mostWeight = 1_000_000_000
/** How many objectives a definition may have. */
export const mostObjectives = 500

const objective = Type.Object({
  analysisValueTemplateRef: templateReference,
  target: Type.Optional(
    Type.Object(
      {
        failure: operator('When the objective fails. It then earns nothing.'),
        warning: operator(
          'When the objective is a warning, if it does not fail. It then earns half of its weight.',
        ),
      },
      {
        description:
          'What the value must not be. Without a target the objective always passes, and earns its weight: give it weight 0 if it is there to be looked at.',
      },
    ),
  ),
  weight: withDefault(
    Type.Integer({
      minimum: 0,
      maximum: mostWeight,
      description: 'What the objective earns when it passes.',
    }),
    1,
  ),
  keyObjective: withDefault(
    Type.Boolean({ description: 'Whether the analysis fails if this objective earns nothing.' }),
    false,
  ),
})
/** One value, what it must not be, and what it counts for. */
export type AnalysisObjective = Read<typeof objective>

const percentage = (description: string) => Type.Integer({ minimum: 0, maximum: 100, description })

/** What an analysis looks at, and what it takes to pass. */
export const AnalysisDefinition = defineResource({
  group: 'metrics.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  kind: 'AnalysisDefinition',
  plural: 'analysisdefinitions',
  description: 'What an analysis looks at, and what it takes to pass.',
  spec: Type.Object({
    objectives: Type.Optional(
      Type.Array(objective, {
        maxItems: mostObjectives,
        description: 'What to look at, in this order.',
      }),
    ),
    totalScore: withRules(
      Type.Object(
        {
          passPercentage: percentage(
            'How much of what could be earned has to be earned for a pass.',
          ),
          warningPercentage: percentage(
            'How much of it has to be earned for a warning, where it is not enough for a pass.',
          ),
        },
        { description: 'What it takes to pass.' },
      ),
      [
        {
          rule: 'self.warningPercentage < self.passPercentage',
          message: 'set warningPercentage to a number below passPercentage',
          fieldPath: '.warningPercentage',
        },
      ],
    ),
  }),
  status: Type.String({ description: 'Not used.' }),
})
export type AnalysisDefinition = ResourceOf<typeof AnalysisDefinition>
