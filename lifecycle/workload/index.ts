/**
 * From a KeptnWorkload to the KeptnWorkloadVersion of its present version.
 *
 * @module
 */
import { KeptnWorkload } from '../../api/index.ts'
import { keyOf, parseKey } from '../../kube/keys.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { configOf } from '../config.ts'
import { ownerKeys, type LifecycleStores } from '../stores.ts'
import { decide, versionNameOf, type WorkloadSeen, type WorkloadStatus } from './decide.ts'

/** Makes KeptnWorkloadVersions and writes the status of KeptnWorkloads. */
export const workloadController = (reader: {
  readonly stores: Pick<LifecycleStores, 'workloads' | 'workloadVersions' | 'configs'>
  readonly namespace: string
}): Controller<WorkloadSeen, WorkloadStatus> => {
  const { workloads, workloadVersions, configs } = reader.stores
  return {
    name: 'workload',
    wakes: [wake(workloads, (workload) => [keyOf(workload)]), wake(workloadVersions, ownerKeys)],
    observe: (key, now) => {
      const { namespace, name } = parseKey(key)
      const workload = workloads.get(namespace, name)
      if (workload === undefined || workload.metadata.deletionTimestamp !== undefined)
        return undefined
      return {
        now,
        workload,
        version: workloadVersions.get(namespace, versionNameOf(workload)),
        config: configOf(configs.by('namespace', reader.namespace)),
      }
    },
    decide,
    subject: ({ workload }) => ({ type: KeptnWorkload, object: workload }),
  }
}
