/**
 * A KeptnWorkloadVersion through its phases. Woken by its app version, its tasks and evaluations, its pods' owner, and by
 * definitions.
 *
 * @module
 */
import { KeptnWorkloadVersion, type KeptnApp, type KeptnAppVersion } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { workloadName, workloadVersionName } from '../../identity/names.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { versionNameOf as appVersionNameOf } from '../app/decide.ts'
import { isLeaving, isOnItsWayOut } from '../checks/leaving.ts'
import type { Owner } from '../checks/rollout.ts'
import { configOf } from '../config.ts'
import { replicaSetOwner, replicaSetsOf } from '../owners.ts'
import { childrenOf, definitionsFor, ownerKeys, within, type LifecycleStores } from '../stores.ts'
import { decide, type WorkloadVersionSeen, type WorkloadVersionStatus } from './decide.ts'

/** Writes the status of KeptnWorkloadVersions and makes their tasks and evaluations. */
export const workloadVersionController = (reader: {
  readonly stores: LifecycleStores
  readonly namespace: string
}): Controller<WorkloadVersionSeen, WorkloadVersionStatus> => {
  const { stores } = reader
  const { workloadVersions, appVersions } = stores
  const lists = (appVersion: KeptnAppVersion, version: KeptnWorkloadVersion): boolean =>
    (appVersion.spec.workloads ?? []).some(
      (reference) =>
        workloadVersionName(
          workloadName(appVersion.spec.appName, reference.name),
          reference.version,
        ) === version.metadata.name,
    )
  const isPresent = ({ metadata, spec }: KeptnAppVersion): boolean => {
    const app = stores.apps.get(metadata.namespace, spec.appName)
    return app !== undefined && appVersionNameOf(app) === metadata.name
  }
  /** Its app was made again, or it is being deleted: what it comes to says nothing about the app that is there now. */
  const isGoing = (candidate: KeptnAppVersion): boolean => {
    const app = stores.apps.get(candidate.metadata.namespace, candidate.spec.appName)
    return app === undefined ? isLeaving(candidate) : isOnItsWayOut(candidate, app)
  }
  // Times are whole seconds: of two that were made in one, the app knows which is its own now.
  const newestFirst = (a: KeptnAppVersion, b: KeptnAppVersion): number =>
    b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
    Number(isPresent(b)) - Number(isPresent(a))
  const appVersionOf = (version: KeptnWorkloadVersion): KeptnAppVersion | undefined =>
    appVersions
      .by('app', within(version.metadata.namespace, version.spec.app))
      .filter((candidate) => candidate.status?.status !== 'Deprecated' && !isGoing(candidate))
      .filter((candidate) => lists(candidate, version))
      .toSorted(newestFirst)[0]
  const ownerOf = (version: KeptnWorkloadVersion): Owner => {
    const { kind, name, uid } = version.spec.resourceReference
    const { namespace } = version.metadata
    const same = <T extends KubeObject>(object: T | undefined): T | undefined =>
      object?.metadata.uid === uid ? object : undefined
    switch (kind) {
      case 'ReplicaSet':
        return replicaSetOwner(stores, same(stores.replicaSets.get(namespace, name)))
      case 'StatefulSet':
        return { kind, object: same(stores.statefulSets.get(namespace, name)) }
      case 'DaemonSet':
        return { kind, object: same(stores.daemonSets.get(namespace, name)) }
      default:
        return { kind: 'other', name: kind }
    }
  }
  const ofOwner = (owner: KubeObject) => workloadVersions.by('owner', owner.metadata.uid).map(keyOf)
  const ofDefinition = (definition: { readonly metadata: { readonly name: string } }) =>
    workloadVersions.by('definition', definition.metadata.name).map(keyOf)
  const ofApp = (appVersion: KeptnAppVersion): readonly string[] =>
    workloadVersions
      .by('app', within(appVersion.metadata.namespace, appVersion.spec.appName))
      .map(keyOf)
  return {
    name: 'workload-version',
    wakes: [
      wake(workloadVersions, (version) => [keyOf(version)]),
      wake(appVersions, ofApp),
      wake<KeptnApp>(stores.apps, (app) => workloadVersions.by('app', keyOf(app)).map(keyOf)),
      wake(stores.tasks, ownerKeys),
      wake(stores.evaluations, ownerKeys),
      wake(stores.replicaSets, ofOwner),
      wake(stores.statefulSets, ofOwner),
      wake(stores.daemonSets, ofOwner),
      wake(stores.rollouts, (rollout) => replicaSetsOf(stores, rollout).flatMap(ofOwner)),
      wake(stores.taskDefinitions, ofDefinition),
      wake(stores.evaluationDefinitions, ofDefinition),
      wake(stores.configs, () => [...workloadVersions.all()].map(keyOf)),
    ],
    observe: (key, now) => {
      const { namespace, name } = parseKey(key)
      const version = workloadVersions.get(namespace, name)
      if (version === undefined || version.metadata.deletionTimestamp !== undefined)
        return undefined
      return {
        now,
        version,
        app: stores.apps.get(namespace, version.spec.app),
        appVersion: appVersionOf(version),
        owner: ownerOf(version),
        children: childrenOf(stores, version),
        definitions: definitionsFor(stores, version, reader.namespace),
        config: configOf(stores.configs.by('namespace', reader.namespace)),
      }
    },
    decide,
    subject: ({ version }) => ({ type: KeptnWorkloadVersion, object: version }),
  }
}
