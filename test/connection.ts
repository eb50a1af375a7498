/**
 * The way from a test to the API server of its cluster.
 *
 * @module
 */
import type { Connection } from '../kube/connection.ts'
import type { Cluster } from './cluster/cluster.ts'

/** Connects as somebody who may do everything. */
export const adminOf = ({
  server,
  credentials,
}: Pick<Cluster, 'server' | 'credentials'>): Connection => ({
  server: new URL(server),
  ...credentials,
})
