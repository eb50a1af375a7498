/**
 * Objects as the API server would have stored them, for tests of the lifecycle's rules.
 *
 * @module
 */
import type {
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnEvaluationDefinition,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import type { ObjectMeta } from '../../../api/object.ts'
import type { ActionsGuard } from '../../../lifecycle/actions/guard.ts'
import type { Parent } from '../../../lifecycle/children.ts'

const apiVersion = 'lifecycle.keptn.sh/v1'

/** Nobody can ask in the name of others. */
export const guard: ActionsGuard = { state: () => 'present', wakes: () => [] }

export const metadata = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'shop',
  uid: `uid-${name}`,
  resourceVersion: '7',
  creationTimestamp: '2026-03-01T12:00:00Z',
  ...more,
})

export const workloadVersion = (
  spec: Partial<KeptnWorkloadVersion['spec']> = {},
  status?: KeptnWorkloadVersion['status'],
): KeptnWorkloadVersion => ({
  apiVersion,
  kind: 'KeptnWorkloadVersion',
  metadata: metadata('shop-cart-2'),
  spec: {
    app: 'shop',
    workloadName: 'shop-cart',
    version: '2',
    resourceReference: { uid: 'uid-cart', kind: 'ReplicaSet', name: 'cart' },
    revision: 'uid-cart',
    revisions: ['uid-cart'],
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
})

export const appVersion = (
  status: Partial<NonNullable<KeptnAppVersion['status']>> = {},
): KeptnAppVersion => ({
  apiVersion,
  kind: 'KeptnAppVersion',
  metadata: metadata('shop-1-6b86b273'),
  spec: { appName: 'shop', version: '1', revision: 1, workloads: [{ name: 'cart', version: '2' }] },
  status: {
    preDeploymentStatus: 'Succeeded',
    preDeploymentEvaluationStatus: 'Succeeded',
    workloadOverallStatus: 'Pending',
    postDeploymentStatus: 'Pending',
    postDeploymentEvaluationStatus: 'Pending',
    promotionStatus: 'Pending',
    status: 'Progressing',
    ...status,
  },
})

export const parent = (more: Partial<Parent> = {}): Parent => ({
  object: workloadVersion(),
  objectType: 'Workload',
  appName: 'shop',
  appVersion: '',
  workloadName: 'shop-cart',
  workloadVersion: '2',
  metadata: {},
  attempt: 1,
  ...more,
})

export const task = (name: string, status?: KeptnTask['status']): KeptnTask => ({
  apiVersion,
  kind: 'KeptnTask',
  metadata: metadata(name),
  spec: { taskDefinition: 'smoke', retries: 1, timeout: '5m' },
  ...(status === undefined ? {} : { status }),
})

export const evaluation = (name: string, status?: KeptnEvaluation['status']): KeptnEvaluation => ({
  apiVersion,
  kind: 'KeptnEvaluation',
  metadata: metadata(name),
  spec: { evaluationDefinition: 'slo', workloadVersion: '2', retries: 3, retryInterval: '5s' },
  ...(status === undefined ? {} : { status }),
})

export const taskDefinition = (
  name: string,
  more: Partial<ObjectMeta> = {},
): KeptnTaskDefinition => ({
  apiVersion,
  kind: 'KeptnTaskDefinition',
  metadata: metadata(name, more),
  spec: { retries: 3, timeout: '1m', ttlSecondsAfterFinished: 300 },
})

export const evaluationDefinition = (name: string): KeptnEvaluationDefinition => ({
  apiVersion,
  kind: 'KeptnEvaluationDefinition',
  metadata: metadata(name),
  spec: { objectives: [], retries: 4, retryInterval: '7s' },
})

export const keptnConfig = (
  name: string,
  spec: Partial<KeptnConfig['spec']> = {},
): KeptnConfig => ({
  apiVersion: 'options.keptn.sh/v1alpha1',
  kind: 'KeptnConfig',
  metadata: metadata(name, { namespace: 'keptn-system' }),
  spec: {
    keptnAppCreationRequestTimeoutSeconds: 30,
    discoveryQuietSeconds: 5,
    eventNames: 'seeds',
    blockDeployment: true,
    observabilityTimeout: '5m',
    versionHistoryLimit: 10,
    restApiEnabled: false,
    ...spec,
  },
})
