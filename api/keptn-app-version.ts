import { Type } from 'typebox'
import { actionRecords, actions } from './actions.ts'
import {
  checkLists,
  freeMetadata,
  itemStatuses,
  onFailure,
  phaseTimes,
  phaseTraceIds,
  promotionTasks,
  spanLinks,
  traceId,
  workloadReference,
} from './checks.ts'
import { conditions } from './condition.ts'
import { defineResource, type ResourceOf } from './resource.ts'
import { time, unchangeable, withDefault } from './schema.ts'
import { state, stateFromPending } from './states.ts'

/** One version of a KeptnApp on its way through the phases. */
export const KeptnAppVersion = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  storage: 'v1',
  unserved: ['v1alpha2', 'v1alpha1'],
  kind: 'KeptnAppVersion',
  plural: 'keptnappversions',
  shortNames: ['kav'],
  description: 'One version of a KeptnApp on its way through its checks. Made by the controller.',
  columns: [
    { name: 'AppName', jsonPath: '.spec.appName' },
    { name: 'Version', jsonPath: '.spec.version' },
    { name: 'Phase', jsonPath: '.status.currentPhase' },
    { name: 'PreDeploymentStatus', jsonPath: '.status.preDeploymentStatus', wide: true },
    {
      name: 'PreDeploymentEvaluationStatus',
      jsonPath: '.status.preDeploymentEvaluationStatus',
      wide: true,
    },
    { name: 'WorkloadOverallStatus', jsonPath: '.status.workloadOverallStatus', wide: true },
    { name: 'PostDeploymentStatus', jsonPath: '.status.postDeploymentStatus', wide: true },
    {
      name: 'PostDeploymentEvaluationStatus',
      jsonPath: '.status.postDeploymentEvaluationStatus',
      wide: true,
    },
    { name: 'PromotionStatus', jsonPath: '.status.promotionStatus', wide: true },
    { name: 'Status', jsonPath: '.status.status', wide: true },
  ],
  spec: Type.Object({
    appName: unchangeable(
      'Name of the KeptnApp.',
      'cannot be changed: write the other KeptnApp, and a KeptnAppVersion is made for it',
    ),
    version: unchangeable(
      'Version of the app.',
      'cannot be changed: change the version of the KeptnApp, and a KeptnAppVersion is made for it',
    ),
    revision: withDefault(
      Type.Integer({ description: 'Revision of the KeptnApp that this version was made from.' }),
      1,
    ),
    generation: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'The generation of the KeptnApp that this is the version of. Where it is missing, the name tells.',
      }),
    ),
    workloads: Type.Optional(
      Type.Array(workloadReference, { description: 'The workloads of this version.' }),
    ),
    ...checkLists,
    promotionTasks,
    onFailure,
    previousVersion: Type.Optional(
      Type.String({ description: 'The app version before this one.' }),
    ),
    traceId,
    metadata: freeMetadata,
    spanLinks,
    actions,
  }),
  status: Type.Object({
    preDeploymentStatus: stateFromPending("State of the app's pre-deployment tasks."),
    preDeploymentEvaluationStatus: stateFromPending(
      "State of the app's pre-deployment evaluations.",
    ),
    workloadOverallStatus: stateFromPending('State of all workloads taken together.'),
    postDeploymentStatus: stateFromPending("State of the app's post-deployment tasks."),
    postDeploymentEvaluationStatus: stateFromPending(
      "State of the app's post-deployment evaluations.",
    ),
    promotionStatus: stateFromPending('State of the promotion tasks.'),
    status: stateFromPending('State of the version as a whole.'),
    preDeploymentTaskStatus: itemStatuses('The pre-deployment tasks.'),
    postDeploymentTaskStatus: itemStatuses('The post-deployment tasks.'),
    promotionTaskStatus: itemStatuses('The promotion tasks.'),
    onFailureStatus: Type.Optional(
      state('State of the tasks that run since a check of the app has failed. Decides nothing.'),
    ),
    onFailureTaskStatus: itemStatuses('The tasks that run since a check of the app has failed.'),
    preDeploymentEvaluationTaskStatus: itemStatuses('The pre-deployment evaluations.'),
    postDeploymentEvaluationTaskStatus: itemStatuses('The post-deployment evaluations.'),
    workloadStatus: Type.Optional(
      Type.Array(
        Type.Object({
          workload: Type.Optional(workloadReference),
          status: stateFromPending('State of the workload.'),
        }),
        { description: 'How far each workload has come.' },
      ),
    ),
    currentPhase: Type.Optional(Type.String({ description: 'Short name of the phase it is in.' })),
    phaseTraceIDs: phaseTraceIds,
    phaseTimes,
    startTime: Type.Optional(time('When the version began.')),
    endTime: Type.Optional(time('When the version ended.')),
    attempt: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'How often the version has gone through its phases, this time included. 1 where it is missing.',
      }),
    ),
    actions: actionRecords,
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnAppVersion = ResourceOf<typeof KeptnAppVersion>
