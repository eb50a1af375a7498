/**
 * A KeptnAppVersion through its phases. Woken by its app, its workloads and their versions, its tasks and evaluations, its
 * namespace, and by definitions.
 *
 * @module
 */
import { KeptnAppVersion, type KeptnWorkload, type KeptnWorkloadVersion } from '../../api/index.ts'
import type { Namespace } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { wake, wakeOnArrival, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { mindsGuard } from '../actions/decide.ts'
import { endingOf, endings } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { hasLeft } from '../namespaces.ts'
import { lifecycleIndexes, ownerKeys, within } from '../stores.ts'
import { decide, refused } from './decide.ts'
import { observe, type Reader } from './observe.ts'
import type { AppVersionSeen, AppVersionStatus } from './seen.ts'

/** Writes the status of KeptnAppVersions and makes their tasks and evaluations. */
export const appVersionController = (
  reader: Reader,
): Controller<AppVersionSeen, AppVersionStatus> => {
  const { stores } = reader
  const { appVersions } = stores
  const ofVersion = (version: KeptnWorkloadVersion): readonly string[] =>
    appVersions.by('lists', keyOf(version)).map(keyOf)
  /** Whether pods are held counts for versions that ended with their namespace, and for no others. */
  const ofHeldPod = (pod: KubeObject): readonly string[] =>
    lifecycleIndexes.pods
      .revision(pod)
      .flatMap((key) => stores.workloadVersions.by('revision', key))
      .filter((version) => endingOf(version) === endings.optedOut)
      .flatMap(ofVersion)
  const ofApp = (app: string): readonly string[] => appVersions.by('app', app).map(keyOf)
  const ofDefinition = (definition: { readonly metadata: { readonly name: string } }) =>
    appVersions.by('definition', definition.metadata.name).map(keyOf)
  /** Those that a namespace which leaves or comes back may end or begin anew. */
  const ofNamespace = (namespace: Namespace): readonly string[] =>
    appVersions
      .by('namespace', namespace.metadata.name)
      .filter(({ status }) =>
        hasLeft(namespace) ? !isTerminal(status?.status) : status?.status === 'Deprecated',
      )
      .map(keyOf)
  return {
    name: 'app-version',
    wakes: [
      wake(appVersions, (version) => [keyOf(version)]),
      wake(stores.apps, (app) => ofApp(keyOf(app))),
      // A new version puts the older ones in their place.
      wakeOnArrival(appVersions, ({ metadata, spec }) =>
        ofApp(within(metadata.namespace, spec.appName)),
      ),
      wake(stores.workloadVersions, ofVersion),
      wake(stores.namespaces, ofNamespace),
      wake(stores.pods, ofHeldPod),
      wake<KeptnWorkload>(stores.workloads, ({ metadata, spec }) =>
        ofApp(within(metadata.namespace, spec.app)),
      ),
      wake(stores.tasks, ownerKeys),
      wake(stores.evaluations, ownerKeys),
      wake(stores.taskDefinitions, ofDefinition),
      wake(stores.evaluationDefinitions, ofDefinition),
      wake(stores.configs, () => [...appVersions.all()].map(keyOf)),
      ...reader.guard.wakes(() => [...appVersions.all()].filter(mindsGuard).map(keyOf)),
    ],
    observe: observe(reader),
    decide,
    refused,
    subject: ({ version }) => ({ type: KeptnAppVersion, object: version }),
  }
}
