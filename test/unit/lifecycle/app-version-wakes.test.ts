/** Whether pods are held is part of what an app version is decided on: they must wake it. */
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
import { appVersion, metadata, workloadVersion } from './objects.ts'

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
  const { wakes } = appVersionController({ stores } as Reader)
  return wakes.filter(({ store }) => store === pods).flatMap(({ keys }) => keys(pod))
}

test('a held pod wakes the app version of a workload version that ended with its namespace', () => {
  expect(wokenByPod(ended('OptedOut'))).toEqual(['shop/shop-1-6b86b273'])
})

test('other held pods wake no app version', () => {
  expect(wokenByPod(ended('Superseded'))).toEqual([])
  expect(wokenByPod(workloadVersion())).toEqual([])
})
