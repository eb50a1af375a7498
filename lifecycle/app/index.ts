/**
 * From a KeptnApp to the KeptnAppVersion of its present generation.
 *
 * @module
 */
import { KeptnApp, KeptnAppContext, type KeptnAppVersion } from '../../api/index.ts'
import { controllerOf } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { newestFirst } from '../checks/history.ts'
import { isLeaving } from '../checks/leaving.ts'
import { configOf } from '../config.ts'
import { ownerKeys, type LifecycleStores } from '../stores.ts'
import { decide, type AppSeen, type AppStatus } from './decide.ts'
import { presentOf, versionNameOf } from './generation.ts'

/** Makes KeptnAppVersions and writes the status of KeptnApps. */
export const appController = (reader: {
  readonly stores: Pick<LifecycleStores, 'apps' | 'appVersions' | 'appContexts' | 'configs'>
  readonly client: Pick<Client, 'get'>
  readonly namespace: string
}): Controller<AppSeen, AppStatus> => {
  const { apps, appVersions, appContexts, configs } = reader.stores
  return {
    name: 'app',
    wakes: [
      wake(apps, (app) => [keyOf(app)]),
      wake(appVersions, ownerKeys),
      wake(appContexts, (context) => [keyOf(context)]),
      // Of old versions fewer may be kept.
      wake(configs, () => [...apps.all()].map(keyOf)),
    ],
    observe: async (key, now) => {
      const { namespace = '', name } = parseKey(key)
      const app = apps.get(namespace, name)
      if (app === undefined || app.metadata.deletionTimestamp !== undefined) return undefined
      const ofName = appVersions.by('app', key)
      const version = presentOf(app, ofName) ?? appVersions.get(namespace, versionNameOf(app))
      const context = appContexts.get(namespace, name)
      return {
        now,
        app,
        // A store that is behind must not lead to a version without its checks.
        context:
          version === undefined && context === undefined
            ? await reader.client.get(KeptnAppContext, { namespace, name })
            : context,
        version,
        history: ofName.filter((version) => isOf(app, version)).toSorted(byGeneration),
        config: configOf(configs.by('namespace', reader.namespace)),
      }
    },
    decide,
    subject: ({ app }) => ({ type: KeptnApp, object: app }),
  }
}

/** Times are whole seconds: of two that were made in one, the generations tell. */
const byGeneration = (one: KeptnAppVersion, other: KeptnAppVersion): number =>
  (other.spec.generation ?? 0) - (one.spec.generation ?? 0) || newestFirst(one, other)

const isOf = (app: KeptnApp, version: KeptnAppVersion): boolean =>
  controllerOf(version)?.uid === app.metadata.uid && !isLeaving(version)
