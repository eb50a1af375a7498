/**
 * What the component tests of `kube` share: kinds to work on, and a log that can be read.
 *
 * @module
 */
import { pino, type Logger } from 'pino'
import type { KubeObject, New, ResourceType } from '../../../api/object.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import type { Connection } from '../../../kube/connection.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { eventually } from '../../eventually.ts'
import { startProxy, type Proxy } from './proxy.ts'

/** A kind of Kubernetes' own that nothing reacts to. */
export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}
export const configMaps: ResourceType<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
}

export const namespaces: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
}

/** A custom kind with a status. */
export interface Widget extends KubeObject {
  readonly spec?: { readonly size?: number }
  readonly status?: { readonly phase?: string; readonly seen?: number; readonly parts?: string[] }
}
export const widgets: ResourceType<Widget> = {
  group: 'test.gatekept.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
}

const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${widgets.plural}.${widgets.group}` },
  spec: {
    group: widgets.group,
    scope: 'Namespaced',
    names: {
      kind: widgets.kind,
      plural: widgets.plural,
      singular: 'widget',
      listKind: 'WidgetList',
    },
    versions: [
      {
        name: widgets.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
    ],
  },
}

/** A ConfigMap that is about to be made. */
export const configMap = (
  namespace: string,
  name: string,
  rest: Partial<Pick<ConfigMap, 'data'>> & Partial<New<ConfigMap>['metadata']> = {},
): New<ConfigMap> => {
  const { data = {}, ...metadata } = rest
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, namespace, name }, data }
}

/** A Widget that is about to be made. */
export const widget = (namespace: string, name: string, size = 1): New<Widget> => ({
  apiVersion: `${widgets.group}/${widgets.version}`,
  kind: widgets.kind,
  metadata: { namespace, name },
  spec: { size },
})

/** A control plane with a proxy before it. */
export interface World {
  readonly cluster: Cluster
  readonly connection: Connection
  readonly proxy: Proxy
  /** Goes to the API server itself. */
  readonly direct: Client
  /** Goes through the proxy. */
  readonly client: Client
  /** Makes a namespace of this name, for one test. */
  readonly namespace: (name: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** Starts a control plane; the name must be used by one test file alone. */
export const startWorld = async (name: string): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  const connection = adminOf(cluster)
  const proxy = await startProxy(connection)
  const direct = createClient(connection)
  const client = createClient({ server: proxy.url, ca: '' })
  return {
    cluster,
    connection,
    proxy,
    direct,
    client,
    async namespace(name) {
      await direct.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
      // Kubernetes itself puts a ConfigMap there; it must not come in the middle of a test.
      await eventually(async () => {
        const own = await direct.get(configMaps, { namespace: name, name: 'kube-root-ca.crt' })
        if (own === undefined) throw new Error(`Namespace "${name}" is not complete`)
      })
      return name
    },
    async close() {
      await Promise.all([direct.close(), client.close()])
      await proxy.close()
      await cluster.down()
    },
  }
}

/** Makes Widgets known to the API server. */
export const defineWidgets = async ({ cluster }: World): Promise<void> => {
  await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(widgetDefinition))
  const name = widgetDefinition.metadata.name
  await cluster.kubectl(['wait', '--for=condition=Established', `crd/${name}`])
}

/** Takes the kind of Widgets away again, and all Widgets with it. */
export const undefineWidgets = async ({ cluster }: World): Promise<void> => {
  await cluster.kubectl(['delete', 'crd', widgetDefinition.metadata.name, '--ignore-not-found'])
}

/** A log whose lines can be read. */
export const readableLog = (): { readonly log: Logger; readonly lines: string[] } => {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(line) })
  return { log, lines }
}
