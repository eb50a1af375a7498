/**
 * A KeptnAppVersion through its phases. Woken by its workload versions, its tasks and evaluations, and by definitions.
 *
 * @module
 */
import { KeptnAppVersion, type KeptnWorkloadVersion } from '../../api/index.ts'
import { workloadName, workloadVersionName } from '../../identity/names.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { earlierVersionNames } from '../app/decide.ts'
import { isLeaving } from '../checks/leaving.ts'
import { configOf } from '../config.ts'
import { childrenOf, definitionsFor, ownerKeys, within, type LifecycleStores } from '../stores.ts'
import {
  decide,
  type AppVersionSeen,
  type AppVersionStatus,
  type ListedWorkload,
} from './decide.ts'

/** Writes the status of KeptnAppVersions and makes their tasks and evaluations. */
export const appVersionController = (reader: {
  readonly stores: LifecycleStores
  readonly namespace: string
}): Controller<AppVersionSeen, AppVersionStatus> => {
  const { stores } = reader
  const { appVersions, workloadVersions, apps } = stores
  const ofApp = (object: KeptnWorkloadVersion): readonly string[] =>
    appVersions.by('app', within(object.metadata.namespace, object.spec.app)).map(keyOf)
  const ofDefinition = (definition: { readonly metadata: { readonly name: string } }) =>
    appVersions.by('definition', definition.metadata.name).map(keyOf)
  const listed = (version: KeptnAppVersion): readonly ListedWorkload[] =>
    (version.spec.workloads ?? []).map((reference) => {
      const found = workloadVersions.get(
        version.metadata.namespace,
        workloadVersionName(workloadName(version.spec.appName, reference.name), reference.version),
      )
      return {
        name: reference.name,
        version: reference.version,
        // One that is being deleted is made anew.
        found: found === undefined || isLeaving(found) ? undefined : found,
      }
    })
  const isReplaced = (version: KeptnAppVersion): boolean => {
    const app = apps.get(version.metadata.namespace, version.spec.appName)
    if (app?.spec.version !== version.spec.version) return false
    // Only by an earlier generation: a store of apps that is behind knows nothing of a later one.
    return earlierVersionNames(app).includes(version.metadata.name)
  }
  return {
    name: 'app-version',
    wakes: [
      wake(appVersions, (version) => [keyOf(version)]),
      wake(apps, (app) => appVersions.by('app', keyOf(app)).map(keyOf)),
      wake(workloadVersions, ofApp),
      wake(stores.tasks, ownerKeys),
      wake(stores.evaluations, ownerKeys),
      wake(stores.taskDefinitions, ofDefinition),
      wake(stores.evaluationDefinitions, ofDefinition),
      wake(stores.configs, () => [...appVersions.all()].map(keyOf)),
    ],
    observe: (key, now) => {
      const { namespace, name } = parseKey(key)
      const version = appVersions.get(namespace, name)
      if (version === undefined || version.metadata.deletionTimestamp !== undefined)
        return undefined
      return {
        now,
        version,
        replaced: isReplaced(version),
        workloads: listed(version),
        children: childrenOf(stores, version),
        definitions: definitionsFor(stores, version, reader.namespace),
        config: configOf(stores.configs.by('namespace', reader.namespace)),
      }
    },
    decide,
    subject: ({ version }) => ({ type: KeptnAppVersion, object: version }),
  }
}
