/**
 * The user's cluster, as a kubeconfig file names it. The environment's KUBECONFIG is never looked at: it may lead to
 * production.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { KubeConfig } from '@kubernetes/client-node'
import { connectionOf } from '../cli/kubeconfig.ts'
import type { Connection } from '../kube/connection.ts'
import { ClusterError } from '../test/cluster/run.ts'

/** A cluster and who we are there. */
export interface Target {
  readonly config: KubeConfig
  /** For people: the address and the context's name. */
  readonly shown: string
}

/** Reads a kubeconfig file. Throws, naming it, if it isn't there or names no cluster. */
export const readTarget = (file: string): Target => {
  if (!existsSync(file)) throw new ClusterError(`Cannot find the kubeconfig "${file}"`)
  const config = new KubeConfig()
  config.loadFromFile(file)
  const server = config.getCurrentCluster()?.server
  if (server === undefined) {
    throw new ClusterError(
      `Cannot tell which cluster is meant: "${file}" has no current context; choose one with ` +
        `"kubectl --kubeconfig ${file} config use-context NAME"`,
    )
  }
  return { config, shown: `${server} (context "${config.getCurrentContext()}")` }
}

/** What our own client needs to reach the cluster. */
export const connectionTo = ({ config }: Target): Promise<Connection> => connectionOf(config)
