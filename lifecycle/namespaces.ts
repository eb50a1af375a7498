/**
 * Namespaces that have left, as far as versions in them are concerned.
 *
 * @module
 */
import type { KeptnAppVersion, KeptnWorkloadVersion } from '../api/index.ts'
import { Namespace } from '../api/kubernetes.ts'
import { countsAsIneligible, wantsManaging } from '../identity/scope.ts'
import type { Client } from '../kube/client.ts'
import { isTerminal } from './checks/roll-up.ts'
import type { LifecycleStores } from './stores.ts'

/** Whether the namespace is known, and not managed. */
export const hasLeft = (namespace: Namespace | undefined): boolean =>
  namespace !== undefined && !wantsManaging(namespace)

/**
 * The namespace of a version, live where the store says that it left: a store that is behind must not end what has just begun.
 * What has ended need not be asked about.
 */
export const namespaceOf = async (
  {
    stores,
    client,
  }: {
    readonly stores: Pick<LifecycleStores, 'namespaces'>
    readonly client: Pick<Client, 'get'>
  },
  { metadata, status }: KeptnAppVersion | KeptnWorkloadVersion,
): Promise<Namespace | undefined> => {
  const name = metadata.namespace ?? ''
  const stored = stores.namespaces.get(undefined, name)
  if (stored === undefined || !hasLeft(stored) || isTerminal(status?.status)) return stored
  return countsAsIneligible(stored) ? stored : client.get(Namespace, { name })
}
