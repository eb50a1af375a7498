/**
 * Whether something keeps people from asking versions for things in the name of others: the policy `gatekept-actions`
 * (`manifests/chart/templates/policies/guard.yaml`), and its binding. What was asked while nothing did is nobody's word.
 *
 * An API server takes a second or so until it acts on a policy that was written, so one counts when it has stood as it is
 * for half a minute. That it is the chart's own is not proved: who may write policies may do anything. It is looked at
 * for what mistakes would make of it.
 *
 * @module
 */
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { KeptnAppVersion, KeptnWorkloadVersion } from '../../api/index.ts'
import { actionTypes } from '../../api/actions.ts'

/** What policy and binding are called. */
export const policyName = 'gatekept-actions'

/** How long a policy and its binding must have stood as they are. */
export const settlingMs = 30_000

/** Whether it is in force, and if not, why: a sentence. `until`: when it is, unless something changes. */
export type PolicyState =
  | { readonly kind: 'present' }
  | { readonly kind: 'absent'; readonly why: string; readonly until?: Date }

/** What there is of it. */
export interface PolicySeen {
  /** Whether the API server has such policies at all. */
  readonly isServed: boolean
  readonly policy: ValidatingAdmissionPolicy | undefined
  readonly binding: ValidatingAdmissionPolicyBinding | undefined
  readonly now: Date
}

const quoted = `"${policyName}"`
const plurals = [KeptnWorkloadVersion, KeptnAppVersion].map(({ plural }) => plural)
/** That entries stand, that they name their writer, and a verb for each type. */
const leastValidations = 2 + actionTypes.length

/** Decides whether the policy is in force. */
export const policyState = (seen: PolicySeen): PolicyState => {
  const why = gapIn(seen)
  if (why !== undefined) return { kind: 'absent', why }
  const settled = [seen.policy, seen.binding].map((object) => changedAt(object) + settlingMs)
  const until = new Date(Math.max(...settled))
  return seen.now >= until
    ? { kind: 'present' }
    : { kind: 'absent', until, why: `the policy ${quoted} was written less than 30 seconds ago` }
}

const gapIn = ({ isServed, policy, binding }: PolicySeen): string | undefined => {
  if (!isServed) return 'this cluster has no ValidatingAdmissionPolicies (Kubernetes 1.30)'
  if (policy?.spec === undefined) return `there is no ValidatingAdmissionPolicy ${quoted}`
  if (binding?.spec === undefined) return `there is no ValidatingAdmissionPolicyBinding ${quoted}`
  if (isLenient(policy.spec)) return `the ValidatingAdmissionPolicy ${quoted} is not the chart's`
  if (isLoose(binding.spec)) return `the ValidatingAdmissionPolicyBinding ${quoted} does not refuse`
  return undefined
}

type PolicySpec = NonNullable<ValidatingAdmissionPolicy['spec']>
type BindingSpec = NonNullable<ValidatingAdmissionPolicyBinding['spec']>
type Matched = NonNullable<PolicySpec['matchConstraints']>

const isLenient = (spec: PolicySpec): boolean =>
  spec.failurePolicy === 'Ignore' ||
  spec.paramKind !== undefined ||
  (spec.matchConditions ?? []).length > 0 ||
  (spec.validations ?? []).length < leastValidations ||
  isNarrowed(spec.matchConstraints ?? {}) ||
  !plurals.every((plural) => isMatched(spec.matchConstraints ?? {}, plural))

const isLoose = (spec: BindingSpec): boolean =>
  spec.policyName !== policyName ||
  spec.paramRef !== undefined ||
  !(spec.validationActions ?? []).includes('Deny') ||
  isNarrowed(spec.matchResources ?? {}) ||
  (spec.matchResources?.resourceRules ?? []).length > 0

const isNarrowed = (matched: Matched): boolean =>
  [matched.namespaceSelector, matched.objectSelector].some(
    (selector) => Object.keys(selector ?? {}).length > 0,
  ) || (matched.excludeResourceRules ?? []).length > 0

const isMatched = ({ resourceRules = [] }: Matched, plural: string): boolean =>
  resourceRules.some(
    (rule) =>
      rule.resources?.includes(plural) === true &&
      rule.apiGroups?.includes(KeptnWorkloadVersion.group) === true &&
      rule.apiVersions?.includes('*') === true &&
      ['CREATE', 'UPDATE'].every((operation) => rule.operations?.includes(operation)) &&
      (rule.resourceNames ?? []).length === 0,
  )

/**
 * When its spec was last written. The first generation is as old as the object; of later ones the API server notes when a
 * writer has last changed something, its labels included. What it notes itself, in the status, counts for nothing.
 */
const changedAt = (object: KubeObject | undefined): number => {
  const { creationTimestamp = '', generation, managedFields = [] } = object?.metadata ?? {}
  const times = managedFields.flatMap(({ time, subresource = '' }) =>
    time === undefined || subresource !== '' ? [] : [Date.parse(time)],
  )
  return Math.max(Date.parse(creationTimestamp), ...(generation === 1 ? [] : times))
}
