import type { KeptnTaskDefinition } from '../../api/index.ts'
import { ConfigMap } from '../../api/kubernetes.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import type { EventNames } from '../transitions.ts'
import { configMapOf, type Seen } from './decide.ts'
import { functionConfigMaps, type FunctionConfigMap } from './function-config-map.ts'
import { finderIn, parentsOf, placesFor } from './lineage.ts'

/** What the controller of definitions reads from. */
export interface Sources {
  /** Set up with `definitionIndexes`. */
  readonly definitions: Store<KeptnTaskDefinition>
  /** Set up with `functionConfigMaps`. */
  readonly configMaps: Store<FunctionConfigMap>
  readonly client: Pick<Client, 'get'>
  readonly settings: {
    readonly eventNames: EventNames
    /** The namespace whose definitions serve every namespace. */
    readonly namespace: string
  }
}

/** Reads a definition, and its ConfigMap: live where it is not one of ours, as a user's and Keptn's are not. */
export const observe =
  ({ definitions, configMaps, client, settings }: Sources) =>
  async (key: string, now: Date): Promise<Seen | undefined> => {
    const { namespace, name } = parseKey(key)
    const definition = definitions.get(namespace, name)
    if (definition === undefined || definition.metadata.deletionTimestamp !== undefined) {
      return undefined
    }
    const configMap = configMapOf(definition)
    const found =
      configMap === undefined
        ? undefined
        : (configMaps.get(namespace, configMap) ??
          (await getConfigMap(client, { namespace: namespace ?? '', name: configMap })))
    const namespaces = placesFor(namespace ?? '', settings.namespace)
    return {
      now,
      eventNames: settings.eventNames,
      definition,
      parents: parentsOf(definition, finderIn(definitions, namespaces)),
      namespaces,
      ...(found === undefined ? {} : { configMap: found }),
    }
  }

const getConfigMap = async (
  client: Pick<Client, 'get'>,
  at: { readonly namespace: string; readonly name: string },
): Promise<FunctionConfigMap | undefined> => {
  const configMap = await client.get(ConfigMap, at)
  return configMap === undefined ? undefined : functionConfigMaps.project(configMap)
}
