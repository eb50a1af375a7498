/**
 * The settings that decisions need, from the KeptnConfig in our own namespace.
 *
 * @module
 */
import { parseDuration } from '../api/duration.ts'
import type { KeptnConfig, TaskPods } from '../api/index.ts'
import type { EventNames } from './transitions.ts'

/** Settings as decisions use them. */
export interface LifecycleConfig {
  /** Whether a failed check holds a version back; otherwise it is a warning. */
  readonly blocking: boolean
  /** How long a rollout may take. */
  readonly observabilityTimeoutMs: number
  /** How long an app waits for more workloads at the longest. */
  readonly discoveryLimitMs: number
  /** How long no new workload must have appeared before an app is made. */
  readonly discoveryQuietMs: number
  /** How many versions are kept of each workload and app. */
  readonly versionsKept: number
  readonly eventNames: EventNames
  /** Whether somebody is told of spans. */
  readonly traced: boolean
  /** What pods of tasks are given besides what their definitions say. */
  readonly taskPods: TaskPods
}

/** What holds where no KeptnConfig is. */
export const defaultConfig: LifecycleConfig = {
  blocking: true,
  observabilityTimeoutMs: 5 * 60_000,
  discoveryLimitMs: 30_000,
  discoveryQuietMs: 5_000,
  versionsKept: 10,
  eventNames: 'seeds',
  traced: false,
  taskPods: {},
}

/** The KeptnConfig that counts. There should be one; of several it is the first by name, so that it stays the same. */
export const inForce = (configs: readonly KeptnConfig[]): KeptnConfig | undefined =>
  configs.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))[0]

/** The settings in force. */
export const configOf = (configs: readonly KeptnConfig[]): LifecycleConfig => {
  const config = inForce(configs)
  if (config === undefined) return defaultConfig
  const { spec } = config
  return {
    blocking: spec.blockDeployment,
    observabilityTimeoutMs:
      parseDuration(spec.observabilityTimeout) ?? defaultConfig.observabilityTimeoutMs,
    discoveryLimitMs: spec.keptnAppCreationRequestTimeoutSeconds * 1000,
    discoveryQuietMs: spec.discoveryQuietSeconds * 1000,
    versionsKept: spec.versionHistoryLimit,
    eventNames: spec.eventNames,
    traced: (spec.OTelCollectorUrl ?? '').trim() !== '',
    taskPods: spec.taskPods ?? defaultConfig.taskPods,
  }
}
