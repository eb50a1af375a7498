/**
 * Which apps were made by us, and which a user wrote.
 *
 * @module
 */
import type { KeptnApp, KeptnAppVersion } from '../../api/index.ts'
import { keys } from '../../identity/keys.ts'
import { deploymentLists } from '../phases.ts'

/** The label of what was made automatically. */
export const automaticLabels: Readonly<Record<string, string>> = { [keys.managedBy]: 'keptn' }

/** kubectl's copy of what a person applied. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

/** What we made, and nobody has taken over: a person who is later than we are finds our label on the app. We list no checks. */
export const isAutomatic = ({ metadata, spec }: KeptnApp): boolean =>
  metadata.labels?.[keys.managedBy] === 'keptn' &&
  metadata.annotations?.[lastApplied] === undefined &&
  deploymentLists.every((list) => (spec[list] ?? []).length === 0)

/** Whether an app version is that of an automatic app: its label tells, since it may outlive the app for a while. */
export const isAutomaticVersion = ({ metadata }: KeptnAppVersion): boolean =>
  metadata.labels?.[keys.managedBy] === 'keptn'
