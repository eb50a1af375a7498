/**
 * From KeptnWorkloads to the KeptnApp they make together. The key is the app's name in its namespace.
 *
 * @module
 */
import type { KeptnWorkload, KeptnWorkloadVersion } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { configOf } from '../config.ts'
import { within, type LifecycleStores } from '../stores.ts'
import { versionNameOf } from '../workload/decide.ts'
import { decide, type AppDiscoverySeen, type DiscoveredWorkload } from './decide.ts'

/** Makes and changes KeptnApps that no user wrote; writes no status. */
export const appDiscoveryController = (reader: {
  readonly stores: Pick<LifecycleStores, 'workloads' | 'workloadVersions' | 'apps' | 'configs'>
  readonly namespace: string
}): Controller<AppDiscoverySeen> => {
  const { workloads, workloadVersions, apps, configs } = reader.stores
  const discovered = (workload: KeptnWorkload): DiscoveredWorkload => {
    const version = workloadVersions.get(workload.metadata.namespace, versionNameOf(workload))
    return {
      workload,
      versionSince: version && new Date(version.metadata.creationTimestamp),
    }
  }
  const appKey = (object: KeptnWorkload | KeptnWorkloadVersion): readonly string[] => [
    within(object.metadata.namespace, object.spec.app),
  ]
  return {
    name: 'app-discovery',
    wakes: [
      wake(workloads, appKey),
      wake(workloadVersions, appKey),
      wake(apps, (app) => [keyOf(app)]),
    ],
    observe: (key, now) => {
      const { namespace = '', name } = parseKey(key)
      return {
        now,
        namespace,
        name,
        app: apps.get(namespace, name),
        workloads: workloads
          .by('app', key)
          .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
          .map(discovered),
        config: configOf(configs.by('namespace', reader.namespace)),
      }
    },
    decide,
  }
}
