/**
 * A KeptnAppVersion through its phases. Woken by its workload versions, its tasks and evaluations, and by definitions.
 *
 * @module
 */
import { KeptnAppVersion, type KeptnWorkload, type KeptnWorkloadVersion } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import { workloadName, workloadVersionName } from '../../identity/names.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { presentOf } from '../app/generation.ts'
import { isLeaving } from '../checks/leaving.ts'
import { configOf } from '../config.ts'
import { childrenOf, definitionsFor, ownerKeys, within, type LifecycleStores } from '../stores.ts'
import {
  decide,
  refused,
  type AppVersionSeen,
  type AppVersionStatus,
  type ListedWorkload,
  type Place,
} from './decide.ts'

/** Writes the status of KeptnAppVersions and makes their tasks and evaluations. */
export const appVersionController = (reader: {
  readonly stores: LifecycleStores
  readonly namespace: string
  readonly promotes: boolean
}): Controller<AppVersionSeen, AppVersionStatus> => {
  const { stores } = reader
  const { appVersions, workloads, workloadVersions, apps } = stores
  const ofVersion = (version: KeptnWorkloadVersion): readonly string[] =>
    appVersions.by('lists', keyOf(version)).map(keyOf)
  const ofApp = (app: string): readonly string[] => appVersions.by('app', app).map(keyOf)
  const ofDefinition = (definition: { readonly metadata: { readonly name: string } }) =>
    appVersions.by('definition', definition.metadata.name).map(keyOf)
  const listed = ({ metadata, spec }: KeptnAppVersion): readonly ListedWorkload[] =>
    (spec.workloads ?? []).map(({ name, version }) => {
      const ofWorkload = workloadName(spec.appName, name)
      // What is being deleted is made anew.
      const found = staying(
        workloadVersions.get(metadata.namespace, workloadVersionName(ofWorkload, version)),
      )
      const present = staying(workloads.get(metadata.namespace, ofWorkload))?.spec.version
      return { name, version, found, present }
    })
  /** Only by one that is there: a store of apps that is ahead knows nothing of what becomes of this generation. */
  const placeOf = (version: KeptnAppVersion): Place => {
    const { namespace } = version.metadata
    const app = apps.get(namespace, version.spec.appName)
    const present = app && presentOf(app, appVersions.by('app', keyOf(app)))
    if (present === undefined) return 'unknown'
    if (present.metadata.uid === version.metadata.uid) return 'present'
    return present.spec.version === version.spec.version ? 'made-again' : 'outdated'
  }
  return {
    name: 'app-version',
    wakes: [
      wake(appVersions, (version) => [keyOf(version)]),
      wake(apps, (app) => ofApp(keyOf(app))),
      // A new version puts the older ones in their place.
      wake(appVersions, ({ metadata, spec, status }) =>
        status === undefined ? ofApp(within(metadata.namespace, spec.appName)) : [],
      ),
      wake(workloadVersions, ofVersion),
      wake<KeptnWorkload>(workloads, ({ metadata, spec }) =>
        ofApp(within(metadata.namespace, spec.app)),
      ),
      wake(stores.tasks, ownerKeys),
      wake(stores.evaluations, ownerKeys),
      wake(stores.taskDefinitions, ofDefinition),
      wake(stores.evaluationDefinitions, ofDefinition),
      wake(stores.configs, () => [...appVersions.all()].map(keyOf)),
    ],
    observe: (key, now) => {
      const { namespace, name } = parseKey(key)
      const version = staying(appVersions.get(namespace, name))
      if (version === undefined) return undefined
      return {
        now,
        version,
        place: placeOf(version),
        workloads: listed(version),
        children: childrenOf(stores, version),
        definitions: definitionsFor(stores, version, reader.namespace),
        config: configOf(stores.configs.by('namespace', reader.namespace)),
        promotes: reader.promotes,
      }
    },
    decide,
    refused,
    subject: ({ version }) => ({ type: KeptnAppVersion, object: version }),
  }
}

const staying = <T extends KubeObject>(object: T | undefined): T | undefined =>
  object === undefined || isLeaving(object) ? undefined : object
