/**
 * The controller of KeptnTaskDefinitions: keeps inline code in a ConfigMap and says whether a definition can be used.
 *
 * @module
 */
import { KeptnTaskDefinition } from '../../api/index.ts'
import { controllerOf, type KubeObject } from '../../api/object.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'
import { decide, refused, type Seen, type Status } from './decide.ts'
import { heirsOf } from './lineage.ts'
import { observe, type Sources } from './observe.ts'

export { functionConfigMaps, type FunctionConfigMap } from './function-config-map.ts'
export { definitionIndexes } from './lineage.ts'

/**
 * A definition is looked at when it changes, when one changes whose code it may run, and when somebody changes or deletes the
 * ConfigMap we made for it.
 */
export const taskDefinitionController = (sources: Sources): Controller<Seen, Status> => ({
  name: 'task-definition',
  wakes: [
    wake(sources.definitions, (definition) => [
      keyOf(definition),
      ...heirsOf(sources.definitions, definition.metadata.name).map(keyOf),
    ]),
    wake(sources.configMaps, ownerKey),
  ],
  observe: observe(sources),
  decide,
  refused,
  subject: ({ definition }) => ({ type: KeptnTaskDefinition, object: definition }),
})

const ownerKey = (object: KubeObject): readonly string[] => {
  const owner = controllerOf(object)
  return owner?.kind === KeptnTaskDefinition.kind
    ? [joinKey(object.metadata.namespace, owner.name)]
    : []
}
