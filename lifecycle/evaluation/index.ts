/**
 * Runs KeptnEvaluations: compares the values of KeptnMetrics with the targets of a definition, some times in a row.
 *
 * @module
 */
import {
  KeptnEvaluation,
  type KeptnAppVersion,
  type KeptnEvaluationDefinition,
  type KeptnWorkloadVersion,
} from '../../api/index.ts'
import { wake, type Controller } from '../../kube/controller.ts'
import { keyOf } from '../../kube/keys.ts'
import { mayAbandon } from '../checks/ending.ts'
import { within } from '../stores.ts'
import { decide } from './decide.ts'
import { mayUse, observe, type Reader } from './observe.ts'
import type { Seen, Status } from './seen.ts'

export { describeEvaluation } from './describe.ts'

/**
 * Woken by the evaluation and by its definition, and by a metric whose new value it awaits. Other metrics wake nobody: their
 * values count at the next attempt, whose instant is known.
 */
export const evaluationController = (reader: Reader): Controller<Seen, Status> => {
  const { evaluations, evaluationDefinitions, metrics, appVersions, workloadVersions } =
    reader.stores
  /** The evaluations of a version that has ended before its time, or of which a person has stopped some. */
  const ofEnded = (version: KeptnAppVersion | KeptnWorkloadVersion): readonly string[] =>
    mayAbandon(version) ? evaluations.by('controller', version.metadata.uid).map(keyOf) : []
  return {
    name: 'evaluation',
    wakes: [
      wake(evaluations, (evaluation) => [keyOf(evaluation)]),
      wake(metrics, ({ metadata: { namespace, name } }) =>
        evaluations.by('awaits', within(namespace, name)).map(keyOf),
      ),
      wake(appVersions, ofEnded),
      wake(workloadVersions, ofEnded),
      wake(evaluationDefinitions, ({ metadata }: KeptnEvaluationDefinition) =>
        evaluations
          .by('definition', metadata.name)
          .filter((evaluation) => mayUse(evaluation, metadata.namespace, reader.namespace))
          .map(keyOf),
      ),
    ],
    observe: observe(reader),
    decide,
    subject: ({ evaluation }) => ({ type: KeptnEvaluation, object: evaluation }),
  }
}
