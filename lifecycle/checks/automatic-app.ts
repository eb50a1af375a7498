/**
 * Which apps were made by us, and which a user wrote.
 *
 * @module
 */
import type { KeptnApp, KeptnAppVersion } from '../../api/index.ts'
import { keys } from '../../identity/keys.ts'

/** The label of what was made automatically. */
export const automaticLabels: Readonly<Record<string, string>> = { [keys.managedBy]: 'keptn' }

/** kubectl's copy of what a person applied. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** We never list checks. */
const lists = [
  'preDeploymentTasks',
  'preDeploymentEvaluations',
  'postDeploymentTasks',
  'postDeploymentEvaluations',
] as const

/** What we made, and nobody has taken over: a person who is later than we are finds our label on the app. */
export const isAutomatic = ({ metadata, spec }: KeptnApp): boolean =>
  metadata.labels?.[keys.managedBy] === 'keptn' &&
  metadata.annotations?.[lastApplied] === undefined &&
  lists.every((list) => (spec[list] ?? []).length === 0)

/** Whether an app version is that of an automatic app: its label tells, since it may outlive the app for a while. */
export const isAutomaticVersion = ({ metadata }: KeptnAppVersion): boolean =>
  metadata.labels?.[keys.managedBy] === 'keptn'
