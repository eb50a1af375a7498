/**
 * Reads what a decision about a workload version needs.
 *
 * @module
 */
import type { KeptnWorkloadVersion } from '../../api/index.ts'
import type { KubeObject } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import type { ActionsGuard } from '../actions/guard.ts'
import { isLeaving } from '../checks/leaving.ts'
import type { Owner } from '../checks/rollout.ts'
import { configOf } from '../config.ts'
import { namespaceOf } from '../namespaces.ts'
import { replicaSetOwner } from '../owners.ts'
import { childrenOf, definitionsFor, type LifecycleStores } from '../stores.ts'
import { appVersionOf } from './belonging.ts'
import type { WorkloadVersionSeen } from './seen.ts'
import { isHeld, standingOf } from './standing.ts'

/** What `observe` reads from. */
export interface Reader {
  readonly stores: LifecycleStores
  readonly client: Pick<Client, 'get'>
  /** Our own namespace. */
  readonly namespace: string
  readonly guard: ActionsGuard
}

/** Everything about one workload version; `undefined`: it is gone, or on its way. */
export const observe =
  (reader: Reader) =>
  async (key: string, now: Date): Promise<WorkloadVersionSeen | undefined> => {
    const { stores } = reader
    const { namespace, name } = parseKey(key)
    const version = stores.workloadVersions.get(namespace, name)
    if (version === undefined || isLeaving(version)) return undefined
    return {
      now,
      version,
      standing: standingOf(stores, version, await namespaceOf(reader, version)),
      isHeld: isHeld(stores, version),
      app: stores.apps.get(namespace, version.spec.app),
      appVersion: appVersionOf(stores, version),
      owner: ownerOf(stores, version),
      children: childrenOf(stores, version),
      definitions: definitionsFor(stores, version, reader.namespace),
      config: configOf(stores.configs.by('namespace', reader.namespace)),
      actionsGuard: reader.guard.state(),
    }
  }

const ownerOf = (stores: LifecycleStores, version: KeptnWorkloadVersion): Owner => {
  const { kind, name, uid } = version.spec.resourceReference
  const { namespace } = version.metadata
  const same = <T extends KubeObject>(object: T | undefined): T | undefined =>
    object?.metadata.uid === uid ? object : undefined
  switch (kind) {
    case 'ReplicaSet':
      return replicaSetOwner(stores, same(stores.replicaSets.get(namespace, name)))
    case 'StatefulSet':
      return { kind, object: same(stores.statefulSets.get(namespace, name)) }
    case 'DaemonSet':
      return { kind, object: same(stores.daemonSets.get(namespace, name)) }
    default:
      return { kind: 'other', name: kind }
  }
}
