/**
 * What a controller process keeps of the cluster: one reflector for each kind that one of its parts looks at. Objects are
 * cut down on arrival, so that memory grows with what is read of them.
 *
 * @module
 */
import type { Logger } from 'pino'
import {
  KeptnApp,
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
import { DaemonSet, Namespace, ReplicaSet, StatefulSet } from '../api/kubernetes.ts'
import type { KubeObject, ObjectMeta, ResourceType } from '../api/object.ts'
import { heldPods, ownerIndexes, versionIndexes } from '../gate/index.ts'
import { keys } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { startReflector, type Reflector, type ReflectorOptions } from '../kube/reflector.ts'
import { functionConfigMaps, lifecycleIndexes, taskIndexes, taskJobs } from '../lifecycle/index.ts'
import { metricsReflections } from '../metrics/index.ts'

/** Keys of Kubernetes' own that are read on owners of pods. */
const ownerAnnotations: ReadonlySet<string> = new Set([
  'deployment.kubernetes.io/revision',
  'deployment.kubernetes.io/desired-replicas',
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
export const cutOwner = (object: ReplicaSet | StatefulSet | DaemonSet): KubeObject => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  metadata: cutMetadata(object.metadata, ownerAnnotations),
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

/** Starts reflectors, and remembers them, so that controllers wait for all of them and learn from their own writes. */
const starter = (options: {
  readonly client: Client
  readonly log: Logger
  readonly signal: AbortSignal
  /** In the place of `startReflector`, for tests. */
  readonly reflect?: typeof startReflector
}) => {
  const { reflect = startReflector, ...process } = options
  const reflectors: Reflector<KubeObject>[] = []
  const start = <T extends KubeObject>(
    reflection: Pick<
      ReflectorOptions<T>,
      'type' | 'labelSelector' | 'namespace' | 'project' | 'indexes'
    >,
  ): Reflector<T>['store'] => {
    const reflector = reflect<T>({ ...process, ...reflection })
    reflectors.push(reflector)
    return reflector.store
  }
  /** One of our own kinds. */
  const ours = <T extends KubeObject>(
    type: ResourceType<T>,
    indexes: Readonly<Record<string, (object: T) => readonly string[]>> = {},
  ): Reflector<T>['store'] => start<T>({ type, project: cutOurs, indexes })
  return { reflectors, start, ours }
}

/** What the parts lifecycle and gate look at. */
export const reflectLifecycle = (options: Parameters<typeof starter>[0]) => {
  const { reflectors, start, ours } = starter(options)
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
    tasks: ours(KeptnTask, { ...lifecycleIndexes.tasks, ...taskIndexes }),
    evaluations: ours(KeptnEvaluation, lifecycleIndexes.evaluations),
    taskDefinitions: ours(KeptnTaskDefinition),
    evaluationDefinitions: ours(KeptnEvaluationDefinition),
    metrics: ours(KeptnMetric),
    configs: ours(KeptnConfig, lifecycleIndexes.configs),
    replicaSets: owner(ReplicaSet),
    statefulSets: owner(StatefulSet),
    daemonSets: owner(DaemonSet),
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
