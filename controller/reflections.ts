/**
 * What a controller process keeps of the cluster: one reflector for each kind that one of its parts looks at. Objects are
 * cut down on arrival, so that memory grows with what is read of them.
 *
 * @module
 */
import type { Logger } from 'pino'
import {
  KeptnApp,
  KeptnAppContext,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../api/index.ts'
import { DaemonSet, Namespace, ReplicaSet, Rollout, StatefulSet } from '../api/kubernetes.ts'
import type { KubeObject, ObjectMeta, ResourceType } from '../api/object.ts'
import { heldPods, letGoPods, ownerIndexes, versionIndexes } from '../gate/index.ts'
import { keys } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { startOptionalReflector } from '../kube/optional-reflector.ts'
import { startReflector, type Reflector, type ReflectorOptions } from '../kube/reflector.ts'
import { functionConfigMaps, lifecycleIndexes, taskIndexes, taskJobs } from '../lifecycle/index.ts'
import { metricsReflections } from '../metrics/index.ts'

/** Keys of Kubernetes' own and of Argo Rollouts that are read on owners of pods. */
const ownerKeys: ReadonlySet<string> = new Set([
  'deployment.kubernetes.io/revision',
  'deployment.kubernetes.io/desired-replicas',
  'rollout.argoproj.io/revision',
  'rollout.argoproj.io/desired-replicas',
  'rollouts-pod-template-hash',
])
const namespaceKeys: ReadonlySet<string> = new Set([
  keys.optIn,
  keys.released,
  keys.managedSince,
  'kubernetes.io/metadata.name',
])

const only = (
  values: Readonly<Record<string, string>> | undefined,
  kept: ReadonlySet<string>,
): Record<string, string> =>
  Object.fromEntries(Object.entries(values ?? {}).filter(([key]) => kept.has(key)))

const cutMetadata = (metadata: ObjectMeta, kept: ReadonlySet<string>): ObjectMeta => ({
  name: metadata.name,
  uid: metadata.uid,
  resourceVersion: metadata.resourceVersion,
  creationTimestamp: metadata.creationTimestamp,
  labels: only(metadata.labels, kept),
  annotations: only(metadata.annotations, kept),
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
  ...(metadata.deletionTimestamp === undefined
    ? {}
    : { deletionTimestamp: metadata.deletionTimestamp }),
  ...(metadata.ownerReferences === undefined
    ? {}
    : { ownerReferences: metadata.ownerReferences.filter((owner) => owner.controller === true) }),
})

/** Owners of pods: how many replicas, which of them are updated, and how far they are. No template: that is read live, once per revision. */
export const cutOwner = (object: ReplicaSet | StatefulSet | DaemonSet | Rollout): KubeObject => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  metadata: cutMetadata(object.metadata, ownerKeys),
  ...{
    spec: Object.fromEntries(
      Object.entries(object.spec).filter(([field]) => ownerSpecFields.includes(field)),
    ),
    status: object.status === undefined ? undefined : cutOwnerStatus(object.status),
  },
})

const ownerSpecFields = ['replicas', 'updateStrategy']

const ownerStatusFields = [
  'observedGeneration',
  'replicas',
  'availableReplicas',
  'updatedReplicas',
  'currentRevision',
  'updateRevision',
  'desiredNumberScheduled',
  'updatedNumberScheduled',
  'numberReady',
  'currentPodHash',
  'stableRS',
  'phase',
  'message',
]

const cutOwnerStatus = (status: object): object =>
  Object.fromEntries(Object.entries(status).filter(([field]) => ownerStatusFields.includes(field)))

const cutNamespace = (namespace: Namespace): Namespace => ({
  apiVersion: namespace.apiVersion,
  kind: namespace.kind,
  metadata: cutMetadata(namespace.metadata, namespaceKeys),
  ...(namespace.status === undefined ? {} : { status: namespace.status }),
})

/** Our own kinds are kept whole, but for who wrote which field. */
const cutOurs = <T extends KubeObject>(object: T): T => {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([field]) => field !== 'managedFields'),
  ) as unknown as ObjectMeta
  return { ...object, metadata }
}

