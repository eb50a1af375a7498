/**
 * A KeptnWorkloadVersion through its phases. Woken by its app version, its tasks and evaluations, its pods' owner, its
 * workload, its namespace, and by definitions.
 *
 * @module
 */
import {
  KeptnWorkloadVersion,
  type KeptnApp,
  type KeptnAppVersion,
  type KeptnWorkload,
} from '../../api/index.ts'
import type { Namespace, ReplicaSet } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { wantsManaging } from '../../identity/scope.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { mindsGuard } from '../actions/decide.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { isAborted, isReleased } from '../checks/ending.ts'
import { replicaSetsOf, siblingsOf } from '../owners.ts'
import { lifecycleIndexes, ownerKeys } from '../stores.ts'
import { decide, refused } from './decide.ts'
import { saysAppAborted } from './waiting.ts'
import { observe, type Reader } from './observe.ts'
import type { WorkloadVersionSeen, WorkloadVersionStatus } from './seen.ts'
import { otherRevisionWanted } from './standing.ts'

const isUnderWay = ({ status }: KeptnWorkloadVersion): boolean => !isTerminal(status?.status)
/** One that has begun goes its way; its app is asked again when it has failed. */
const looksAtItsApp = ({ status }: KeptnWorkloadVersion): boolean =>
  status?.currentPhase === undefined || status.status === 'Failed'
/** One that has begun and is not released waits while its app version is aborted. */
const minds = (version: KeptnWorkloadVersion, isAppAborted: boolean): boolean =>
  isUnderWay(version) && !isReleased(version) && (isAppAborted || saysAppAborted(version))
const isDeprecated = ({ status }: KeptnWorkloadVersion): boolean => status?.status === 'Deprecated'

/** Writes the status of KeptnWorkloadVersions and makes their tasks and evaluations. */
export const workloadVersionController = (
  reader: Reader,
): Controller<WorkloadVersionSeen, WorkloadVersionStatus> => {
  const { stores } = reader
  const { workloadVersions } = stores
  const ofOwner = (owner: KubeObject) => workloadVersions.by('owner', owner.metadata.uid).map(keyOf)
  /** What one ReplicaSet of a Deployment comes to may be the end of the versions of the others. */
  const ofSiblings = (replicaSet: ReplicaSet): readonly string[] =>
    siblingsOf(stores, replicaSet)
      .flatMap(({ metadata }) => workloadVersions.by('owner', metadata.uid))
      .filter((version) => isUnderWay(version) && !isReleased(version))
      .map(keyOf)
  const ofDefinition = (definition: { readonly metadata: { readonly name: string } }) =>
    workloadVersions.by('definition', definition.metadata.name).map(keyOf)
  /** Those that go over to another version, and those that may begin anew. */
  const ofWorkload = (workload: KeptnWorkload): readonly string[] =>
    workloadVersions
      .by('workload', keyOf(workload))
      .filter((version) => isUnderWay(version) || isDeprecated(version))
      .map(keyOf)
  /** Namespaces are written at each release, which concerns few of their versions. */
  const ofNamespace = (namespace: Namespace): readonly string[] => {
    const mayGo = (version: KeptnWorkloadVersion): boolean =>
      isUnderWay(version) && otherRevisionWanted(stores, version) !== undefined
    const isConcerned = wantsManaging(namespace)
      ? (version: KeptnWorkloadVersion) => isDeprecated(version) || mayGo(version)
      : isUnderWay
    return workloadVersions.by('namespace', namespace.metadata.name).filter(isConcerned).map(keyOf)
  }
  const ofAppVersion = (appVersion: KeptnAppVersion): readonly string[] =>
    lifecycleIndexes.appVersions.lists(appVersion).filter((key) => {
      const { namespace, name } = parseKey(key)
      const version = workloadVersions.get(namespace, name)
      return (
        version !== undefined && (looksAtItsApp(version) || minds(version, isAborted(appVersion)))
      )
    })
  /** Its workload has another version: whether its pods are held decides whether it goes on. */
  const isLeftBehind = (version: KeptnWorkloadVersion): boolean => {
    const { metadata, spec } = version
    const workload = stores.workloads.get(metadata.namespace, spec.workloadName)
    return isUnderWay(version) && workload?.spec.version !== spec.version
  }
  const ofHeldPod = (pod: KubeObject): readonly string[] =>
    lifecycleIndexes.pods
      .revision(pod)
      .flatMap((key) => workloadVersions.by('revision', key))
      .filter((version) => isDeprecated(version) || isLeftBehind(version))
      .map(keyOf)
  return {
    name: 'workload-version',
    wakes: [
      wake(workloadVersions, (version) => [keyOf(version)]),
      wake(stores.appVersions, ofAppVersion),
      wake<KeptnApp>(stores.apps, (app) =>
        workloadVersions.by('app', keyOf(app)).filter(looksAtItsApp).map(keyOf),
      ),
      wake(stores.workloads, ofWorkload),
      wake(stores.namespaces, ofNamespace),
      wake(stores.pods, ofHeldPod),
      wake(stores.tasks, ownerKeys),
      wake(stores.evaluations, ownerKeys),
      wake(stores.replicaSets, ofOwner),
      wake(stores.replicaSets, ofSiblings),
      wake(stores.statefulSets, ofOwner),
      wake(stores.daemonSets, ofOwner),
      wake(stores.rollouts, (rollout) => replicaSetsOf(stores, rollout).flatMap(ofOwner)),
      wake(stores.taskDefinitions, ofDefinition),
      wake(stores.evaluationDefinitions, ofDefinition),
      wake(stores.configs, () => [...workloadVersions.all()].map(keyOf)),
      ...reader.guard.wakes(() => [...workloadVersions.all()].filter(mindsGuard).map(keyOf)),
    ],
    observe: observe(reader),
    decide,
    refused,
    subject: ({ version }) => ({ type: KeptnWorkloadVersion, object: version }),
  }
}
