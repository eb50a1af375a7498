import type {
  KeptnAppVersion,
  KeptnEvaluation,
  KeptnTask,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import { controllerOf, type KubeObject } from '../../../api/object.ts'
import { createFeed, type Feed, type Indexes } from '../../../kube/store.ts'

/** A time on the day of the tests, such as `10:00:05`. */
export const at = (time: string): string => `2026-01-05T${time}Z`

let version = 0

/** The metadata of an object whose UID is its name; each call is a newer version. */
export const metadata = (
  name: string,
  more: { readonly namespace?: string; readonly creationTimestamp?: string } = {},
) => {
  version += 1
  const fixed = { uid: name, resourceVersion: String(version), creationTimestamp: at('09:00:00') }
  return { name, namespace: 'shop', ...fixed, ...more }
}

/** An empty store that can be fed. */
export const emptyFeed = <T extends KubeObject>(indexes: Indexes<T> = {}): Feed<T> =>
  createFeed<T>({
    project: (object) => object as T,
    matches: () => true,
    indexes,
    onError: (error) => {
      throw error
    },
  })

const controller = (object: KubeObject): readonly string[] =>
  [controllerOf(object)?.uid ?? ''].filter((uid) => uid !== '')

/** The feeds of everything that is measured. */
export const measuredFeeds = () => ({
  appVersions: emptyFeed<KeptnAppVersion>(),
  workloadVersions: emptyFeed<KeptnWorkloadVersion>(),
  tasks: emptyFeed<KeptnTask>({ controller }),
  evaluations: emptyFeed<KeptnEvaluation>({ controller }),
})

/** Their stores. */
export const storesOf = ({
  appVersions,
  workloadVersions,
  tasks,
  evaluations,
}: ReturnType<typeof measuredFeeds>) => ({
  appVersions: appVersions.store,
  workloadVersions: workloadVersions.store,
  tasks: tasks.store,
  evaluations: evaluations.store,
})

/** A version of the app `shop`. */
export const anAppVersion = (
  name: string,
  spec: Partial<KeptnAppVersion['spec']> = {},
  status: Partial<NonNullable<KeptnAppVersion['status']>> = {},
  more: Parameters<typeof metadata>[1] = {},
) =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnAppVersion',
    metadata: metadata(name, more),
    spec: { appName: 'shop', version: name.split('-')[1] ?? '1', revision: 1, ...spec },
    status,
  }) as unknown as KeptnAppVersion

/** A version of the workload `shop-cart`. */
export const aWorkloadVersion = (
  name: string,
  status: Partial<NonNullable<KeptnWorkloadVersion['status']>> = {},
  spec: Partial<KeptnWorkloadVersion['spec']> = {},
) =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnWorkloadVersion',
    metadata: metadata(name),
    spec: { app: 'shop', workloadName: 'shop-cart', version: '1', ...spec },
    status,
  }) as unknown as KeptnWorkloadVersion

/** A task before the deployment of an app. */
export const aTask = (
  name: string,
  status: Partial<NonNullable<KeptnTask['status']>> = {},
  spec: Partial<KeptnTask['spec']> = {},
  owner?: string,
) =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnTask',
    metadata: {
      ...metadata(name),
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ controller: true, uid: owner, name: owner, kind: 'X' }] }),
    },
    spec: {
      taskDefinition: 'smoke',
      context: { appName: 'shop', appVersion: '1', taskType: 'pre' },
      checkType: 'pre',
      ...spec,
    },
    status,
  }) as unknown as KeptnTask

/** An evaluation after the deployment of a workload. */
export const anEvaluation = (
  name: string,
  status: Partial<NonNullable<KeptnEvaluation['status']>> = {},
) =>
  ({
    apiVersion: 'lifecycle.keptn.sh/v1',
    kind: 'KeptnEvaluation',
    metadata: metadata(name),
    spec: {
      appName: 'shop',
      workload: 'shop-cart',
      workloadVersion: '1',
      evaluationDefinition: 'load',
      checkType: 'post-eval',
    },
    status,
  }) as unknown as KeptnEvaluation
