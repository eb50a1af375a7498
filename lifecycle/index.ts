/**
 * The lifecycle's controllers, as rows for an entry point.
 *
 * @module
 */
import type { Client } from '../kube/client.ts'
import type { Controller } from '../kube/controller.ts'
import type { Transition } from '../kube/decision.ts'
import type { ActionsGuard } from './actions/guard.ts'
import { appDiscoveryController } from './app-discovery/index.ts'
import { appVersionController } from './app-version/index.ts'
import { appController } from './app/index.ts'
import { configOf } from './config.ts'
import { evaluationController } from './evaluation/index.ts'
import { keptnConfigController } from './keptn-config/index.ts'
import { revisionController } from './revision/index.ts'
import type { LifecycleStores } from './stores.ts'
import { taskDefinitionController } from './task-definition/index.ts'
import { taskController } from './task/index.ts'
import { toldLately as toldLatelyIn } from './told-lately.ts'
import { workloadController } from './workload/index.ts'
import { workloadVersionController } from './workload-version/index.ts'

export type { ActionsGuard, GuardState } from './actions/guard.ts'
export { watchPolicy } from './actions/watch-policy.ts'
export { inForce } from './config.ts'
export { appPhases, onFailurePhase, workloadPhases } from './phases.ts'
export { lifecycleIndexes, type LifecycleStores } from './stores.ts'
export { definitionIndexes, functionConfigMaps } from './task-definition/index.ts'
export { enforceLabel, taskIndexes, taskJobs, taskPods } from './task/index.ts'

/** What an installation decides. */
export interface LifecycleSettings {
  /** Our own namespace: its definitions serve all others, its KeptnConfig counts. */
  readonly namespace: string
  /** Whether tasks are run to promote app versions that have passed everything else. */
  readonly promotes: boolean
  /** The image that runs `deno` tasks. */
  readonly denoImage: string
  /** The image that runs `python` tasks. */
  readonly pythonImage: string
}

/** What a leader tells again as it begins, since the one before may not have told it any more: the earliest first. */
export const toldLately = (from: {
  readonly stores: LifecycleStores
  readonly namespace: string
  readonly now: Date
}): readonly Transition[] => {
  const { stores, namespace, now } = from
  const { eventNames } = configOf(stores.configs.by('namespace', namespace))
  return toldLatelyIn(stores, { now, eventNames })
}

/** Makes the controllers of a leader, for one term: what they remember ends with it. */
export const lifecycleControllers = (from: {
  readonly stores: LifecycleStores
  readonly client: Client
  readonly settings: LifecycleSettings
  readonly guard: ActionsGuard
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- rows differ in what they see
}): readonly Controller<any, any>[] => {
  const { stores, client, settings, guard } = from
  const { namespace, denoImage, pythonImage, promotes } = settings
  const reader = { stores, client, namespace, promotes, guard }
  const config = () => configOf(stores.configs.by('namespace', namespace))
  return [
    revisionController(reader),
    workloadController(reader),
    appDiscoveryController(reader),
    appController(reader),
    appVersionController(reader),
    workloadVersionController(reader),
    taskDefinitionController({
      definitions: stores.taskDefinitions,
      configMaps: stores.configMaps,
      client,
      settings: {
        namespace,
        get eventNames() {
          return config().eventNames
        },
      },
    }),
    taskController({
      tasks: stores.tasks,
      appVersions: stores.appVersions,
      workloadVersions: stores.workloadVersions,
      definitions: stores.taskDefinitions,
      jobs: stores.jobs,
      pods: stores.taskPods,
      configMaps: stores.configMaps,
      namespaces: stores.namespaces,
      client,
      settings: {
        namespace,
        denoImage,
        pythonImage,
        get eventNames() {
          return config().eventNames
        },
        get taskPods() {
          return config().taskPods
        },
      },
    }),
    evaluationController(reader),
    keptnConfigController(reader),
  ]
}
