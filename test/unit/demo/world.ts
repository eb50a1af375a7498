/** Objects as a release leaves them, with the fields that the view looks at. */
import type {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import type { Pod } from '../../../api/kubernetes.ts'
import type { World } from '../../../demo/rows.ts'

const metadata = (name: string, second: number) => ({
  name,
  namespace: 'dev',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: at(second),
})

/** An instant of the story. */
export const at = (second: number): string =>
  new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()

/** An app version made at a second. */
export const appVersion = (
  version: string,
  second: number,
  status: Partial<NonNullable<KeptnAppVersion['status']>>,
): KeptnAppVersion =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnAppVersion',
    metadata: metadata(`shop-${version}-1`, second),
    spec: { appName: 'shop', version, revision: 1, workloads: [{ name: 'cart', version }] },
    status,
  }) as unknown as KeptnAppVersion

/** The workload version of an app version. */
export const workloadVersion = (
  version: string,
  status: Partial<NonNullable<KeptnWorkloadVersion['status']>>,
): KeptnWorkloadVersion =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    metadata: metadata(`shop-cart-${version}`, 0),
    spec: {
      app: 'shop',
      workloadName: 'shop-cart',
      version,
      preDeploymentTasks: ['notify'],
      preDeploymentEvaluations: ['enough'],
      postDeploymentEvaluations: ['fast'],
      resourceReference: { kind: 'ReplicaSet', name: 'cart-1', uid: 'rs' },
    },
    status,
  }) as unknown as KeptnWorkloadVersion

/** A task of the story. */
export const task = (name: string, status: KeptnTask['status']): KeptnTask =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTask',
    metadata: metadata(name, 0),
    spec: { taskDefinition: 'notify' },
    status,
  }) as unknown as KeptnTask

/** An evaluation of the story. */
export const evaluation = (name: string, status: KeptnEvaluation['status']): KeptnEvaluation =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnEvaluation',
    metadata: metadata(name, 0),
    spec: { evaluationDefinition: 'enough', workloadVersion: '1.0' },
    status,
  }) as unknown as KeptnEvaluation

/** A pod of the story's ReplicaSet. */
export const pod = (
  name: string,
  version: string,
  rest: { readonly gates?: readonly string[]; readonly status?: Pod['status'] },
): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata(name, 0),
      annotations: { 'keptn.sh/version': version },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'cart-1', uid: 'rs', controller: true },
      ],
    },
    spec: {
      containers: [],
      schedulingGates: (rest.gates ?? []).map((gate) => ({ name: gate })),
    },
    status: rest.status,
  }) as unknown as Pod

/** A world with nothing but what is given. */
export const worldOf = (given: Partial<World>): World => ({
  now: new Date(at(30)),
  appVersions: [],
  workloadVersions: [],
  tasks: [],
  evaluations: [],
  pods: [],
  outputs: new Map(),
  messages: [],
  ...given,
})
