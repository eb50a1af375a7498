/**
 * What the lifecycle's controllers look at, and by what they look it up. Whoever starts the process keeps the stores.
 *
 * @module
 */
import type {
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
import type { DaemonSet, Namespace, ReplicaSet, Rollout, StatefulSet } from '../api/kubernetes.ts'
import { controllerOf, type KubeObject } from '../api/object.ts'
import { identify } from '../identity/identity.ts'
import { workloadName, workloadVersionName } from '../identity/names.ts'
import { revisionOf } from '../identity/revision.ts'
import type { Store } from '../kube/store.ts'
import { namesIn, type Children, type Definitions } from './children.ts'
import type { FunctionConfigMap } from './task-definition/function-config-map.ts'
import type { FollowedJob } from './task/job.ts'
import type { TaskPod } from './task/pods.ts'

/** Every store, by the plural that people use. */
export interface LifecycleStores {
  readonly pods: Store<KubeObject>
  readonly namespaces: Store<Namespace>
  readonly workloads: Store<KeptnWorkload>
  readonly workloadVersions: Store<KeptnWorkloadVersion>
  readonly apps: Store<KeptnApp>
  readonly appVersions: Store<KeptnAppVersion>
  readonly appContexts: Store<KeptnAppContext>
  readonly appCreationRequests: Store<KeptnAppCreationRequest>
  readonly tasks: Store<KeptnTask>
  readonly evaluations: Store<KeptnEvaluation>
  readonly taskDefinitions: Store<KeptnTaskDefinition>
  readonly evaluationDefinitions: Store<KeptnEvaluationDefinition>
  readonly metrics: Store<KeptnMetric>
  readonly configs: Store<KeptnConfig>
  readonly replicaSets: Store<ReplicaSet>
  readonly statefulSets: Store<StatefulSet>
  readonly daemonSets: Store<DaemonSet>
  /** Argo's. Empty where its CustomResourceDefinition isn't installed. */
  readonly rollouts: Store<Rollout>
  readonly jobs: Store<FollowedJob>
  readonly taskPods: Store<TaskPod>
  readonly configMaps: Store<FunctionConfigMap>
}

/** Values of indexes are compared within a namespace. */
export const within = (namespace: string | undefined, value: string): string =>
  `${namespace ?? ''}/${value}`

const controllerUid = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object)
  return owner === undefined ? [] : [owner.uid]
}

const tasksOf = ({ spec }: KeptnAppVersion | KeptnWorkloadVersion): readonly string[] =>
  namesIn([
    ...(spec.preDeploymentTasks ?? []),
    ...(spec.postDeploymentTasks ?? []),
    ...('promotionTasks' in spec ? (spec.promotionTasks ?? []) : []),
    ...('onFailure' in spec ? (spec.onFailure ?? []) : []),
  ])

const evaluationsOf = ({ spec }: KeptnAppVersion | KeptnWorkloadVersion): readonly string[] =>
  namesIn([...(spec.preDeploymentEvaluations ?? []), ...(spec.postDeploymentEvaluations ?? [])])

const definitionsOf = (version: KeptnAppVersion | KeptnWorkloadVersion): readonly string[] => [
  ...new Set([...tasksOf(version), ...evaluationsOf(version)]),
]

/** The KeptnWorkloadVersions that an app version lists, by their keys. */
const listedVersions = ({ metadata, spec }: KeptnAppVersion): readonly string[] =>
  (spec.workloads ?? []).map(({ name, version }) =>
    within(metadata.namespace, workloadVersionName(workloadName(spec.appName, name), version)),
  )

/** What stands in the index of held pods for those whose workload their owner alone knows. */
export const unknownWorkload = ''

/** The name of the KeptnWorkload that a held pod is of. */
const workloadOf = (pod: KubeObject): readonly string[] => {
  const identity = identify(pod.metadata, undefined)
  if (identity === 'owner-needed') return [unknownWorkload]
  return identity === 'not-managed' ? [] : [workloadName(identity.app, identity.workload)]
}

