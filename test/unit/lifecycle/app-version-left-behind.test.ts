/** A workload version that has failed is waited for only by the app version that it would begin anew with. */
import { expect, test } from '@jest/globals'
import type { KeptnApp, KeptnAppVersion, KeptnWorkloadVersion } from '../../../api/index.ts'
import type { Namespace } from '../../../api/kubernetes.ts'
import { observe } from '../../../lifecycle/app-version/observe.ts'
import { lifecycleIndexes, type LifecycleStores } from '../../../lifecycle/stores.ts'
import { filledStore } from '../filled-store.ts'
import { guard, appVersion, metadata, workloadVersion } from './objects.ts'

const failed: KeptnWorkloadVersion = workloadVersion(
  {},
  {
    preDeploymentStatus: 'Failed',
    deploymentStatus: 'Deprecated',
    preDeploymentEvaluationStatus: 'Deprecated',
    postDeploymentEvaluationStatus: 'Deprecated',
    postDeploymentStatus: 'Deprecated',
    status: 'Failed',
    begunFor: { version: '3', revision: 1 },
  },
)

/** Version 1 of the app with a raised revision, and version 3, which the app has gone over to. */
const raised: KeptnAppVersion = {
  ...appVersion(),
  spec: { ...appVersion().spec, revision: 2 },
}
const newer: KeptnAppVersion = {
  ...appVersion(),
  metadata: metadata('shop-3-6b86b273', { creationTimestamp: '2026-03-01T12:01:00Z' }),
  spec: { ...appVersion().spec, version: '3' },
}

const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    ...metadata('shop'),
    namespace: undefined,
    labels: { 'keptn.sh/lifecycle-toolkit': 'enabled' },
  },
} as unknown as Namespace

const isLeftBehindBy = async (version: KeptnAppVersion, others: readonly KeptnAppVersion[]) => {
  const none = filledStore<never>([])
  const stores = {
    appVersions: filledStore([version, ...others], lifecycleIndexes.appVersions),
    workloadVersions: filledStore([failed], lifecycleIndexes.workloadVersions),
    namespaces: filledStore([namespace]),
    apps: filledStore<KeptnApp>([]),
    workloads: none,
    replicaSets: none,
    pods: filledStore([], lifecycleIndexes.pods),
    tasks: filledStore([], lifecycleIndexes.tasks),
    evaluations: filledStore([], lifecycleIndexes.evaluations),
    taskDefinitions: none,
    evaluationDefinitions: none,
    configs: filledStore([], lifecycleIndexes.configs),
  } as unknown as LifecycleStores
  const client = { get: () => Promise.reject(new Error('Not to be read')) }
  const look = observe({ stores, client, namespace: 'keptn-system', promotes: false, guard })
  const seen = await look(`shop/${version.metadata.name}`, new Date())
  return seen?.workloads.map(({ isLeftBehind }) => isLeftBehind)
}

test('the newest version of the app waits for a new attempt', async () => {
  expect(await isLeftBehindBy(raised, [])).toEqual([false])
  expect(await isLeftBehindBy(newer, [raised])).toEqual([false])
})

test('an older one does not, whatever its revision', async () => {
  expect(await isLeftBehindBy(raised, [newer])).toEqual([true])
})
