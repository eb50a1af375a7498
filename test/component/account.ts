/**
 * Our service accounts without their pods: parts of ours run in a test's process with the rights that they have when installed.
 *
 * @module
 */
import { systemNamespace, type Values } from '../../deploy/chart.ts'
import { createClient, type Client } from '../../kube/client.ts'
import type { Connection } from '../../kube/connection.ts'
import { chartYaml } from '../chart.ts'
import type { Cluster } from '../cluster/cluster.ts'

const kinds = ['ServiceAccount', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding']

/** Gives the chart's service accounts their rights. */
export const installRights = async ({ kubectl }: Cluster, values?: Values): Promise<void> => {
  await kubectl(['apply', '-f', '-'], await chartYaml(kinds, values))
}

/** Connects as an account in our namespace. */
export const connectionAs = async (
  { kubectl, server, credentials: { ca } }: Cluster,
  account: string,
): Promise<Connection> => {
  const token = await kubectl(['create', 'token', account, '-n', systemNamespace])
  return { server: new URL(server), ca, token: () => token.trim() }
}

/** A client with the rights that the chart gives this account, and no others. They have to be installed. */
export const clientAs = async (cluster: Cluster, account: string): Promise<Client> =>
  createClient(await connectionAs(cluster, account))
