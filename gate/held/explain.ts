/**
 * Why a pod is held, as told to its owner: which version, phase and check, since when, and what it waits for. Everything
 * about a version is taken from its own conditions, so that the pod and its version never say different things.
 *
 * @module
 */
import { conditionTypes, type Condition } from '../../api/condition.ts'
import type { KeptnWorkloadVersion } from '../../api/keptn-workload-version.ts'
import { findCondition } from '../../kube/conditions.ts'
import { isRefused, type Finding, type HoldingReason, type Seen } from '../opening/decide.ts'
import { verdictOf } from '../verdict.ts'

/** Why a pod is held: what the opening of gates found, and whether it waits for a person. */
export type HeldReason = HoldingReason | 'Stalled'

/** Why a pod is held, for programs and for people. */
export interface Explanation {
  readonly reason: HeldReason
  readonly message: string
  /** `Warning`: it will not go on by itself. */
  readonly severity: 'Normal' | 'Warning'
}

type Holding = Extract<Finding, { readonly opens: false }>

/** Verdicts that are open, though nothing but a person can change them. */
const openUntilSomebodyActs: ReadonlySet<string> = new Set([
  'AppDeleted',
  'AppFailed',
  'AppAborted',
])

/** The pods of a version share its words, and each keeps a copy: no condition may grow with what a task has to say. */
const longestMessage = 800

/** Explains a finding that holds a pod. */
export const explain = (
  { pod, versions }: Pick<Seen, 'pod' | 'versions'>,
  finding: Holding,
): Explanation => {
  const version = versions.find((each) => !isRefused(each)) ?? versions[0]
  if (version !== undefined && finding.reason === 'ChecksFailed') return refused(version, finding)
  if (version !== undefined && finding.reason === 'WaitingForChecks') return open(version, finding)
  const { reason, message } = finding
  return told({ reason, severity: 'Normal' }, pod.metadata.creationTimestamp, message)
}

const refused = (version: KeptnWorkloadVersion, finding: Holding): Explanation => {
  const verdict = verdictOf(version)
  const { endTime, currentPhase = '' } = version.status ?? {}
  const decidedAt = verdict?.status === 'False' ? verdict.lastTransitionTime : endTime
  const since = decidedAt ?? version.metadata.deletionTimestamp
  const where = currentPhase === '' ? '' : ` (in phase "${currentPhase}")`
  // The place goes before what a check had to say, which may be long.
  const name = `KeptnWorkloadVersion "${version.metadata.name}"`
  const message = finding.message.replace(name, () => `${name}${where}`)
  return told({ reason: 'ChecksFailed', severity: 'Warning' }, since, message)
}

const open = (version: KeptnWorkloadVersion, finding: Holding): Explanation => {
  const stalled = stalledOf(version)
  const said = stalled ?? verdictOf(version)
  const since = stalled?.lastTransitionTime ?? waitsSince(version)
  const isStalled = stalled !== undefined || openUntilSomebodyActs.has(said?.reason ?? '')
  return told(
    isStalled
      ? { reason: 'Stalled', severity: 'Warning' }
      : { reason: 'WaitingForChecks', severity: 'Normal' },
    since,
    [finding.message, said?.message ?? ''].filter((part) => part !== '').join(': '),
  )
}

const stalledOf = ({ status }: KeptnWorkloadVersion): Condition | undefined => {
  const stalled = findCondition(status?.conditions, conditionTypes.stalled)
  return stalled?.status === 'True' ? stalled : undefined
}

/** Since its checks run, or else since it waits for its app. */
const waitsSince = (version: KeptnWorkloadVersion): string =>
  version.status?.startTime ??
  verdictOf(version)?.lastTransitionTime ??
  version.metadata.creationTimestamp

const told = (
  what: Pick<Explanation, 'reason' | 'severity'>,
  since: string | undefined,
  message: string,
): Explanation => ({
  ...what,
  message: cut(since === undefined ? message : `Since ${since}: ${message}`),
})

/** What is cut between the halves of a character would come back from the API server as something else. */
const cut = (text: string): string =>
  text.length <= longestMessage ? text : `${text.slice(0, longestMessage - 1).toWellFormed()}…`
