/**
 * From held pods to their KeptnWorkload. Woken by held pods, by the owners whose newest revision theirs may be,
 * and by the versions that record their revisions.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { lifecycleIndexes } from '../stores.ts'
import { decide, type RevisionSeen } from './decide.ts'
import {
  observeRevision,
  revisionKeysOf,
  revisionKeysOfReplicaSet,
  revisionKeysOfStatefulSet,
  type RevisionReader,
} from './observe.ts'

/** Makes and moves KeptnWorkloads; writes no status. */
export const revisionController = (reader: RevisionReader): Controller<RevisionSeen> => ({
  name: 'revision',
  wakes: [
    wake(reader.stores.pods, revisionKeysOf),
    wake(reader.stores.replicaSets, revisionKeysOfReplicaSet(reader)),
    wake(reader.stores.statefulSets, revisionKeysOfStatefulSet),
    wake<KeptnWorkloadVersion>(
      reader.stores.workloadVersions,
      lifecycleIndexes.workloadVersions.revision,
    ),
  ],
  observe: observeRevision(reader),
  decide,
})
