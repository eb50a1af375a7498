/**
 * Objects as the API server would have stored them, with the parts that a test is about.
 *
 * @module
 */
import { conditionTypes } from '../../../api/condition.ts'
import type { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import type { Namespace } from '../../../api/kubernetes.ts'
import type { KubeObject, ObjectMeta, OwnerReference } from '../../../api/object.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import type { HeldPod } from '../../../gate/held-pods.ts'
import type { Store } from '../../../kube/store.ts'

export const createdAt = '2026-03-01T12:00:00Z'

const metadata = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  uid: `${name}-uid`,
  resourceVersion: '1',
  creationTimestamp: createdAt,
  ...more,
})

export const ownerOf = (kind: string, name: string, apiVersion = 'apps/v1'): OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid: `${name}-uid`,
  controller: true,
})

export const pod = (
  more: { readonly metadata?: Partial<ObjectMeta>; readonly spec?: HeldPod['spec'] } = {},
): HeldPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('web-1', {
    namespace: 'shop',
    labels: { [keys.gated]: 'true' },
    annotations: { [keys.workload]: 'web', [keys.version]: '2' },
    ownerReferences: [ownerOf('ReplicaSet', 'web')],
    ...more.metadata,
  }),
  spec: { schedulingGates: [{ name: gateName }], ...more.spec },
})

/** A pod that does not say which workload it is of. */
export const anonymousPod = pod({ metadata: { annotations: {} } })

export const namespace = (more: Partial<ObjectMeta> = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: metadata('shop', { labels: { [keys.optIn]: 'enabled' }, ...more }),
})

/** A namespace that has been managed for long, with this released list. */
export const managed = (released = 'v1', more: Partial<ObjectMeta> = {}): Namespace =>
  namespace({
    annotations: { [keys.released]: released, [keys.managedSince]: '2026-02-01T00:00:00.000Z' },
    ...more,
  })

export const version = (more: {
  readonly metadata?: Partial<ObjectMeta>
  readonly revisions?: readonly string[]
  readonly verdict?: 'True' | 'False' | 'Unknown'
  readonly decidedAt?: string
  readonly status?: Partial<NonNullable<KeptnWorkloadVersion['status']>>
}): KeptnWorkloadVersion => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnWorkloadVersion',
  metadata: metadata('shop-web-2', { namespace: 'shop', ...more.metadata }),
  spec: {
    app: 'shop',
    workloadName: 'shop-web',
    version: '2',
    resourceReference: { uid: 'web-uid', kind: 'ReplicaSet', name: 'web' },
    revisions: [...(more.revisions ?? ['web-uid'])],
  },
  status: {
    preDeploymentStatus: 'Pending',
    deploymentStatus: 'Pending',
    preDeploymentEvaluationStatus: 'Pending',
    postDeploymentEvaluationStatus: 'Pending',
    postDeploymentStatus: 'Pending',
    status: 'Progressing',
    ...(more.verdict === undefined
      ? {}
      : {
          conditions: [
            {
              type: conditionTypes.preDeploymentPassed,
              status: more.verdict,
              reason: 'Test',
              message: more.verdict === 'False' ? 'Task "smoke" failed' : '',
              lastTransitionTime: more.decidedAt ?? createdAt,
            },
          ],
        }),
    ...more.status,
  },
})

/** A store that holds these, whatever index it is asked by, and never changes. */
export const storeOf = <T extends KubeObject>(...objects: readonly T[]): Store<T> => ({
  get: (at, name) =>
    objects.find(({ metadata }) => metadata.namespace === at && metadata.name === name),
  all: () => objects,
  by: () => objects,
  subscribe: () => undefined,
  lists: () => 0,
  onListed: () => undefined,
  learn: () => undefined,
  learnGone: () => undefined,
})
