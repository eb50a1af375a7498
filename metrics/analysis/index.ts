/**
 * Carries out each Analysis: asks for the values that its definition names, and grades them.
 *
 * @module
 */
import { Analysis, type AnalysisDefinition, type StatusOf } from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { joinKey, keyOf } from '../../kube/keys.ts'
import { decide } from './decide.ts'
import { analysisOf, observe, type Cluster } from './observe.ts'
import { namespaceOf } from './reference.ts'
import { isFinished, type Seen } from './stage.ts'

const unfinished = 'unfinished'

/** Finds the analyses that have not ended. */
export const analysisIndexes = {
  [unfinished]: (analysis: Analysis): readonly string[] =>
    isFinished(analysis) ? [] : [unfinished],
}

/** Woken by the analysis and by the end of a query; by what it names while it has not ended. */
export const analysisController = (cluster: Cluster): Controller<Seen, StatusOf<Analysis>> => {
  const open = (): readonly Analysis[] => cluster.analyses.by(unfinished, unfinished)
  const allOpen = (): readonly string[] => open().map(keyOf)
  return {
    name: 'analysis',
    wakes: [
      wake(cluster.analyses, (analysis: Analysis) => [keyOf(analysis)]),
      wake(cluster.definitions, (definition: AnalysisDefinition) =>
        open()
          .filter((analysis) => definitionKey(analysis) === keyOf(definition))
          .map(keyOf),
      ),
      wake(cluster.templates, allOpen),
      wake(cluster.providers, allOpen),
      { store: cluster.measurements.ended, keys: (inquiry: string) => [analysisOf(inquiry)] },
    ],
    observe: observe(cluster),
    decide,
    subject: ({ analysis }) => ({ type: Analysis, object: analysis }),
  }
}

const definitionKey = ({ metadata, spec: { analysisDefinition } }: Analysis): string =>
  joinKey(namespaceOf(analysisDefinition, metadata.namespace), analysisDefinition.name)
