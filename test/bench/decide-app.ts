import type {
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnTask,
  KeptnTaskDefinition,
} from '../../api/index.ts'
import {
  KeptnApp,
  KeptnAppVersion,
  KeptnWorkload,
  KeptnWorkloadVersion,
  newObject,
} from '../../api/index.ts'
import type { KubeObject, New } from '../../api/object.ts'
import { keyOf } from '../../kube/keys.ts'
import { mergePatch } from '../../kube/merge-patch.ts'
import { createFeed, type Feed, type Indexes } from '../../kube/store.ts'
import type { ActionsGuard } from '../../lifecycle/actions/guard.ts'
import { appDiscoveryController } from '../../lifecycle/app-discovery/index.ts'
import { appVersionController } from '../../lifecycle/app-version/index.ts'
import { automaticLabels } from '../../lifecycle/checks/automatic-app.ts'
import { lifecycleIndexes, type LifecycleStores } from '../../lifecycle/index.ts'
import { workloadVersionController } from '../../lifecycle/workload-version/index.ts'
import type { Result } from './result.ts'
import { median, quantile } from './statistics.ts'

const workloadCount = 200
/** Other apps of the same size, so that a pass that looks at what is not its own is seen. */
const otherApps = 4
const warmUps = 200
const passes = 2_000
/** All workloads of the app are looked at once in so many passes: it takes long. */
const fanOutEvery = 50

const namespace = 'bench'
const home = 'keptn-system'
const version = '1.0.0'

/** Stores with the lifecycle's own indexes, filled by hand. */
const createStores = () => {
  const feedOf = <T extends KubeObject>(indexes: object = {}): Feed<T> =>
    createFeed<T>({
      project: (object) => object as T,
      matches: () => true,
      indexes: indexes as Indexes<T>,
      onError: (error) => {
        throw error
      },
    })
  const feeds = {
    pods: feedOf<KubeObject>(lifecycleIndexes.pods),
    workloads: feedOf<KeptnWorkload>(lifecycleIndexes.workloads),
    workloadVersions: feedOf<KeptnWorkloadVersion>(lifecycleIndexes.workloadVersions),
    apps: feedOf<KeptnApp>(),
    appVersions: feedOf<KeptnAppVersion>(lifecycleIndexes.appVersions),
    appContexts: feedOf<KubeObject>(),
    appCreationRequests: feedOf<KubeObject>(lifecycleIndexes.appCreationRequests),
    namespaces: feedOf<KubeObject>(),
    tasks: feedOf<KeptnTask>(lifecycleIndexes.tasks),
    evaluations: feedOf<KeptnEvaluation>(lifecycleIndexes.evaluations),
    taskDefinitions: feedOf<KeptnTaskDefinition>(),
    evaluationDefinitions: feedOf<KeptnEvaluationDefinition>(),
    metrics: feedOf<KeptnMetric>(),
    configs: feedOf<KeptnConfig>(lifecycleIndexes.configs),
    replicaSets: feedOf<KubeObject>(lifecycleIndexes.replicaSets),
    statefulSets: feedOf<KubeObject>(lifecycleIndexes.replicaSets),
    daemonSets: feedOf<KubeObject>(lifecycleIndexes.replicaSets),
    rollouts: feedOf<KubeObject>(),
    jobs: feedOf<KubeObject>(),
    configMaps: feedOf<KubeObject>(),
  }
  const stores = Object.fromEntries(
    Object.entries(feeds).map(([name, feed]) => [name, (feed as Feed<KubeObject>).store]),
  ) as unknown as LifecycleStores
  return { feeds, stores }
}

let lastVersion = 0
/** An object as the API server stores it. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what `newObject` makes is as its kind reads it
const stored = <T extends KubeObject>(object: New<KubeObject>): T =>
  ({
    ...object,
    metadata: {
      ...object.metadata,
      uid: `uid-${++lastVersion}`,
      resourceVersion: `${lastVersion}`,
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  }) as unknown as T

const nameOf = (index: number): string => `w${String(index).padStart(4, '0')}`

type Stores = ReturnType<typeof createStores>['feeds']

type WorkloadStatus = KeptnWorkloadVersion['status']
const underWay: WorkloadStatus = {
  status: 'Progressing',
  currentPhase: 'WorkloadPreDeployTasks',
} as WorkloadStatus

const addWorkload = (
  feeds: Stores,
  { app, name, status }: { app: string; name: string; status: WorkloadStatus },
): void => {
  const reference = { kind: 'ReplicaSet', name, uid: `owner-${app}-${name}` }
  const workload = stored<KeptnWorkload>(
    newObject(KeptnWorkload, {
      metadata: { name: `${app}-${name}`, namespace },
      spec: { app, version, resourceReference: reference, revision: reference.uid },
    }),
  )
  feeds.workloads.apply('ADDED', workload)
  const workloadVersion = stored<KeptnWorkloadVersion>(
    newObject(KeptnWorkloadVersion, {
      metadata: { name: `${app}-${name}-${version}`, namespace },
      spec: {
        ...workload.spec,
        workloadName: workload.metadata.name,
        revisions: [reference.uid],
      },
    }),
  )
  feeds.workloadVersions.apply(
    'ADDED',
    status === undefined ? workloadVersion : { ...workloadVersion, status },
  )
}

const allWorkloads = Array.from({ length: workloadCount }, (_, index) => ({
  name: nameOf(index),
  version,
}))

/** Adds an app whose workloads are on their way; returns the key of its version. */
const addApp = (feeds: Stores, app: string): string => {
  const workloads = allWorkloads
  for (const { name } of workloads) addWorkload(feeds, { app, name, status: underWay })
  feeds.apps.apply(
    'ADDED',
    stored<KeptnApp>(
      newObject(KeptnApp, { metadata: { name: app, namespace }, spec: { version, workloads } }),
    ),
  )
  const appVersion = stored<KeptnAppVersion>(
    newObject(KeptnAppVersion, {
      metadata: { name: `${app}-${version}-1`, namespace },
      spec: { appName: app, version, workloads },
    }),
  )
  feeds.appVersions.apply('ADDED', appVersion)
  return keyOf(appVersion)
}

