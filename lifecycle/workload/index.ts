/**
 * From a KeptnWorkload to the KeptnWorkloadVersion of its present version.
 *
 * @module
 */
import { KeptnWorkload } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { ownerKeys } from '../stores.ts'
import { decide, type WorkloadSeen, type WorkloadStatus } from './decide.ts'
import { observe, type Reader } from './observe.ts'

/** Makes KeptnWorkloadVersions and writes the status of KeptnWorkloads. */
export const workloadController = (reader: Reader): Controller<WorkloadSeen, WorkloadStatus> => ({
  name: 'workload',
  wakes: [
    wake(reader.stores.workloads, (workload) => [keyOf(workload)]),
    wake(reader.stores.workloadVersions, ownerKeys),
  ],
  observe: observe(reader),
  decide,
  subject: ({ workload }) => ({ type: KeptnWorkload, object: workload }),
})
