import type { KeptnEvaluation, KeptnMetric } from '../../api/index.ts'
import { parseKey } from '../../kube/keys.ts'
import { configOf } from '../config.ts'
import type { LifecycleStores } from '../stores.ts'
import { placesOf, type Seen } from './decide.ts'

/** Where an evaluation, and what it is about, are read from. */
export interface Reader {
  readonly stores: Pick<
    LifecycleStores,
    'evaluations' | 'evaluationDefinitions' | 'metrics' | 'configs'
  >
  /** Our own namespace. */
  readonly namespace: string
}

/** Looks an evaluation up, with its definition and every metric that its objectives may be about. */
export const observe =
  ({ stores, namespace }: Reader) =>
  (key: string, now: Date): Seen | undefined => {
    const { namespace: own, name } = parseKey(key)
    const evaluation = stores.evaluations.get(own, name)
    if (evaluation === undefined || evaluation.metadata.deletionTimestamp !== undefined) {
      return undefined
    }
    const { eventNames } = configOf(stores.configs.by('namespace', namespace))
    const seen = { now, evaluation, namespace, eventNames }
    const wanted = evaluation.spec.evaluationDefinition
    const definition =
      stores.evaluationDefinitions.get(own, wanted) ??
      stores.evaluationDefinitions.get(namespace, wanted)
    if (definition === undefined) return { ...seen, metrics: [] }
    return {
      ...seen,
      definition,
      metrics: metricsFor(stores, placesOf(definition.spec, evaluation, namespace)),
    }
  }

const metricsFor = (
  { metrics }: Reader['stores'],
  places: ReturnType<typeof placesOf>,
): readonly KeptnMetric[] =>
  places
    .flatMap(({ objective, namespaces }) =>
      namespaces.map((namespace) => metrics.get(namespace, objective.keptnMetricRef.name)),
    )
    .filter((metric) => metric !== undefined)

/** Tells whether a definition in this namespace may be the one of an evaluation. */
export const mayUse = (
  evaluation: KeptnEvaluation,
  definitionNamespace: string | undefined,
  ourNamespace: string,
): boolean =>
  definitionNamespace === evaluation.metadata.namespace || definitionNamespace === ourNamespace
