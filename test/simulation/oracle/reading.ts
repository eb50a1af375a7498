/**
 * How the oracle reads stored objects: in its own words, shared with nothing that it judges.
 *
 * @module
 */
import { KeptnEvaluation } from '../../../api/index.ts'
import { controllerOf } from '../../../api/object.ts'
import type { Stored } from '../api-server.ts'

const gate = 'keptn-prechecks-gate'
const optIn = 'keptn.sh/lifecycle-toolkit'

export const gatesOf = (pod: Stored): readonly string[] =>
  ((pod.spec?.['schedulingGates'] ?? []) as readonly { readonly name: string }[]).map(
    ({ name }) => name,
  )

export const isHeld = (pod: Stored): boolean => gatesOf(pod).includes(gate)

/** What a pod is a copy of: its ReplicaSet, or its set and the hash. */
export const revisionOf = (pod: Stored): string => {
  const owner = controllerOf(pod)
  const hash = pod.metadata.labels?.['controller-revision-hash'] ?? ''
  return owner?.kind === 'ReplicaSet' ? owner.uid : `${owner?.uid ?? ''}/${hash}`
}

/** Whether its author wants the namespace managed. */
export const isWanted = ({ metadata: { annotations, labels } }: Stored): boolean =>
  (annotations?.[optIn] ?? labels?.[optIn]) === 'enabled'

/** Whether the API server asks about pods of the namespace. */
export const isSelected = ({ metadata }: Stored): boolean => metadata.labels?.[optIn] === 'enabled'

/** The revisions on the released list. */
export const releasedOf = (namespace: Stored | undefined): readonly string[] =>
  (namespace?.metadata.annotations?.['gatekept.dev/released'] ?? 'v1').split(' ').slice(1)

export const stateOf = ({ kind, status }: Stored): unknown =>
  kind === KeptnEvaluation.kind ? status?.['overallStatus'] : status?.['status']

export const hasEnded = (object: Stored): boolean =>
  ['Succeeded', 'Failed', 'Deprecated'].includes(String(stateOf(object)))

const checkStates = [
  'preDeploymentStatus',
  'preDeploymentEvaluationStatus',
  'postDeploymentStatus',
  'postDeploymentEvaluationStatus',
] as const

/** Whether a check around the deployment has failed, or was a warning, and not for people's sake alone. */
export const hasFailedCheck = ({ status }: Stored): boolean =>
  checkStates.some((field) => {
    const items = status?.[field.replace(/Status$/, 'TaskStatus')] as
      readonly { readonly status: string }[] | undefined
    const hasFailed = items?.some((item) => item.status === 'Failed') === true
    return status?.[field] === 'Failed' || (status?.[field] === 'Warning' && hasFailed)
  })

/** What a version has recorded of what people asked. */
export interface ActionRecord {
  readonly id: string
  readonly type: string
  readonly outcome: string
  readonly attempt: number
  readonly check?: string
  readonly phase?: string
}

export const recordsOf = ({ status }: Stored): readonly ActionRecord[] =>
  (status?.['actions'] ?? []) as readonly ActionRecord[]

/** What was done of it. */
export const doneFor = (version: Stored, type: string): readonly ActionRecord[] =>
  recordsOf(version).filter((record) => record.outcome === 'CarriedOut' && record.type === type)

export const idsAsked = ({ spec }: Stored): readonly string[] =>
  ((spec?.['actions'] ?? []) as readonly { readonly id: string }[]).map(({ id }) => id)

/** How often it was tried again. */
export const attemptOf = ({ status }: Stored): number => Number(status?.['attempt'] ?? 1)

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
}

const conditionOf = ({ status }: Stored, wanted: string): Condition | undefined =>
  ((status?.['conditions'] ?? []) as readonly Condition[]).find(({ type }) => type === wanted)

export const verdictOf = (version: Stored): string | undefined =>
  conditionOf(version, 'PreDeploymentPassed')?.status

export const verdictReasonOf = (version: Stored): string | undefined =>
  conditionOf(version, 'PreDeploymentPassed')?.reason

/** Whether people have ended it. */
export const isAborted = (version: Stored): boolean =>
  stateOf(version) === 'Failed' && readyReasonOf(version) === 'Aborted'

/** Why a version is ready, or is not. */
export const readyReasonOf = (version: Stored): string | undefined =>
  conditionOf(version, 'Ready')?.reason

/** What a pod says of its being held. */
export const saysReleased = (pod: Stored): string | undefined =>
  conditionOf(pod, 'gatekept.dev/Released')?.status

/** A workload at a version, as an app lists it. */
export interface Reference {
  readonly name: string
  readonly version: string
}

export const referencesOf = ({ spec }: Stored): readonly Reference[] =>
  (spec?.['workloads'] ?? []) as readonly Reference[]

export const listOf = ({ spec }: Stored, field: string): readonly string[] =>
  (spec?.[field] ?? []) as readonly string[]

export const isAutomatic = ({ metadata }: Stored): boolean =>
  metadata.labels?.['app.kubernetes.io/managed-by'] === 'keptn'

/** Whether people wrote it. */
export const isApplied = ({ metadata }: Stored): boolean =>
  metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'] !== undefined

/** Whether it was stored that people wrote an app for this version. */
export const isWrittenFor = ({ status }: Stored): boolean => status?.['writtenAppUID'] !== undefined
