import { Type } from 'typebox'
import { conditions } from './condition.ts'
import { evaluationTries } from './keptn-evaluation-definition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { mapOf, time, unchangeable, withDefault, type Read } from './schema.ts'
import { state, stateFromPending } from './states.ts'

const evaluationStatusItem = Type.Object({
  value: Type.String({ description: 'The value that was looked at.' }),
  status: state('Whether the objective was met.'),
  message: Type.Optional(Type.String({ description: 'Why, for people.' })),
})
/** The outcome for one metric. */
export type EvaluationStatusItem = Read<typeof evaluationStatusItem>

const objectiveStatus = Type.Object({
  name: Type.String({ description: 'Name of the KeptnMetric.' }),
  namespace: Type.String({ description: 'Namespace of the KeptnMetric.' }),
  target: Type.String({ description: 'The bound, as the definition says it.' }),
  value: Type.Optional(
    Type.String({ description: 'The value that was looked at. Missing when there was none.' }),
  ),
  status: state('Whether the objective was met.'),
  message: Type.String({ description: 'Why, for people.' }),
  measuredAt: Type.Optional(time('When the value was measured.')),
  ageSeconds: Type.Optional(
    Type.Integer({ description: 'How old the value was when it was looked at.' }),
  ),
  attempt: Type.Optional(Type.Integer({ description: 'The try in which this was found.' })),
})
/** The outcome for one objective. */
export type ObjectiveStatus = Read<typeof objectiveStatus>

const awaited = Type.Object(
  {
    since: time('When this was first wanted: what was measured before is not enough.'),
    metrics: Type.Array(
      Type.Object({
        name: Type.String({ description: 'Name of the KeptnMetric.' }),
        namespace: Type.String({ description: 'Namespace of the KeptnMetric.' }),
      }),
      { description: 'The KeptnMetrics.' },
    ),
  },
  {
    description:
      'KeptnMetrics whose values are too old for the next try, while it waits for new ones: they are asked at once.',
  },
)
/** Metrics that an evaluation wants to be asked, and since when. */
export type Awaited = Read<typeof awaited>

/** One run of a KeptnEvaluationDefinition. */
export const KeptnEvaluation = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnEvaluation',
  plural: 'keptnevaluations',
  shortNames: ['ke'],
  description: 'One run of a KeptnEvaluationDefinition.',
  columns: [
    { name: 'AppName', jsonPath: '.spec.appName' },
    { name: 'AppVersion', jsonPath: '.spec.appVersion' },
    { name: 'WorkloadName', jsonPath: '.spec.workload' },
    { name: 'WorkloadVersion', jsonPath: '.spec.workloadVersion' },
    { name: 'RetryCount', jsonPath: '.status.retryCount' },
    { name: 'EvaluationStatus', jsonPath: '.status.evaluationStatus' },
    { name: 'OverallStatus', jsonPath: '.status.overallStatus' },
  ],
  spec: Type.Object({
    workload: Type.Optional(Type.String({ description: 'Name of the KeptnWorkload, if any.' })),
    workloadVersion: Type.String({
      description: 'Version of the workload; empty when the evaluation is for an app.',
    }),
    appName: Type.Optional(Type.String({ description: 'Name of the app.' })),
    appVersion: Type.Optional(
      Type.String({ description: 'Version of the app, if it is for an app.' }),
    ),
    evaluationDefinition: unchangeable(
      'Name of the KeptnEvaluationDefinition to run.',
      'cannot be changed: create another KeptnEvaluation to run another definition',
    ),
    checkType: Type.Optional(
      Type.String({ description: 'When it runs: `pre-eval` or `post-eval`.' }),
    ),
    failAction: Type.Optional(Type.String({ description: 'Not used any more.' })),
    ...evaluationTries,
  }),
  status: Type.Object({
    retryCount: withDefault(Type.Integer({ description: 'How many tries there were.' }), 0),
    evaluationStatus: withDefault(
      mapOf(evaluationStatusItem, {
        description:
          'The outcome for each objective, by the name of its metric. By `namespace/name` where metrics of several namespaces have that name; with the target behind a blank where objectives share a metric.',
      }),
      {},
    ),
    objectives: Type.Optional(
      Type.Array(objectiveStatus, {
        description: 'The outcome for each objective, in the order of the definition.',
      }),
    ),
    awaits: Type.Optional(awaited),
    overallStatus: stateFromPending('State of the evaluation as a whole.'),
    startTime: Type.Optional(time('When the evaluation began.')),
    lastAttemptTime: Type.Optional(
      time('When the last try was; the next one is due an interval after it.'),
    ),
    endTime: Type.Optional(time('When the evaluation ended.')),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnEvaluation = ResourceOf<typeof KeptnEvaluation>
