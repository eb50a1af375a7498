/**
 * What of ours stands in the way of other people's objects when nobody of ours is there, or would put it back.
 *
 * @module
 */
import { APIService, Deployment, MutatingWebhookConfiguration } from '../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import { apiServiceNames, webhookConfigurationName } from '../../identity/keys.ts'

/** One object, by its kind and the name that the chart gives it. */
export interface Obstacle {
  readonly type: ResourceType<KubeObject>
  readonly name: string
  readonly namespace?: string
}

/** What all our objects are labelled with: a namesake without it is somebody else's. */
export const isOurs = ({ metadata }: KubeObject): boolean =>
  metadata.labels?.['app.kubernetes.io/part-of'] === 'keptn'

const admission = (kind: string, plural: string): ResourceType<KubeObject> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind,
  plural,
  namespaced: false,
})

const mutating = ['gatekept-hold', 'gatekept-mirror']
const validating = [
  'gatekept-gate',
  'gatekept-placed',
  'gatekept-ungated',
  'gatekept-notes',
  'gatekept-verdicts',
  'gatekept-records',
  'gatekept-actions',
]

const kinds: readonly (readonly [ResourceType<KubeObject>, readonly string[]])[] = [
  [MutatingWebhookConfiguration, [webhookConfigurationName]],
  // A policy without a binding does nothing; a binding without its policy is an error to some.
  [admission('MutatingAdmissionPolicyBinding', 'mutatingadmissionpolicybindings'), mutating],
  [admission('ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'), validating],
  [admission('MutatingAdmissionPolicy', 'mutatingadmissionpolicies'), mutating],
  [admission('ValidatingAdmissionPolicy', 'validatingadmissionpolicies'), validating],
  // While nobody serves an API that is registered, no namespace can be deleted.
  [APIService, apiServiceNames],
]

/** The Deployment whose process writes notes on namespaces and pods. */
export const operatorName = 'lifecycle-operator'

/** All of them, in the order in which they go; `namespace`: where Gatekept was installed. */
export const obstaclesIn = (namespace: string): readonly Obstacle[] => [
  ...kinds.flatMap(([type, names]) => names.map((name) => ({ type, name }))),
  { type: Deployment, name: operatorName, namespace },
]
