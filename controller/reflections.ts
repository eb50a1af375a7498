/**
 * What a controller process keeps of the cluster: one reflector for each kind that one of its parts looks at. Objects are
 * cut down on arrival, so that memory grows with what is read of them.
 *
 * @module
 */
import type { Logger } from 'pino'
import {
  type Analysis,
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
import {
  heldPods,
  letGoPods,
  ownerIndexes,
  versionIndexes,
  webhookEndpoints,
  type KeptEndpoints,
} from '../gate/index.ts'
import { keys } from '../identity/keys.ts'
import type { Client } from '../kube/client.ts'
import { asIneligible, isEligible, type Eligibility } from '../identity/scope.ts'
import { startOptionalReflector } from '../kube/optional-reflector.ts'
import { startReflector, type Reflector, type ReflectorOptions } from '../kube/reflector.ts'
import {
  definitionIndexes,
  enforceLabel,
  functionConfigMaps,
  lifecycleIndexes,
  taskIndexes,
  taskJobs,
  taskPods,
} from '../lifecycle/index.ts'
import { metricsReflections, type AwaitingEvaluation } from '../metrics/index.ts'
import { keepAnalysis, type KeptAnalysis } from '../metrics/analysis/gauges.ts'

/** Keys of Kubernetes' own and of Argo Rollouts that are read on owners of pods. */
const ownerKeys: readonly string[] = [
  'deployment.kubernetes.io/revision',
  'deployment.kubernetes.io/desired-replicas',
  'rollout.argoproj.io/revision',
  'rollout.argoproj.io/desired-replicas',
  'rollouts-pod-template-hash',
  keys.nudged,
]
const namespaceKeys: readonly string[] = [
  keys.optIn,
  keys.released,
  keys.managedSince,
  'kubernetes.io/metadata.name',
  enforceLabel,
]

/** These fields of an object, as far as it has them: of thousands of objects each field that nobody reads is memory. */
const only = <T extends object, Field extends keyof T & string>(
  from: T,
  fields: Iterable<Field>,
): Pick<T, Field> => {
  const kept: Partial<T> = {}
  for (const field of fields) if (from[field] !== undefined) kept[field] = from[field]
  return kept as Pick<T, Field>
}

const metadataFields = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
] as const

const allMetadataFields = [...metadataFields, 'labels', 'annotations', 'ownerReferences'] as const

const cutMetadata = (
  { labels = {}, annotations = {}, ownerReferences, ...metadata }: ObjectMeta,
  kept: readonly string[],
): ObjectMeta => {
  const controller = ownerReferences?.find((owner) => owner.controller === true)
  return {
    ...only(metadata, metadataFields),
    ...(kept.some((key) => key in labels) ? { labels: only(labels, kept) } : {}),
    ...(kept.some((key) => key in annotations) ? { annotations: only(annotations, kept) } : {}),
    ...(controller === undefined ? {} : { ownerReferences: [controller] }),
  }
}

/**
 * Owners of pods: how many replicas, which of them are updated, and how far they are. No template: that is read live, once
 * per revision.
 */
export const cutOwner = (object: ReplicaSet | StatefulSet | DaemonSet | Rollout): KubeObject => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  metadata: cutMetadata(object.metadata, ownerKeys),
  ...{
    spec: only(object.spec as OwnerSpec, ownerSpecFields),
    status: only((object.status ?? {}) as OwnerStatus, ownerStatusFields),
  },
})

const ownerSpecFields = ['replicas', 'updateStrategy'] as const
type OwnerSpec = Partial<Record<(typeof ownerSpecFields)[number], unknown>>

const ownerStatusFields = [
  'observedGeneration',
  'replicas',
  'availableReplicas',
  'updatedReplicas',
  'currentRevision',
  'updateRevision',
  'desiredNumberScheduled',
  'currentNumberScheduled',
  'updatedNumberScheduled',
  'numberReady',
  'currentPodHash',
  'stableRS',
  'phase',
  'message',
] as const
type OwnerStatus = Partial<Record<(typeof ownerStatusFields)[number], unknown>>

const cutNamespace = (namespace: Namespace): Namespace => ({
  apiVersion: namespace.apiVersion,
  kind: namespace.kind,
  metadata: cutMetadata(namespace.metadata, namespaceKeys),
  ...(namespace.status === undefined ? {} : { status: namespace.status }),
})

/** Our own kinds are kept whole, but for who wrote which field. */
const cutOurs = <T extends KubeObject>(object: T): T => {
  // Not a copy without one field: V8 would keep each of those as a table of its own.
  const metadata = only(object.metadata, allMetadataFields)
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
  const { reflect, client, log, signal } = options
  const process = { client, log, signal }
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

const everyNamespace: Eligibility = { allowed: [], denied: [] }

/** What the parts lifecycle and gate look at. Namespaces that are not eligible are seen as such that did not opt in. */
export const reflectLifecycle = (
  options: Parameters<typeof starter>[0] & {
    /** Our own. */
    readonly namespace: string
    readonly eligibility?: Eligibility
  },
) => {
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
      project: (namespace) => {
        const cut = cutNamespace(namespace as Namespace)
        return isEligible(options.eligibility ?? everyNamespace, cut.metadata.name)
          ? cut
          : asIneligible(cut)
      },
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
    taskDefinitions: ours(KeptnTaskDefinition, definitionIndexes),
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
    endpoints: start<KeptEndpoints>(webhookEndpoints(options.namespace)),
    jobs: start(taskJobs),
    taskPods: start(taskPods),
    configMaps: start(functionConfigMaps),
  }
  /** What the gate looks at, by its names. */
  const gateStores = {
    pods: stores.pods,
    letGo: stores.letGoPods,
    versions: stores.workloadVersions,
    namespaces: stores.namespaces,
    owners: [stores.replicaSets, stores.statefulSets, stores.daemonSets],
    endpoints: stores.endpoints,
  }
  return { reflectors, stores, gateStores }
}

/** What the part metrics looks at. */
export const reflectMetrics = (options: Parameters<typeof starter>[0]) => {
  const { reflectors, start, startOptional, ours } = starter(options)
  const stores = {
    metrics: ours(metricsReflections.metrics.type, metricsReflections.metrics.indexes),
    providers: ours(metricsReflections.providers.type),
    evaluations: startOptional<AwaitingEvaluation>({
      ...metricsReflections.evaluations,
      project: metricsReflections.evaluations.project as (object: KubeObject) => AwaitingEvaluation,
    }),
    analyses: start<KeptAnalysis>({
      ...metricsReflections.analyses,
      project: (object) => keepAnalysis(cutOurs(object as Analysis)),
    }),
    definitions: ours(metricsReflections.definitions.type),
    templates: ours(metricsReflections.templates.type),
    apiServer: start(metricsReflections.apiServer),
  }
  return { reflectors, stores }
}
