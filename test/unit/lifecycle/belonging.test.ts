/** Which version of its app a workload version begins with. */
import { expect, test } from '@jest/globals'
import type { KeptnApp, KeptnAppVersion } from '../../../api/index.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'
import { appVersionOf } from '../../../lifecycle/workload-version/belonging.ts'
import { filledStore } from '../filled-store.ts'
import { appVersion, metadata, workloadVersion } from './objects.ts'

const app = (generation: number): KeptnApp => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnApp',
  metadata: metadata('shop', { generation }),
  spec: { version: '1', revision: 1, workloads: [{ name: 'cart', version: '2' }] },
})

/** The version of a generation, made so many seconds after the others. */
const made = (generation: number, second = 0, status = 'Progressing'): KeptnAppVersion => ({
  ...appVersion({ status: status as 'Progressing' }),
  metadata: metadata(`shop-1-${generation}`, {
    creationTimestamp: new Date(Date.UTC(2026, 2, 1, 12, 0, second)).toISOString(),
  }),
  spec: { ...appVersion().spec, generation },
})

test.each([
  ['the newest', 3, [made(1), made(3, 2), made(2, 1)], 3],
  ['of two made in one second the present one', 1, [made(1), made(2)], 1],
  [
    'of two made in one second, when neither is present, the later generation',
    9,
    [made(1), made(2)],
    2,
  ],
  ['not one that is deprecated', 2, [made(1), made(2, 1, 'Deprecated')], 1],
] as const)('%s, in whatever order they are seen', (_, present, versions, expected) => {
  for (const order of [versions, versions.toReversed()]) {
    const stores = {
      apps: filledStore([app(present)]),
      appVersions: filledStore(order, lifecycleIndexes.appVersions),
    }
    expect(appVersionOf(stores, workloadVersion())?.spec.generation).toBe(expected)
  }
})
