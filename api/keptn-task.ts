import { Type } from 'typebox'
import { freeMetadata } from './checks.ts'
import { conditions } from './condition.ts'
import { secureParameters, taskParameters } from './keptn-task-definition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { anyJson, duration, mapOf, time, unchangeable, withDefault, type Read } from './schema.ts'
import { stateFromPending } from './states.ts'

/** What a task is run for. */
export const taskContext = Type.Object(
  {
    workloadName: Type.Optional(Type.String({ description: 'Name of the KeptnWorkload, if any.' })),
    appName: Type.Optional(Type.String({ description: 'Name of the app.' })),
    appVersion: Type.Optional(
      Type.String({ description: 'Version of the app, if it is for an app.' }),
    ),
    workloadVersion: Type.Optional(
      Type.String({ description: 'Version of the workload, if any.' }),
    ),
    taskType: Type.Optional(
      Type.String({
        description: 'When it runs: `pre`, `post`, `promotion` or `on-failure`.',
      }),
    ),
    objectType: Type.Optional(Type.String({ description: 'What it is for: `App` or `Workload`.' })),
    metadata: freeMetadata,
  },
  { description: 'What the task is run for. Given to it as `KEPTN_CONTEXT`.' },
)
export type TaskContext = Read<typeof taskContext>

/** One run of a KeptnTaskDefinition. */
export const KeptnTask = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnTask',
  plural: 'keptntasks',
  description: 'One run of a KeptnTaskDefinition, as a Job.',
  columns: [
    { name: 'AppName', jsonPath: '.spec.context.appName' },
    { name: 'AppVersion', jsonPath: '.spec.context.appVersion' },
    { name: 'WorkloadName', jsonPath: '.spec.context.workloadName' },
    { name: 'WorkloadVersion', jsonPath: '.spec.context.workloadVersion' },
    { name: 'Job Name', jsonPath: '.status.jobName' },
    { name: 'Status', jsonPath: '.status.status' },
  ],
  spec: Type.Object({
    taskDefinition: unchangeable(
      'Name of the KeptnTaskDefinition to run.',
      'cannot be changed: create another KeptnTask to run another definition',
    ),
    context: Type.Optional(taskContext),
    parameters: Type.Optional(taskParameters),
    secureParameters: Type.Optional(secureParameters),
    checkType: Type.Optional(
      Type.String({
        description: 'When it runs: `pre`, `post`, `promotion` or `on-failure`.',
      }),
    ),
    retries: withDefault(
      Type.Integer({
        format: 'int32',
        minimum: 0,
        description: 'How often a failed run is tried again.',
      }),
      10,
    ),
    timeout: withDefault(duration('How long all tries together may take.'), '5m'),
    results: Type.Optional(
      mapOf(anyJson(), {
        description:
          'What the tasks have left that this one depends on, by the names of their definitions. Given to it at the end of `KEPTN_CONTEXT`.',
      }),
    ),
  }),
  status: Type.Object({
    jobName: Type.Optional(Type.String({ description: 'Name of the Job that runs the task.' })),
    jobUid: Type.Optional(
      Type.String({
        description: 'UID of that Job. Once it is here, no other Job is made for this task.',
      }),
    ),
    status: stateFromPending('State of the task.'),
    message: Type.Optional(Type.String({ description: 'What happened, for people.' })),
    reason: Type.Optional(Type.String({ description: 'What happened, in one word.' })),
    exitCode: Type.Optional(
      Type.Integer({
        format: 'int32',
        description: 'Exit code of the last try, if there was one.',
      }),
    ),
    result: Type.Optional(
      anyJson({ description: 'The JSON that the task has left in `/tmp/keptn-result.json`.' }),
    ),
    startTime: Type.Optional(time('When the task began.')),
    endTime: Type.Optional(time('When the task ended.')),
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnTask = ResourceOf<typeof KeptnTask>
