/**
 * Our service accounts without their pods: parts of ours run in a test's process with the rights that they have when installed.
 *
 * @module
 */
import { systemNamespace } from '../../deploy/chart.ts'
import { createClient, type Client } from '../../kube/client.ts'
import { chartYaml } from '../chart.ts'
import type { Cluster } from '../cluster/cluster.ts'

const kinds = ['ServiceAccount', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding']

/** Gives the chart's service accounts their rights. */
export const installRights = async ({ kubectl }: Cluster): Promise<void> => {
  await kubectl(['apply', '-f', '-'], await chartYaml(kinds))
}

/** A client with the rights that the chart gives this account, and no others. They have to be installed. */
export const clientAs = async (
  { kubectl, server, credentials: { ca } }: Cluster,
  account: string,
): Promise<Client> => {
  const token = await kubectl(['create', 'token', account, '-n', systemNamespace])
  return createClient({ server: new URL(server), ca, token: () => token.trim() })
}