/** Adds an app that was made by discovery and knows half of its workloads; the others have just appeared. */
const addGrowingApp = (feeds: Stores, app: string): void => {
  for (const { name } of allWorkloads) addWorkload(feeds, { app, name, status: undefined })
  const known = allWorkloads.filter((_, index) => index % 2 === 0)
  feeds.apps.apply(
    'ADDED',
    stored<KeptnApp>(
      newObject(KeptnApp, {
        metadata: { name: app, namespace, labels: automaticLabels },
        spec: { version, workloads: known },
      }),
    ),
  )
}

/** The next change of a workload's version: the app version is looked at again after each. */
const advance = (feeds: Stores, key: string): void => {
  const name = `${key}-${version}`
  const before = feeds.workloadVersions.store.get(namespace, name)
  if (before === undefined) throw new Error(`Cannot find the version "${name}"`)
  const isWaiting = before.status?.currentPhase === 'WorkloadPreDeployTasks'
  feeds.workloadVersions.apply('MODIFIED', {
    ...before,
    metadata: { ...before.metadata, resourceVersion: `${++lastVersion}` },
    status: {
      ...before.status,
      currentPhase: isWaiting ? 'WorkloadDeploy' : 'WorkloadPreDeployTasks',
    },
  } as KeptnWorkloadVersion)
}

/** Stores what the version's status has come to, as the loop does with the API server's answer. */
const store = (feeds: Stores, object: KeptnAppVersion, status: unknown): void => {
  feeds.appVersions.apply('MODIFIED', {
    ...object,
    metadata: { ...object.metadata, resourceVersion: `${++lastVersion}` },
    status,
  } as KeptnAppVersion)
}

/** How long it takes to look at all workload versions of the app, as each change of its version makes us do. */
const lookAtAll = async (
  controller: ReturnType<typeof workloadVersionController>,
  app: string,
): Promise<number> => {
  const startedAt = performance.now()
  for (const { name } of allWorkloads) {
    const seen = await controller.observe(`${namespace}/${app}-${name}-${version}`, new Date())
    if (seen === undefined) throw new Error(`Workload "${name}" is not in its store`)
    controller.decide(seen)
  }
  return performance.now() - startedAt
}

/**
 * How long an app of 200 workloads is thought about.
 *
 * From the instant just before the controller of app versions observes one whose 200 workloads are under way, to the instant
 * at which it has decided and knows what of the status is to be written: what the process does, without its requests, each
 * time that one of the workloads comes a step further. Real stores with their indexes, other apps of the same size in
 * them, one process, no API server. The same of app discovery, of whose 200 workloads half are new. And of
 * all 200 workload versions in turn, which each change of the app version wakes. No peer in the run.
 */
export const decideApp = async (): Promise<Result> => {
  const { feeds, stores } = createStores()
  const app = 'shop'
  const key = addApp(feeds, app)
  for (let other = 0; other < otherApps; other++) addApp(feeds, `other-${other}`)
  const growing = 'growing'
  addGrowingApp(feeds, growing)
  // Nothing is read but the stores.
  const client = { get: () => Promise.reject(new Error('Not to be read')) }
  const guard: ActionsGuard = { state: () => 'present', wakes: () => [] }
  const reader = { stores, client, namespace: home, promotes: false, guard }
  const versions = appVersionController(reader)
  const discovery = appDiscoveryController(reader)
  const workloads = workloadVersionController(reader)
  const took: Record<'version' | 'discovery' | 'workloads', number[]> = {
    version: [],
    discovery: [],
    workloads: [],
  }
  for (let index = 0; index < warmUps + passes; index++) {
    advance(feeds, `${app}-${nameOf(index % workloadCount)}`)

    const startedAt = performance.now()
    const seen = await versions.observe(key, new Date())
    if (seen === undefined) throw new Error('The app version is not in its store')
    const { status } = versions.decide(seen)
    const difference = mergePatch(seen.version.status, status)
    const decidedAt = performance.now()
    const found = await discovery.observe(`${namespace}/${growing}`, new Date())
    if (found === undefined) throw new Error('The app is not in its store')
    discovery.decide(found)
    const discoveredAt = performance.now()

    if (difference !== undefined) store(feeds, seen.version, status)
    if (index % fanOutEvery === 0) took.workloads.push(await lookAtAll(workloads, app))
    if (index < warmUps) continue
    took.version.push(decidedAt - startedAt)
    took.discovery.push(discoveredAt - decidedAt)
  }
  return {
    name: 'decide-app',
    figures: [
      { metric: 'app version, p50', value: median(took.version), unit: 'ms', limit: 5 },
      { metric: 'app version, p99', value: quantile(took.version, 0.99), unit: 'ms', limit: 5 },
      { metric: 'app discovery, p50', value: median(took.discovery), unit: 'ms', limit: 5 },
      { metric: 'app discovery, p99', value: quantile(took.discovery, 0.99), unit: 'ms', limit: 5 },
      {
        metric: `all ${workloadCount} workload versions, p50`,
        value: median(took.workloads),
        unit: 'ms',
      },
    ],
    notes: [`${workloadCount} workloads in the app, ${passes} passes of each.`],
    samples: { appVersion: took.version, appDiscovery: took.discovery, workloads: took.workloads },
  }
}
