/**
 * A cluster of its own for one file of end-to-end tests, with the present build installed on it as a user would.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Client } from '../../kube/client.ts'
import type { Connection } from '../../kube/connection.ts'
import { toContainerd } from '../../deploy/delivery.ts'
import type { Values } from '../../deploy/chart.ts'
import { deployGatekept } from '../../deploy/install.ts'
import { programFolder } from '../../deploy/options.ts'
import { startCluster, type Cluster } from '../cluster/cluster.ts'
import { admission, hasPolicies } from './mode.ts'

/** A cluster with Gatekept on it. */
export interface Installation {
  readonly cluster: Cluster
  /** As administrator. */
  readonly connection: Connection
  readonly client: Client
  /** Applies YAML as a user does. */
  readonly apply: (yaml: string) => Promise<void>
  /** A folder that is gone when the tests are. */
  readonly folder: string
  readonly down: () => Promise<void>
}

/** Starts a cluster with a node and installs Gatekept, as the mode of this run says if the values don't; takes half a minute. */
export const install = async (
  name: string,
  values: Values = { admission },
): Promise<Installation> => {
  const cluster = await startCluster({ name, node: true, policies: hasPolicies })
  try {
    const { ca, cert, key } = cluster.credentials
    const connection: Connection = { server: new URL(cluster.server), ca, cert, key }
    const socket = cluster.containerdSocket
    if (socket === undefined) throw new Error(`Cannot install: cluster "${name}" runs no pods`)
    await deployGatekept({
      connection,
      kubeconfig: cluster.kubeconfig,
      values,
      deliver: toContainerd(socket, join(programFolder(), 'ctr')),
    })
    const client = createClient(connection)
    const folder = mkdtempSync(join(tmpdir(), `gatekept-${name}-`))
    return {
      cluster,
      connection,
      client,
      folder,
      apply: async (yaml) => {
        await cluster.kubectl(['apply', '-f', '-'], yaml)
      },
      down: async () => {
        await client.close()
        await cluster.down()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await cluster.down()
    throw error
  }
}
