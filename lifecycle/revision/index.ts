/**
 * From held pods to their KeptnWorkload. Woken by held pods, by the owners whose newest revision theirs may be,
 * by the versions that record their revisions, and by KeptnWorkloads that are gone.
 *
 * @module
 */
import { wake, type Controller } from '../../kube/controller.ts'
import { wantedByDaemonSets } from './daemon-sets.ts'
import { decide, type RevisionSeen } from './decide.ts'
import {
  observeRevision,
  revisionKeysOf,
  revisionKeysOfDaemonSet,
  revisionKeysOfReplicaSet,
  revisionKeysOfStatefulSet,
  revisionKeysOfVersion,
  revisionKeysOfWorkload,
  type RevisionReader,
} from './observe.ts'

/** Makes and moves KeptnWorkloads; writes no status. */
export const revisionController = (
  from: Omit<RevisionReader, 'wantedByDaemonSet'>,
): Controller<RevisionSeen> => {
  const reader = { ...from, wantedByDaemonSet: wantedByDaemonSets(from.client) }
  return {
    name: 'revision',
    wakes: [
      wake(reader.stores.pods, revisionKeysOf),
      wake(reader.stores.replicaSets, revisionKeysOfReplicaSet(reader)),
      wake(reader.stores.statefulSets, revisionKeysOfStatefulSet),
      wake(reader.stores.daemonSets, revisionKeysOfDaemonSet(reader)),
      wake(reader.stores.workloads, revisionKeysOfWorkload(reader)),
      wake(reader.stores.workloadVersions, revisionKeysOfVersion(reader)),
    ],
    observe: observeRevision(reader),
    decide,
  }
}
