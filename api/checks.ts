/**
 * The shapes that several kinds share: which checks a version asks for, and how far each has come.
 *
 * @module
 */
import { Type } from 'typebox'
import { mapOf, stringMap, strings, time, type Read } from './schema.ts'
import { stateFromPending } from './states.ts'

/** The lists of checks around a deployment. */
export const checkLists = {
  preDeploymentTasks: Type.Optional(
    strings('Names of the KeptnTaskDefinitions to run before anything is deployed.'),
  ),
  postDeploymentTasks: Type.Optional(
    strings('Names of the KeptnTaskDefinitions to run once the deployment is done.'),
  ),
  preDeploymentEvaluations: Type.Optional(
    strings('Names of the KeptnEvaluationDefinitions to pass before anything is deployed.'),
  ),
  postDeploymentEvaluations: Type.Optional(
    strings('Names of the KeptnEvaluationDefinitions to pass once the deployment is done.'),
  ),
}

/** The tasks of an app that end its way. */
export const promotionTasks = Type.Optional(
  strings('Names of the KeptnTaskDefinitions to run after everything else has passed.'),
)

/** The tasks of an app that run when one of its checks has failed. */
export const onFailure = Type.Optional(
  strings(
    'Names of the KeptnTaskDefinitions to run when a task or an evaluation of the app, before or after the deployment, has failed. They decide nothing.',
  ),
)

/** A workload as an app names it. */
export const workloadReference = Type.Object({
  name: Type.String({ description: "Name of the workload, without the app's name in front." }),
  version: Type.String({
    description: 'Version of the workload that belongs to this app version.',
  }),
})
export type WorkloadReference = Read<typeof workloadReference>

/** How far one task or evaluation of a phase has come. */
export const itemStatus = Type.Object({
  definitionName: Type.Optional(
    Type.String({ description: 'Name of the definition that the item was made from.' }),
  ),
  status: stateFromPending('State of the item.'),
  name: Type.Optional(Type.String({ description: 'Name of the KeptnTask or KeptnEvaluation.' })),
  startTime: Type.Optional(time('When the item was made.')),
  endTime: Type.Optional(time('When the item ended.')),
  message: Type.Optional(
    Type.String({
      description: 'What an item waits for that was not made, or why it will not be.',
    }),
  ),
})
export type ItemStatus = Read<typeof itemStatus>

/** The items of one phase. */
export const itemStatuses = (description: string) =>
  Type.Optional(Type.Array(itemStatus, { description }))

/** The trace carriers of the phases that have begun. */
export const phaseTraceIds = Type.Optional(
  mapOf(mapOf(Type.String()), {
    description: 'W3C trace context of each phase, by the short name of the phase.',
  }),
)

const phaseTime = Type.Object({
  startTime: time('When the phase began.'),
  endTime: Type.Optional(time('When the phase ended. Missing while it goes on.')),
})

/** When the phases of a version began and ended. */
export const phaseTimes = Type.Optional(
  mapOf(phaseTime, {
    description:
      'When each phase began and ended in the present attempt, by the short name of the phase. A phase that was not entered is not there.',
  }),
)
export type PhaseTimes = Readonly<Record<string, Read<typeof phaseTime>>>

/** The trace carrier of whoever caused a version. */
export const traceId = Type.Optional(
  stringMap('W3C trace context of whatever caused this version (`traceparent`, `tracestate`).'),
)

/** Free words that travel with a version into spans and tasks. */
export const freeMetadata = Type.Optional(
  stringMap('Free names and values that are added to spans and given to tasks.'),
)

/** Spans of other traces that have to do with a version. */
export const spanLinks = Type.Optional(
  strings('W3C `traceparent` strings of spans elsewhere that the spans of this version link to.'),
)
