/** When the policy that guards what people ask counts as in force. */
import { describe, expect, test } from '@jest/globals'
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/kubernetes.ts'
import { policyState, settlingMs, type PolicySeen } from '../../../lifecycle/actions/policy.ts'

const created = new Date('2026-03-01T12:00:00Z')
const settled = new Date(created.getTime() + settlingMs)
const metadata = {
  name: 'gatekept-actions',
  uid: 'u-1',
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: created.toISOString(),
}
const rule = {
  apiGroups: ['lifecycle.keptn.sh'],
  apiVersions: ['*'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['keptnworkloadversions', 'keptnappversions'],
}
/** As the API server gives it back: with what it fills in. */
const constraints = {
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  resourceRules: [{ ...rule, scope: '*' }],
}
const validations = Array.from({ length: 6 }, () => ({ expression: 'true' }))
const policySpec = { failurePolicy: 'Fail', matchConstraints: constraints, validations }
const bindingSpec = { policyName: 'gatekept-actions', validationActions: ['Deny'] }

const policyOf = (spec: object = {}, more: object = {}): ValidatingAdmissionPolicy => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { ...metadata, ...more },
  spec: { ...policySpec, ...spec },
})
const bindingOf = (spec: object = {}, more: object = {}): ValidatingAdmissionPolicyBinding => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: { ...metadata, ...more },
  spec: { ...bindingSpec, ...spec },
})
const seen = (more: Partial<PolicySeen> = {}): PolicySeen => ({
  ...{ isServed: true, policy: policyOf(), binding: bindingOf(), now: settled },
  ...more,
})

test('is in force once it has stood for half a minute', () => {
  expect(policyState(seen())).toEqual({ kind: 'present' })
  const early = new Date(settled.getTime() - 1)
  expect(policyState(seen({ now: early }))).toMatchObject({ kind: 'absent', until: settled })
})

describe('is not in force', () => {
  const matched = (more: object) =>
    seen({ policy: policyOf({ matchConstraints: { ...constraints, ...more } }) })
  const bound = (more: object) => seen({ binding: bindingOf(more) })
  const rules = (more: object) => matched({ resourceRules: [{ ...rule, ...more }] })
  const selector = { matchLabels: { team: 'shop' } }

  test.each<[string, PolicySeen, string]>([
    ['where there are no such policies', seen({ isServed: false }), 'Kubernetes 1.30'],
    ['without a policy', seen({ policy: undefined }), 'no ValidatingAdmissionPolicy "'],
    ['without a binding', seen({ binding: undefined }), 'no ValidatingAdmissionPolicyBinding "'],
    ['if faults let through', seen({ policy: policyOf({ failurePolicy: 'Ignore' }) }), 'chart'],
    ['if it takes parameters', seen({ policy: policyOf({ paramKind: {} }) }), 'chart'],
    ['if it asks when to ask', seen({ policy: policyOf({ matchConditions: [{}] }) }), 'chart'],
    ['if a rule is missing', seen({ policy: policyOf({ validations: [{}] }) }), 'chart'],
    ['in some namespaces', matched({ namespaceSelector: selector }), 'chart'],
    ['of some objects', matched({ objectSelector: selector }), 'chart'],
    ['with exceptions', matched({ excludeResourceRules: [rule] }), 'chart'],
    ['of one kind', rules({ resources: ['keptnworkloadversions'] }), 'chart'],
    ['of one version', rules({ apiVersions: ['v1'] }), 'chart'],
    ['of new objects', rules({ operations: ['CREATE'] }), 'chart'],
    ['of one object', rules({ resourceNames: ['web-1'] }), 'chart'],
    ['if it warns', bound({ validationActions: ['Warn', 'Audit'] }), 'does not refuse'],
    ['if another is bound', bound({ policyName: 'gatekept-gate' }), 'does not refuse'],
    ['if it is bound to parameters', bound({ paramRef: {} }), 'does not refuse'],
    ['if bound somewhere', bound({ matchResources: { objectSelector: selector } }), 'not refuse'],
    ['if bound for some', bound({ matchResources: { resourceRules: [rule] } }), 'not refuse'],
  ])('%s', (_when, what, why) => {
    expect(policyState(what)).toEqual({ kind: 'absent', why: expect.stringContaining(why) })
  })

  test.each<[string, (more: object) => Partial<PolicySeen>]>([
    ['the policy', (more) => ({ policy: policyOf({}, more) })],
    ['the binding', (more) => ({ binding: bindingOf({}, more) })],
  ])('while a change of %s is young; of labels and status nothing comes', (_what, changed) => {
    const time = new Date(settled.getTime() - 1_000).toISOString()
    const [byPeople, byServer] = [{ time }, { time, subresource: 'status' }]
    const state = (more: object) => policyState(seen(changed(more)))
    expect(state({ generation: 2, managedFields: [byPeople] })).toMatchObject({
      kind: 'absent',
      why: expect.stringContaining('less than 30 seconds ago'),
      until: new Date(Date.parse(time) + settlingMs),
    })
    expect(state({ generation: 2, managedFields: [byServer] })).toEqual({ kind: 'present' })
    expect(state({ generation: 1, managedFields: [byPeople] })).toEqual({ kind: 'present' })
  })
})