type Reflection<T extends KubeObject> = Pick<
  ReflectorOptions<T>,
  'type' | 'labelSelector' | 'namespace' | 'project' | 'indexes'
>

/** Starts reflectors, and remembers them, so that controllers wait for all of them and learn from their own writes. */
const starter = (options: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
  /** In the place of all ways to start a reflector, for tests. */
  readonly reflect?: typeof startReflector
}) => {
  const { reflect, ...process } = options
  const reflectors: Reflector<KubeObject>[] = []
  const remember = <T extends KubeObject>(reflector: Reflector<T>): Reflector<T>['store'] => {
    reflectors.push(reflector)
    return reflector.store
  }
  const start = <T extends KubeObject>(reflection: Reflection<T>): Reflector<T>['store'] =>
    remember((reflect ?? startReflector)<T>({ ...process, ...reflection }))
  /** A kind that a cluster may not have. */
  const startOptional = <T extends KubeObject>(reflection: Reflection<T>): Reflector<T>['store'] =>
    remember((reflect ?? startOptionalReflector)<T>({ ...process, ...reflection }))
  /** One of our own kinds. */
  const ours = <T extends KubeObject>(
    type: ResourceType<T>,
    indexes: Readonly<Record<string, (object: T) => readonly string[]>> = {},
  ): Reflector<T>['store'] => start<T>({ type, project: cutOurs, indexes })
  return { reflectors, start, startOptional, ours }
}

/** What the parts lifecycle and gate look at. */
export const reflectLifecycle = (options: Parameters<typeof starter>[0]) => {
  const { reflectors, start, startOptional, ours } = starter(options)
  const owner = <T extends ReplicaSet | StatefulSet | DaemonSet>(type: ResourceType<T>) =>
    start<T>({
      type,
      project: cutOwner as (object: KubeObject) => T,
      indexes: { ...ownerIndexes, ...lifecycleIndexes.replicaSets },
    })
  const stores = {
    pods: start({
      ...heldPods,
      indexes: { ...heldPods.indexes, ...lifecycleIndexes.pods },
    }),
    letGoPods: start(letGoPods),
    namespaces: start<Namespace>({
      type: Namespace,
      project: cutNamespace,
    }),
    workloads: ours(KeptnWorkload, lifecycleIndexes.workloads),
    workloadVersions: ours(KeptnWorkloadVersion, {
      ...versionIndexes,
      ...lifecycleIndexes.workloadVersions,
    }),
    apps: ours(KeptnApp),
    appVersions: ours(KeptnAppVersion, lifecycleIndexes.appVersions),
    appContexts: ours(KeptnAppContext),
    appCreationRequests: ours(KeptnAppCreationRequest, lifecycleIndexes.appCreationRequests),
    tasks: ours(KeptnTask, { ...lifecycleIndexes.tasks, ...taskIndexes }),
    evaluations: ours(KeptnEvaluation, lifecycleIndexes.evaluations),
    taskDefinitions: ours(KeptnTaskDefinition),
    evaluationDefinitions: ours(KeptnEvaluationDefinition),
    metrics: ours(KeptnMetric),
    configs: ours(KeptnConfig, lifecycleIndexes.configs),
    replicaSets: owner(ReplicaSet),
    statefulSets: owner(StatefulSet),
    daemonSets: owner(DaemonSet),
    rollouts: startOptional<Rollout>({
      type: Rollout,
      project: cutOwner as (object: KubeObject) => Rollout,
    }),
    jobs: start(taskJobs),
    configMaps: start(functionConfigMaps),
  }
  return { reflectors, stores }
}

/** What the part metrics looks at. */
export const reflectMetrics = (options: Parameters<typeof starter>[0]) => {
  const { reflectors, start, ours } = starter(options)
  const stores = {
    metrics: ours(metricsReflections.metrics.type, metricsReflections.metrics.indexes),
    providers: ours(metricsReflections.providers.type),
    apiServer: start(metricsReflections.apiServer),
  }
  return { reflectors, stores }
}
