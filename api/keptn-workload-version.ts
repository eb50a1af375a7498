import { Type } from 'typebox'
import { actionRecords, actions } from './actions.ts'
import { itemStatuses, phaseTimes, phaseTraceIds, traceId } from './checks.ts'
import { conditions } from './condition.ts'
import { workloadSpec } from './keptn-workload.ts'
import { defineResource, type Column, type ResourceOf } from './resource.ts'
import { stringMap, strings, time, unchangeable } from './schema.ts'
import { stateFromPending } from './states.ts'

/** Where a version of a workload is on its way. */
export const phaseColumns: readonly Column[] = [
  { name: 'AppName', jsonPath: '.spec.app' },
  { name: 'WorkloadName', jsonPath: '.spec.workloadName' },
  { name: 'WorkloadVersion', jsonPath: '.spec.version' },
  { name: 'Phase', jsonPath: '.status.currentPhase' },
  { name: 'PreDeploymentStatus', jsonPath: '.status.preDeploymentStatus', wide: true },
  {
    name: 'PreDeploymentEvaluationStatus',
    jsonPath: '.status.preDeploymentEvaluationStatus',
    wide: true,
  },
  { name: 'DeploymentStatus', jsonPath: '.status.deploymentStatus', wide: true },
  { name: 'PostDeploymentStatus', jsonPath: '.status.postDeploymentStatus', wide: true },
  {
    name: 'PostDeploymentEvaluationStatus',
    jsonPath: '.status.postDeploymentEvaluationStatus',
    wide: true,
  },
]

/** The version that this one replaces. */
export const previousVersion = Type.Optional(
  Type.String({ description: 'The workload version before this one.' }),
)

/** How far a version of a workload has come. */
export const phaseStatus = {
  preDeploymentStatus: stateFromPending('State of the pre-deployment tasks.'),
  deploymentStatus: stateFromPending('State of the rollout.'),
  preDeploymentEvaluationStatus: stateFromPending('State of the pre-deployment evaluations.'),
  postDeploymentEvaluationStatus: stateFromPending('State of the post-deployment evaluations.'),
  postDeploymentStatus: stateFromPending('State of the post-deployment tasks.'),
  status: stateFromPending('State of the version as a whole.'),
  preDeploymentTaskStatus: itemStatuses('The pre-deployment tasks.'),
  postDeploymentTaskStatus: itemStatuses('The post-deployment tasks.'),
  preDeploymentEvaluationTaskStatus: itemStatuses('The pre-deployment evaluations.'),
  postDeploymentEvaluationTaskStatus: itemStatuses('The post-deployment evaluations.'),
  startTime: Type.Optional(time('When the version began.')),
  endTime: Type.Optional(time('When the version ended.')),
  currentPhase: Type.Optional(Type.String({ description: 'Short name of the phase it is in.' })),
  phaseTraceIDs: phaseTraceIds,
}

/** One version of a workload on its way through the phases. */
export const KeptnWorkloadVersion = defineResource({
  group: 'lifecycle.keptn.sh',
  versions: ['v1', 'v1beta1', 'v1alpha4'],
  storage: 'v1',
  kind: 'KeptnWorkloadVersion',
  plural: 'keptnworkloadversions',
  shortNames: ['kwv'],
  description:
    'One version of a workload on its way through its checks. Its pods are held until those before the deployment have passed. Made by the controller.',
  columns: [...phaseColumns, { name: 'Status', jsonPath: '.status.status', wide: true }],
  spec: Type.Object({
    ...workloadSpec,
    version: unchangeable(
      'Version of the workload.',
      'cannot be changed: name the other version on the pods, and a KeptnWorkloadVersion is made for it',
    ),
    workloadName: unchangeable(
      'Name of the KeptnWorkload.',
      'cannot be changed: name the other workload on the pods, and a KeptnWorkloadVersion is made for it',
    ),
    previousVersion,
    traceId,
    actions,
    revisions: Type.Optional(
      strings(
        'Every revision that has carried this version: its pods are held and let go as one.',
        {
          'x-kubernetes-list-type': 'set',
        },
      ),
    ),
  }),
  status: Type.Object({
    ...phaseStatus,
    phaseTimes,
    deploymentStartTime: Type.Optional(time('When the rollout began.')),
    appContextMetadata: Type.Optional(
      stringMap("The metadata of the app's KeptnAppContext, as it was when this version began."),
    ),
    writtenAppUID: Type.Optional(
      Type.String({
        description:
          'UID of the KeptnApp that a user wrote for this version. Once there is one, no app that was made automatically lets the version begin.',
      }),
    ),
    attempt: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'How often the version has gone through its phases, this time included. 1 where it is missing.',
      }),
    ),
    begunFor: Type.Optional(
      Type.Object(
        {
          version: Type.String({ description: 'Version of the app.' }),
          revision: Type.Integer({ description: 'Revision of the app.' }),
          retries: Type.Optional(
            Type.Integer({
              minimum: 0,
              description:
                'How often people had let that app version begin anew by an action. 0 where it is missing.',
            }),
          ),
        },
        {
          description:
            'The app version that let this attempt begin. A version that has failed is tried again when the revision of its app is raised, or its app version is.',
        },
      ),
    ),
    actions: actionRecords,
    conditions: Type.Optional(conditions),
  }),
})
export type KeptnWorkloadVersion = ResourceOf<typeof KeptnWorkloadVersion>
