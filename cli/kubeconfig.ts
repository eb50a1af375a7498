/**
 * A cluster as a kubeconfig names it, for our own client.
 *
 * @module
 */
import type { RequestOptions } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'
import type { Connection } from '../kube/connection.ts'

/** Which cluster is meant. */
export interface Choice {
  readonly kubeconfig?: string
  readonly context?: string
}

/** Reads the file, or those that kubectl would read. Throws if no cluster is named. */
export const readKubeconfig = ({ kubeconfig, context }: Choice): KubeConfig => {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  if (context !== undefined) config.setCurrentContext(context)
  if (!config.getCurrentCluster()?.server) {
    throw new Error(
      `Cannot tell which cluster is meant: the kubeconfig has no context "${config.getCurrentContext()}"`,
    )
  }
  return config
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined

const bearerToken = ({ headers }: RequestOptions): string | undefined => {
  const value = new Map(Object.entries(headers ?? {})).get('Authorization')
  return typeof value === 'string' ? value.replace(/^Bearer /, '') : undefined
}

/** What our own client needs to reach the cluster; credential plugins are asked again for every token. */
export const connectionOf = async (config: KubeConfig): Promise<Connection> => {
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
