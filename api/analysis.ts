import { Type } from 'typebox'
import { templateReference } from './analysis-definition.ts'
import { conditions } from './condition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import {
  duration,
  mapOf,
  oneOf,
  stringMap,
  time,
  withDefault,
  withRules,
  type Read,
} from './schema.ts'

/** What can be said of an objective, or of a window. */
export const verdicts = ['pass', 'warning', 'fail', 'unknown'] as const
export type Verdict = (typeof verdicts)[number]

/** How far an analysis is. An empty text is Keptn's word for one that has not begun. */
export const analysisStates = ['', 'Pending', 'Progressing', 'Completed', 'Failed'] as const
export type AnalysisState = (typeof analysisStates)[number]

const timeframe = Type.Object(
  {
    from: Type.Optional(time('When the span of time begins.')),
    to: Type.Optional(time('When it ends.')),
    recent: Type.Optional(
      duration('How far the span of time reaches back from when the analysis begins.'),
    ),
  },
  { description: 'The span of time that the queries are about.' },
)

const isRecent = "(has(self.recent) && duration(self.recent) > duration('0s'))"
const endsAfterItBegins = {
  rule: '!has(self.from) || !has(self.to) || self.from < self.to',
  message: 'set to to an instant after from',
  fieldPath: '.to',
}

const window = withRules(
  Type.Object({
    name: Type.Optional(
      Type.String({ maxLength: 253, description: 'What people call it, such as a release.' }),
    ),
    from: time('When the window begins.'),
    to: time('When it ends.'),
    args: Type.Optional(
      stringMap('Arguments for this window. They take the place of those in `spec.args`.'),
    ),
  }),
  [{ ...endsAfterItBegins, rule: 'self.from < self.to' }],
)
/** A span of time in the past that a definition is tried on. */
export type AnalysisWindow = Read<typeof window>

const tries = {
  attempts: Type.Optional(Type.Integer({ description: 'How often it was asked for in vain.' })),
  lastAttemptTime: Type.Optional(time('When it was last asked for in vain.')),
}

const question = Type.Optional(
  Type.String({
    description:
      'Stands for the query that was asked and whom it was asked of, while the analysis goes on: after a change of either it is asked anew.',
  }),
)

const storedValue = Type.Object({
  objectiveReference: templateReference,
  query: Type.String({ description: 'The query, with its arguments.' }),
  value: Type.String({ description: 'The value; empty when there is none.' }),
  errMsg: Type.Optional(Type.String({ description: 'Why there is no value.' })),
  question,
  ...tries,
})
/** What is known of the value of an objective. */
export type StoredValue = Read<typeof storedValue>

const cell = Type.Object({
  name: Type.String({
    description:
      'Name of the AnalysisValueTemplate, as `namespace/name` if the objective names both.',
  }),
  verdict: Type.Optional(
    oneOf(verdicts, { description: 'What the value says. Missing while it is asked for.' }),
  ),
  value: Type.Optional(Type.String({ description: 'The value. Missing when there is none.' })),
  score: Type.Optional(Type.Number({ description: 'What the objective has earned.' })),
  message: Type.Optional(Type.String({ description: 'Why there is no value.' })),
  question,
  ...tries,
})
/** One objective in one window. */
export type Cell = Read<typeof cell>

const row = Type.Object({
  name: Type.Optional(Type.String({ description: 'What people call the window.' })),
  from: time('When the window begins.'),
  to: time('When it ends.'),
  verdict: Type.Optional(
    oneOf(verdicts, {
      description: 'What an analysis of this window would have said. Missing while it goes on.',
    }),
  ),
  score: Type.Optional(
    Type.Number({ description: 'How much of what could be earned was earned, in percent.' }),
  ),
  objectives: Type.Array(cell, { description: 'The objectives, in the order of the definition.' }),
})
/** One window of a backtest, and what became of it. */
export type WindowRow = Read<typeof row>

/** One look at the objectives of an AnalysisDefinition, over a span of time. */
export const Analysis = defineResource({
  group: 'metrics.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  kind: 'Analysis',
  plural: 'analyses',
  description:
    'One look at the objectives of an AnalysisDefinition, over a span of time or, as a backtest, over several in the past.',
  columns: [
    { name: 'AnalysisDefinition', jsonPath: '.spec.analysisDefinition.name' },
    { name: 'State', jsonPath: '.status.state' },
    { name: 'Warning', jsonPath: '.status.warning' },
    { name: 'Pass', jsonPath: '.status.pass' },
    { name: 'Windows', jsonPath: '.status.windowSummary' },
  ],
  spec: withRules(
    Type.Object({
      timeframe: Type.Optional(
        withRules(timeframe, [
          {
            rule: `!${isRecent} || (!has(self.from) && !has(self.to))`,
            message: 'set either recent, or from and to, and not both',
          },
          {
            rule: `${isRecent} || (has(self.from) && has(self.to))`,
            message: 'set recent to more than zero, or set both from and to',
          },
          endsAfterItBegins,
        ]),
      ),
      windows: Type.Optional(
        Type.Array(window, {
          minItems: 1,
          maxItems: 50,
          description:
            'Makes the analysis a backtest: the definition is tried on each of these windows, and `status.windows` has a row for each.',
        }),
      ),
      args: Type.Optional(stringMap('What the places in the queries are filled with.')),
      analysisDefinition: Type.Object(
        {
          name: Type.String({ description: 'Name of the AnalysisDefinition.' }),
          namespace: Type.Optional(
            Type.String({ description: 'Its namespace, if it is not the one of the analysis.' }),
          ),
        },
        { description: 'What to look at.' },
      ),
      retries: withDefault(
        Type.Integer({
          minimum: 0,
          maximum: 10,
          description:
            'How often a query is tried again that gave no value: after 10 seconds first, then after twice as long each time.',
        }),
        5,
      ),
      ttlSecondsAfterFinished: Type.Optional(
        Type.Integer({
          minimum: 0,
          description: 'How long after its end the analysis is deleted. Without it, it is kept.',
        }),
      ),
    }),
    [
      {
        rule: 'has(self.timeframe) != has(self.windows)',
        message: 'set timeframe, or set windows for a backtest, and not both',
      },
    ],
  ),
  status: Type.Object({
    timeframe: Type.Optional(
      Type.With(timeframe, { description: 'The span of time, once known.' }),
    ),
    state: Type.Optional(
      oneOf(analysisStates, {
        description:
          'How far the analysis is. `Failed`: there is no verdict, and `conditions` say why.',
      }),
    ),
    pass: Type.Optional(Type.Boolean({ description: 'Whether enough was earned for a pass.' })),
    warning: Type.Optional(
      Type.Boolean({ description: 'Whether enough was earned for a warning, and not for a pass.' }),
    ),
    raw: Type.Optional(
      Type.String({ description: 'Each objective with its value and score, as JSON.' }),
    ),
    storedValues: Type.Optional(
      mapOf(storedValue, {
        description: 'What is known of the values while the analysis goes on.',
      }),
    ),
    windows: Type.Optional(
      Type.Array(row, { description: 'The windows of a backtest, in the order of the spec.' }),
    ),
    windowSummary: Type.Optional(
      Type.String({ description: 'How many windows of a backtest have come to which verdict.' }),
    ),
    startTime: Type.Optional(time('When the analysis began.')),
    endTime: Type.Optional(time('When it ended.')),
    conditions: Type.Optional(conditions),
  }),
})
export type Analysis = ResourceOf<typeof Analysis>