/** The indexes that the lifecycle needs, by store. */
export const lifecycleIndexes = {
  pods: {
    revision: (pod: KubeObject): readonly string[] => {
      const revision = revisionOf(pod)
      return revision === undefined ? [] : [within(pod.metadata.namespace, revision.key)]
    },
    workload: (pod: KubeObject): readonly string[] =>
      workloadOf(pod).map((name) => within(pod.metadata.namespace, name)),
  },
  workloads: {
    app: (workload: KeptnWorkload): readonly string[] => [
      within(workload.metadata.namespace, workload.spec.app),
    ],
  },
  workloadVersions: {
    app: (version: KeptnWorkloadVersion): readonly string[] => [
      within(version.metadata.namespace, version.spec.app),
    ],
    revision: (version: KeptnWorkloadVersion): readonly string[] =>
      (version.spec.revisions ?? []).map((revision) =>
        within(version.metadata.namespace, revision),
      ),
    owner: (version: KeptnWorkloadVersion): readonly string[] => [
      version.spec.resourceReference.uid,
    ],
    namespace: (version: KeptnWorkloadVersion): readonly string[] => [
      version.metadata.namespace ?? '',
    ],
    workload: (version: KeptnWorkloadVersion): readonly string[] => [
      within(version.metadata.namespace, version.spec.workloadName),
    ],
    definition: definitionsOf,
  },
  appVersions: {
    app: (version: KeptnAppVersion): readonly string[] => [
      within(version.metadata.namespace, version.spec.appName),
    ],
    lists: listedVersions,
    namespace: (version: KeptnAppVersion): readonly string[] => [version.metadata.namespace ?? ''],
    definition: definitionsOf,
  },
  appCreationRequests: {
    app: (request: KeptnAppCreationRequest): readonly string[] => [
      within(request.metadata.namespace, request.spec.appName),
    ],
  },
  tasks: {
    controller: controllerUid,
    definition: (task: KeptnTask): readonly string[] => [task.spec.taskDefinition],
  },
  evaluations: {
    controller: controllerUid,
    definition: (evaluation: KeptnEvaluation): readonly string[] => [
      evaluation.spec.evaluationDefinition,
    ],
    awaits: ({ status }: KeptnEvaluation): readonly string[] =>
      (status?.awaits?.metrics ?? []).map(({ namespace, name }) => within(namespace, name)),
  },
  configs: {
    namespace: (config: KeptnConfig): readonly string[] => [config.metadata.namespace ?? ''],
  },
  replicaSets: {
    controller: controllerUid,
    uid: ({ metadata }: KubeObject): readonly string[] => [metadata.uid],
  },
} as const

/** The key of the object that controls this one: whose status it is part of. */
export const ownerKeys = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object)
  return owner === undefined ? [] : [within(object.metadata.namespace, owner.name)]
}

/** The version that made this task or evaluation; `undefined`: a person did, or it is gone. */
export const parentOf = (
  { appVersions, workloadVersions }: Pick<LifecycleStores, 'appVersions' | 'workloadVersions'>,
  child: KubeObject,
): KeptnAppVersion | KeptnWorkloadVersion | undefined => {
  const { namespace } = child.metadata
  const { kind, name = '', uid } = controllerOf(child) ?? {}
  const store = kind === 'KeptnAppVersion' ? appVersions : workloadVersions
  const parent = store.get(namespace, name)
  return parent?.metadata.uid === uid ? parent : undefined
}

/** The tasks and evaluations that this version has made. */
export const childrenOf = (
  stores: Pick<LifecycleStores, 'tasks' | 'evaluations'>,
  version: KubeObject,
): Children => ({
  tasks: stores.tasks.by('controller', version.metadata.uid),
  evaluations: stores.evaluations.by('controller', version.metadata.uid),
})

/** The definitions that a version names: from its own namespace, else from ours. */
export const definitionsFor = (
  stores: Pick<LifecycleStores, 'taskDefinitions' | 'evaluationDefinitions'>,
  version: KeptnAppVersion | KeptnWorkloadVersion,
  ourNamespace: string,
): Definitions => {
  const { namespace } = version.metadata
  const found = <T extends KubeObject>(
    store: Store<T>,
    names: readonly string[],
  ): ReadonlyMap<string, T> =>
    new Map(
      names.flatMap((name) => {
        const definition = store.get(namespace, name) ?? store.get(ourNamespace, name)
        return definition === undefined ? [] : [[name, definition] as const]
      }),
    )
  return {
    tasks: found(stores.taskDefinitions, tasksOf(version)),
    evaluations: found(stores.evaluationDefinitions, evaluationsOf(version)),
  }
}
