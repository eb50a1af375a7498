/** What an app version is decided on must wake it: whether pods are held, and which other versions of its app there are. */
import { expect, test } from '@jest/globals'
import {
  conditionTypes,
  type KeptnAppVersion,
  type KeptnWorkloadVersion,
} from '../../../api/index.ts'
import type { KubeObject } from '../../../api/object.ts'
import { appVersionController } from '../../../lifecycle/app-version/index.ts'
import type { Reader } from '../../../lifecycle/app-version/observe.ts'
import { lifecycleIndexes, type LifecycleStores } from '../../../lifecycle/stores.ts'
import { filledStore } from '../filled-store.ts'
import { appVersion, guard, metadata, workloadVersion } from './objects.ts'

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('cart-pod', {
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'cart',
        uid: 'uid-cart',
        controller: true,
      },
    ],
  }),
}

const ended = (reason: string): KeptnWorkloadVersion =>
  workloadVersion(
    {},
    {
      preDeploymentStatus: 'Deprecated',
      deploymentStatus: 'Deprecated',
      preDeploymentEvaluationStatus: 'Deprecated',
      postDeploymentEvaluationStatus: 'Deprecated',
      postDeploymentStatus: 'Deprecated',
      status: 'Deprecated',
      conditions: [
        {
          type: conditionTypes.ready,
          status: 'False',
          reason,
          message: '',
          lastTransitionTime: '2026-03-01T12:00:20Z',
        },
      ],
    },
  )

const wokenByPod = (version: KeptnWorkloadVersion): readonly string[] => {
  const pods = filledStore([pod], lifecycleIndexes.pods)
  const stores = {
    pods,
    workloadVersions: filledStore([version], lifecycleIndexes.workloadVersions),
    appVersions: filledStore<KeptnAppVersion>([appVersion()], lifecycleIndexes.appVersions),
  } as unknown as LifecycleStores
  const { wakes } = appVersionController({ stores, guard } as unknown as Reader)
  return wakes.filter(({ store }) => store === pods).flatMap(({ keys }) => keys(pod))
}

test('a held pod wakes the app version of a workload version that ended with its namespace', () => {
  expect(wokenByPod(ended('OptedOut'))).toEqual(['shop/shop-1-6b86b273'])
})

test('other held pods wake no app version', () => {
  expect(wokenByPod(ended('Superseded'))).toEqual([])
  expect(wokenByPod(workloadVersion())).toEqual([])
})

test('a version of an app wakes the others when it comes, in whatever state, and not when it changes', () => {
  const appVersions = filledStore<KeptnAppVersion>([appVersion()], lifecycleIndexes.appVersions)
  const { wakes } = appVersionController({
    stores: { appVersions } as unknown as LifecycleStores,
    guard,
  } as unknown as Reader)
  const earlier = appVersion()
  const later = {
    ...earlier,
    metadata: { ...earlier.metadata, name: 'shop-2-d4735e3a' },
    status: { status: 'Progressing' },
  } as KeptnAppVersion
  const wokenBy = (onArrival: true | undefined): readonly string[] =>
    wakes
      .filter((wake) => wake.store === appVersions && wake.onArrival === onArrival)
      .flatMap(({ keys }) => keys(later))
  expect(wokenBy(true)).toEqual(['shop/shop-1-6b86b273'])
  expect(wokenBy(undefined)).toEqual(['shop/shop-2-d4735e3a'])
})
