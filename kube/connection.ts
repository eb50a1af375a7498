/**
 * Where the API server is and who we are.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** An API server and credentials for it. */
export interface Connection {
  readonly server: URL
  /** PEM of the authorities that may have signed the server's certificate. */
  readonly ca: string
  /** PEM of a client certificate; goes with `key`. */
  readonly cert?: string
  readonly key?: string
  /** A bearer token, asked for before each request. `fresh`: the last one was refused, so don't answer from memory. */
  readonly token?: (fresh?: boolean) => string | Promise<string>
}

const serviceAccount = '/var/run/secrets/kubernetes.io/serviceaccount'
const tokenLifeMs = 60_000

/**
 * The connection of a pod, from its service account.
 *
 * The kubelet replaces the token's file long before the token expires, so it is read again once a minute.
 * Throws when this process does not run in a pod.
 */
export const inCluster = (
  environment: Readonly<Record<string, string | undefined>> = process.env,
  folder = serviceAccount,
): Connection => {
  const host = environment['KUBERNETES_SERVICE_HOST']
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443'
  if (host === undefined || host === '') {
    throw new Error(
      'Cannot find the API server: KUBERNETES_SERVICE_HOST is not set, so this is not a pod',
    )
  }
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    ca: readFileSync(join(folder, 'ca.crt'), 'utf8'),
    token: tokenFile(join(folder, 'token')),
  }
}

/** A token that is kept in a file which somebody else replaces; read at most once a minute. */
export const tokenFile = (
  path: string,
  clock: () => number = () => performance.now(),
): NonNullable<Connection['token']> => {
  let token = ''
  let readAt = -Infinity
  return async (fresh = false) => {
    if (!fresh && clock() - readAt < tokenLifeMs) return token
    token = (await readFile(path, 'utf8')).trim()
    readAt = clock()
    return token
  }
}
