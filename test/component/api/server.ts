/**
 * An API server with our CRDs, and plain requests to it: in any version of a kind, whatever our own client would send.
 *
 * @module
 */
import { Pool } from 'undici'
import { resources } from '../../../api/index.ts'
import type { AnyResource } from '../../../api/resource.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import type { Json } from './sample.ts'
import { crds, kindsAreServed } from '../../kinds.ts'

/** An object as it is sent and read. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly [field: string]: unknown }
  readonly spec?: Json
  readonly status?: unknown
}

export interface Server {
  readonly cluster: Cluster
  /** The answer's body. Throws the API server's own words when it refuses. Fields that it does not know are refused. */
  readonly create: (object: Manifest) => Promise<Manifest>
  readonly get: (type: AnyResource, version: string, name: string) => Promise<Manifest>
  readonly put: (object: Manifest) => Promise<Manifest>
  readonly putStatus: (object: Manifest) => Promise<Manifest>
  /** What kubectl is given to print. */
  readonly table: (type: AnyResource, version: string, name: string) => Promise<Table>
  readonly close: () => Promise<void>
}

export interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
  readonly rows: readonly { readonly cells: readonly unknown[] }[]
}

/** Applies our CRDs, as a client does that keeps what it applied, and waits until their kinds are served. */
export const applyCrds = async (cluster: Cluster): Promise<void> => {
  await cluster.kubectl(['apply', `--filename=${crds}`])
  await kindsAreServed(cluster)
}

export const manifestOf = (
  type: AnyResource,
  version: string,
  name: string,
  content: { readonly spec?: Json; readonly status?: unknown } = {},
): Manifest => ({
  apiVersion: `${type.group}/${version}`,
  kind: type.kind,
  metadata: { name },
  ...content,
})

const pathOf = (apiVersion: string, plural: string) =>
  `/apis/${apiVersion}/namespaces/default/${plural}`

const pluralOf = (kind: string): string =>
  resources.find((type) => type.kind === kind)?.plural ?? `${kind.toLowerCase()}s`

const json = 'application/json'

/** Starts an API server without any kind of ours. */
export const startServer = async (name: string): Promise<Server> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  const { ca, cert, key } = cluster.credentials
  const pool = new Pool(cluster.server, { connect: { ca, cert, key }, connections: 8 })

  const request = async (
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    { body, accept = json }: { readonly body?: Manifest; readonly accept?: string } = {},
  ): Promise<unknown> => {
    const response = await pool.request({
      method,
      path,
      headers: { accept, 'content-type': json },
      ...(body && { body: JSON.stringify(body) }),
    })
    const answer = (await response.body.json()) as { readonly message?: string }
    if (response.statusCode >= 400) throw new Error(answer.message)
    return answer
  }

  const pathTo = ({ apiVersion, kind, metadata }: Manifest) =>
    `${pathOf(apiVersion, pluralOf(kind))}/${metadata.name}`
  const put = async (path: string, body: Manifest) =>
    (await request('PUT', `${path}?fieldValidation=Strict`, { body })) as Manifest
  const pathIn = (type: AnyResource, version: string, name: string) =>
    `${pathOf(`${type.group}/${version}`, type.plural)}/${name}`

  return {
    cluster,
    create: async (object) => {
      const path = pathOf(object.apiVersion, pluralOf(object.kind))
      return (await request('POST', `${path}?fieldValidation=Strict`, { body: object })) as Manifest
    },
    get: async (type, version, name) =>
      (await request('GET', pathIn(type, version, name))) as Manifest,
    put: (object) => put(pathTo(object), object),
    putStatus: (object) => put(`${pathTo(object)}/status`, object),
    table: async (type, version, name) =>
      (await request('GET', pathIn(type, version, name), {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      })) as Table,
    close: async () => {
      await pool.close()
      await cluster.down()
    },
  }
}
