/**
 * From a KeptnWorkload to the KeptnWorkloadVersion of its present version.
 *
 * @module
 */
import { KeptnWorkload } from '../../api/index.ts'
import type { ReplicaSet } from '../../api/kubernetes.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { ownerKeys, within } from '../stores.ts'
import { decide, type WorkloadSeen, type WorkloadStatus } from './decide.ts'
import { observe, type Reader } from './observe.ts'

/** The workloads that may have one version less to keep: its ReplicaSet is gone, so it can't come back. */
export const workloadKeysOfReplicaSet =
  ({ stores }: Pick<Reader, 'stores'>) =>
  ({ metadata: { namespace, uid } }: ReplicaSet): readonly string[] =>
    stores.replicaSets.by('uid', uid).length > 0
      ? []
      : stores.workloadVersions
          .by('revision', within(namespace, uid))
          .map(({ spec }) => within(namespace, spec.workloadName))

/** Makes KeptnWorkloadVersions and writes the status of KeptnWorkloads. */
export const workloadController = (reader: Reader): Controller<WorkloadSeen, WorkloadStatus> => ({
  name: 'workload',
  wakes: [
    wake(reader.stores.workloads, (workload) => [keyOf(workload)]),
    wake(reader.stores.workloadVersions, ownerKeys),
    // Of old versions fewer may be kept.
    wake(reader.stores.configs, () => [...reader.stores.workloads.all()].map(keyOf)),
    wake(reader.stores.replicaSets, workloadKeysOfReplicaSet(reader)),
  ],
  observe: observe(reader),
  decide,
  subject: ({ workload }) => ({ type: KeptnWorkload, object: workload }),
})
