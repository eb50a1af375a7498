/**
 * Reads what a decision about a workload needs.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/index.ts'
import { ControllerRevision } from '../../api/kubernetes.ts'
import { controllerOf } from '../../api/object.ts'
import { keysOfControllerRevision } from '../../identity/revision.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import { newestFirst, outdated } from '../checks/history.ts'
import { isLeaving } from '../checks/leaving.ts'
import { configOf } from '../config.ts'
import type { LifecycleStores } from '../stores.ts'
import { versionNameOf, type WorkloadSeen } from './decide.ts'

/** What `observe` reads from. */
export interface Reader {
  readonly stores: Pick<
    LifecycleStores,
    'workloads' | 'workloadVersions' | 'configs' | 'replicaSets' | 'statefulSets' | 'daemonSets'
  >
  readonly client: Pick<Client, 'list'>
  /** Our own namespace. */
  readonly namespace: string
}

/** Everything about one workload; `undefined`: it is gone, or on its way. */
export const observe =
  (reader: Reader) =>
  async (key: string, now: Date): Promise<WorkloadSeen | undefined> => {
    const { workloads, workloadVersions, configs } = reader.stores
    const { namespace, name } = parseKey(key)
    const workload = workloads.get(namespace, name)
    if (workload === undefined || isLeaving(workload)) return undefined
    const config = configOf(configs.by('namespace', reader.namespace))
    const history = workloadVersions
      .by('workload', key)
      .filter((one) => controllerOf(one)?.uid === workload.metadata.uid && !isLeaving(one))
      .toSorted(newestFirst)
    return {
      now,
      workload,
      version: workloadVersions.get(namespace, versionNameOf(workload)),
      history,
      revived: await revivedOf(reader, history, config.versionsKept),
      config,
    }
  }

/**
 * The versions that may come back. Asked for when there are too many versions, and then only of those that would go: the
 * revisions of StatefulSets and DaemonSets are read live, ReplicaSets are all known.
 */
const revivedOf = async (
  reader: Reader,
  history: readonly KeptnWorkloadVersion[],
  kept: number,
): Promise<readonly string[]> => {
  const inQuestion = outdated({ history, kept, isNeeded: () => false })
  if (inQuestion.length === 0) return []
  const { replicaSets, statefulSets, daemonSets } = reader.stores
  const revisions = inQuestion.flatMap(({ spec }) => spec.revisions ?? [])
  const isThere = (revision: string): boolean => replicaSets.by('uid', revision).length > 0
  const isOfSet = (revision: string): boolean => {
    const [uid = '', hash] = revision.split('/')
    const owners = [...statefulSets.by('uid', uid), ...daemonSets.by('uid', uid)]
    return hash !== undefined && owners.length > 0
  }
  const live = revisions.some(isOfSet)
    ? await listRevisions(reader.client, inQuestion[0]?.metadata.namespace ?? '')
    : new Set<string>()
  return history
    .filter(({ spec }) =>
      (spec.revisions ?? []).some((revision) => isThere(revision) || live.has(revision)),
    )
    .map(({ metadata }) => metadata.uid)
}

const listRevisions = async (
  client: Pick<Client, 'list'>,
  namespace: string,
): Promise<ReadonlySet<string>> => {
  const { items } = await client.list(ControllerRevision, { namespace })
  return new Set(items.flatMap(keysOfControllerRevision))
}
