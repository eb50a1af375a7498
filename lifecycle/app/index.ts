/**
 * From a KeptnApp to the KeptnAppVersion of its present generation.
 *
 * @module
 */
import { KeptnApp } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { configOf } from '../config.ts'
import { ownerKeys, type LifecycleStores } from '../stores.ts'
import { decide, versionNameOf, type AppSeen, type AppStatus } from './decide.ts'

/** Makes KeptnAppVersions and writes the status of KeptnApps. */
export const appController = (reader: {
  readonly stores: Pick<LifecycleStores, 'apps' | 'appVersions' | 'configs'>
  readonly namespace: string
}): Controller<AppSeen, AppStatus> => {
  const { apps, appVersions, configs } = reader.stores
  return {
    name: 'app',
    wakes: [wake(apps, (app) => [keyOf(app)]), wake(appVersions, ownerKeys)],
    observe: (key, now) => {
      const { namespace, name } = parseKey(key)
      const app = apps.get(namespace, name)
      if (app === undefined || app.metadata.deletionTimestamp !== undefined) return undefined
      return {
        now,
        app,
        version: appVersions.get(namespace, versionNameOf(app)),
        config: configOf(configs.by('namespace', reader.namespace)),
      }
    },
    decide,
    subject: ({ app }) => ({ type: KeptnApp, object: app }),
  }
}
