/**
 * The user's cluster, as a kubeconfig file names it. The environment's KUBECONFIG is never looked at: it may lead to
 * production.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
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

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined

const bearerToken = ({ headers }: RequestOptions): string | undefined => {
  const value = new Map(Object.entries(headers ?? {})).get('Authorization')
  return typeof value === 'string' ? value.replace(/^Bearer /, '') : undefined
}

/** What our own client needs to reach the cluster; credential plugins are asked again for every token. */
export const connectionTo = async ({ config }: Target): Promise<Connection> => {
  const ask = async (): Promise<RequestOptions> => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    return options
  }
  const options = await ask()
  const [ca, cert, key] = [text(options.ca), text(options.cert), text(options.key)]
  return {
    server: new URL(config.getCurrentCluster()?.server ?? ''),
    ca: ca ?? '',
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(bearerToken(options) === undefined
      ? {}
      : { token: async () => bearerToken(await ask()) ?? '' }),
  }
}
