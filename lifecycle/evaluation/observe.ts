import { KeptnEvaluationDefinition, KeptnMetric, type KeptnEvaluation } from '../../api/index.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import type { Client } from '../../kube/client.ts'
import { parseKey } from '../../kube/keys.ts'
import type { Store } from '../../kube/store.ts'
import { abandonmentOf } from '../checks/ending.ts'
import { isTerminal } from '../checks/roll-up.ts'
import { configOf } from '../config.ts'
import { parentOf, type LifecycleStores } from '../stores.ts'
import { placesOf } from './objective.ts'
import type { Seen } from './seen.ts'

/** Where an evaluation, and what it is about, are read from. */
export interface Reader {
  readonly stores: Pick<
    LifecycleStores,
    | 'evaluations'
    | 'evaluationDefinitions'
    | 'metrics'
    | 'configs'
    | 'appVersions'
    | 'workloadVersions'
  >
  readonly client: Pick<Client, 'get'>
  /** Our own namespace. */
  readonly namespace: string
}

/** Looks an evaluation up, with its definition and every metric that its objectives may be about. */
export const observe =
  ({ stores, client, namespace }: Reader) =>
  async (key: string, now: Date): Promise<Seen | undefined> => {
    const { namespace: own, name } = parseKey(key)
    const evaluation = stores.evaluations.get(own, name)
    if (evaluation === undefined || evaluation.metadata.deletionTimestamp !== undefined) {
      return undefined
    }
    const { eventNames } = configOf(stores.configs.by('namespace', namespace))
    const seen = { now, evaluation, namespace, eventNames }
    if (isTerminal(evaluation.status?.overallStatus)) return { ...seen, metrics: [] }
    const abandonment = abandonmentOf(parentOf(stores, evaluation), evaluation)
    if (abandonment !== undefined) return { ...seen, metrics: [], abandonment }
    const find = finder(client)
    const wanted = evaluation.spec.evaluationDefinition
    const places = [...new Set([own ?? '', namespace])]
    const definition = await find(KeptnEvaluationDefinition, stores.evaluationDefinitions, {
      name: wanted,
      namespaces: places,
    })
    if (definition === undefined) return { ...seen, metrics: [] }
    const metrics = await Promise.all(
      placesOf(definition.spec, evaluation, namespace).map(({ objective, namespaces }) =>
        find(KeptnMetric, stores.metrics, { name: objective.keptnMetricRef.name, namespaces }),
      ),
    )
    return { ...seen, definition, metrics: metrics.filter((metric) => metric !== undefined) }
  }

/**
 * Finds an object in the first namespace that has it. That a namespace has none is asked live before the next is
 * taken instead: a store that is behind must not lend a namesake's value.
 */
const finder =
  (client: Reader['client']) =>
  async <T extends KubeObject>(
    type: ResourceType<T>,
    store: Store<T>,
    { name, namespaces }: { readonly name: string; readonly namespaces: readonly string[] },
  ): Promise<T | undefined> => {
    const lender = namespaces.at(-1)
    for (const namespace of namespaces) {
      const known = store.get(namespace, name)
      if (known !== undefined) return known
      const lends = namespace !== lender && store.get(lender, name) !== undefined
      const live = lends ? await client.get(type, { namespace, name }) : undefined
      if (live !== undefined) return live
    }
    return undefined
  }

/** Tells whether a definition in this namespace may be the one of an evaluation. */
export const mayUse = (
  evaluation: KeptnEvaluation,
  definitionNamespace: string | undefined,
  ourNamespace: string,
): boolean =>
  definitionNamespace === evaluation.metadata.namespace || definitionNamespace === ourNamespace
