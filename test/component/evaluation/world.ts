/**
 * The controller of evaluations on a control plane.
 *
 * @module
 */
import { pino } from 'pino'
import {
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnWorkloadVersion,
} from '../../../api/index.ts'
import type { Client } from '../../../kube/client.ts'
import { runController } from '../../../kube/controller.ts'
import type { Transition } from '../../../kube/decision.ts'
import { startReflector } from '../../../kube/reflector.ts'
import { evaluationController } from '../../../lifecycle/evaluation/index.ts'
import { lifecycleIndexes } from '../../../lifecycle/stores.ts'

/** The running controller. */
export interface Evaluations {
  readonly told: readonly Transition[]
  readonly stop: () => Promise<void>
}

/** Starts the controller; definitions and metrics in `home` serve all namespaces. */
export const startEvaluations = (client: Client, home: string): Evaluations => {
  const ending = new AbortController()
  const given = { client, log: pino({ level: 'silent' }), signal: ending.signal }
  const evaluations = startReflector<KeptnEvaluation>({
    ...given,
    type: KeptnEvaluation,
    indexes: lifecycleIndexes.evaluations,
  })
  const definitions = startReflector<KeptnEvaluationDefinition>({
    ...given,
    type: KeptnEvaluationDefinition,
  })
  const metrics = startReflector<KeptnMetric>({ ...given, type: KeptnMetric })
  const configs = startReflector<KeptnConfig>({
    ...given,
    type: KeptnConfig,
    indexes: lifecycleIndexes.configs,
  })
  const appVersions = startReflector<KeptnAppVersion>({ ...given, type: KeptnAppVersion })
  const workloadVersions = startReflector<KeptnWorkloadVersion>({
    ...given,
    type: KeptnWorkloadVersion,
  })
  const told: Transition[] = []
  const controller = evaluationController({
    stores: {
      appVersions: appVersions.store,
      workloadVersions: workloadVersions.store,
      evaluations: evaluations.store,
      evaluationDefinitions: definitions.store,
      metrics: metrics.store,
      configs: configs.store,
    },
    client: given.client,
    namespace: home,
  })
  const ended = runController(controller, {
    ...given,
    stores: [evaluations, definitions, metrics, configs, appVersions, workloadVersions],
    announce: (transitions) => void told.push(...transitions),
  })
  const stop = async (): Promise<void> => {
    ending.abort()
    await ended
  }
  return { told, stop }
}
