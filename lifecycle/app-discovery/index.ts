/**
 * From KeptnWorkloads to the KeptnApp they make together. The key is the app's name in its namespace.
 *
 * @module
 */
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { siblingsOf } from '../owners.ts'
import { within } from '../stores.ts'
import { decide, type AppDiscoverySeen } from './decide.ts'
import {
  appKeys,
  observeApp,
  ofHeldPod,
  ofNamespace,
  ofOtherOwner,
  type AppDiscoveryReader,
} from './observe.ts'

/** Makes and changes KeptnApps that no user wrote; writes no status. */
export const appDiscoveryController = (
  reader: AppDiscoveryReader,
): Controller<AppDiscoverySeen> => ({
  name: 'app-discovery',
  wakes: [
    wake(reader.stores.workloads, appKeys),
    wake(reader.stores.workloadVersions, appKeys),
    wake(reader.stores.apps, (app) => [keyOf(app)]),
    wake(reader.stores.replicaSets, (replicaSet) =>
      siblingsOf(reader.stores, replicaSet).flatMap(ofOtherOwner(reader)),
    ),
    wake(reader.stores.namespaces, ofNamespace(reader)),
    wake(reader.stores.statefulSets, ofOtherOwner(reader)),
    wake(reader.stores.daemonSets, ofOtherOwner(reader)),
    wake(reader.stores.pods, ofHeldPod(reader)),
    wake(reader.stores.appCreationRequests, ({ metadata, spec }) => [
      within(metadata.namespace, spec.appName),
    ]),
  ],
  observe: observeApp(reader),
  decide,
})
