import { expect, test } from '@jest/globals'
import type { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import type { Namespace } from '../../../api/kubernetes.ts'
import { releasedController } from '../../../gate/released/index.ts'
import { rememberUnmanaged } from '../../../gate/unmanaged.ts'
import type { Client } from '../../../kube/client.ts'
import { managed, namespace, version, storeOf } from './objects.ts'

/** The namespaces that are looked at when this version changes, in a cluster that has these. */
const wokenBy = (subject: KeptnWorkloadVersion, ...namespaces: readonly Namespace[]) => {
  const versions = storeOf<KeptnWorkloadVersion>(subject)
  const { wakes } = releasedController({
    namespaces: storeOf(...namespaces),
    versions,
    pods: storeOf(),
    owners: [storeOf()],
    unmanaged: rememberUnmanaged(),
    client: {} as unknown as Pick<Client, 'list'>,
    settings: { namespace: 'keptn-system' },
  })
  return {
    byVersion: wakes.filter(({ store }) => store === versions).flatMap(({ keys }) => keys(subject)),
    byList: wakes.flatMap(({ keysOnList }) => keysOnList?.() ?? []),
  }
}

const passed = version({ verdict: 'True', revisions: ['web-uid', 'next-uid'] })

test.each([
  ['that has not passed is no news', version({ verdict: 'False' }), managed('v1'), []],
  ['that has passed is, in a namespace without a list', passed, namespace(), ['shop']],
  ['is, while one of its revisions is not listed', passed, managed('v1 web-uid'), ['shop']],
  ['is not, once all of them are', passed, managed('v1 next-uid web-uid'), []],
])('a version %s', (_, subject, where, woken) => {
  expect(wokenBy(subject, where).byVersion).toEqual(woken)
})

test('a version that has passed is news where its namespace is not known yet', () => {
  expect(wokenBy(passed).byVersion).toEqual(['shop'])
})

test('a new list of the held pods is news for every namespace', () => {
  expect(wokenBy(passed, managed('v1')).byList).toEqual(['shop'])
})
