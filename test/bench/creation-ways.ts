/**
 * The ways in which a pod's creation is looked at, each in a namespace of its own: nobody, our webhook, our policies, and the
 * least that could stand in their places.
 *
 * What is ours is the chart's, as it would be installed, but for the namespaces that it is asked about.
 *
 * @module
 */
import { renderChart, systemNamespace } from '../../deploy/chart.ts'
import type { Manifest } from '../../deploy/manifests.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { besidePort } from './webhook-target.ts'

/** The ways, by the names of their namespaces. */
export const ways = {
  'bench-nobody': 'nobody',
  'bench-webhook': 'our webhook',
  'bench-no-op': 'a webhook that allows',
  'bench-patching': 'a webhook that sends our patch',
  'bench-policies': 'our policies',
  'bench-hold': 'our policy that holds, alone',
  'bench-one-line': 'a policy of one line',
  'bench-both': 'our webhook and policies',
} as const
export type Way = keyof typeof ways
export const wayNames = Object.keys(ways) as readonly Way[]

/** Whose pods come out with our gate. */
export const holdingWays: readonly Way[] = wayNames.filter(
  (way) => way !== 'bench-nobody' && way !== 'bench-no-op',
)

/** The patch of our webhook for the pod of the benchmark. */
export const patch = Buffer.from(
  JSON.stringify([
    { op: 'add', path: `/metadata/labels/${keys.gated.replaceAll('/', '~1')}`, value: 'true' },
    { op: 'add', path: '/spec/schedulingGates/-', value: { name: gateName } },
  ]),
).toString('base64')

const admission = 'admissionregistration.k8s.io/v1'
const standIn = 'bench-answering'

const selectorOf = (way: Way): object => ({ matchLabels: { 'kubernetes.io/metadata.name': way } })

interface Rule {
  readonly operations: readonly string[]
  readonly resources: readonly string[]
}

interface Policy extends Manifest {
  readonly spec: { readonly matchConstraints: { readonly resourceRules: readonly Rule[] } }
}

interface Hook {
  readonly name: string
  readonly clientConfig: object
}

interface Configuration extends Manifest {
  readonly webhooks: readonly Hook[]
}

const isPolicy = (manifest: Manifest): manifest is Policy =>
  manifest.kind === 'MutatingAdmissionPolicy' || manifest.kind === 'ValidatingAdmissionPolicy'

const isAskedAboutNewPods = ({ spec }: Policy): boolean =>
  spec.matchConstraints.resourceRules.some(
    ({ operations, resources }) => operations.includes('CREATE') && resources.includes('pods'),
  )

/** A policy for the namespace of this way alone, and what puts it into force. */
const inForce = (policy: Policy, way: Way): readonly Manifest[] => {
  const name = `${way}-${policy.metadata.name}`
  const matchConstraints = { ...policy.spec.matchConstraints, namespaceSelector: selectorOf(way) }
  const isMutating = policy.kind === 'MutatingAdmissionPolicy'
  return [
    { ...policy, metadata: { name }, spec: { ...policy.spec, matchConstraints } },
    {
      apiVersion: admission,
      kind: `${policy.kind}Binding`,
      metadata: { name },
      spec: { policyName: name, ...(isMutating ? {} : { validationActions: ['Deny'] }) },
    },
  ]
}

/** The least that holds a pod: no conditions, no variables. */
const oneLine: Policy = {
  apiVersion: admission,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name: 'gate' },
  spec: {
    ...{ failurePolicy: 'Fail', reinvocationPolicy: 'Never' },
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [''],
          apiVersions: ['v1'],
          operations: ['CREATE'],
          resources: ['pods'],
        } as Rule,
      ],
    },
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression: `Object{spec: Object.spec{schedulingGates: [Object.spec.schedulingGates{name: '${gateName}'}]}}`,
        },
      },
    ],
  } as Policy['spec'],
}

/** A webhook configuration with these webhooks. */
const configuration = (way: Way, webhooks: readonly object[]): Manifest => ({
  apiVersion: admission,
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: way },
  webhooks,
})

/** A server as our webhook is reached: through a Service, and with its certificate, which is for any Service there. */
const standInService = (address: string): readonly Manifest[] => [
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: standIn, namespace: systemNamespace },
    spec: { ports: [{ port: 443, targetPort: besidePort }] },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...{ name: standIn, namespace: systemNamespace },
      labels: { 'kubernetes.io/service-name': standIn },
    },
    addressType: 'IPv4',
    ports: [{ port: besidePort, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  },
]

/** All that the ways take, but their namespaces. */
export const wayManifests = async (given: {
  /** The authority of the webhook's certificate, as PEM. */
  readonly ca: string
  /** Where the server that stands in for other webhooks listens. */
  readonly address: string
}): Promise<readonly Manifest[]> => {
  const caBundle = Buffer.from(given.ca).toString('base64')
  const guard = { enabled: 'always' }
  const byPolicy = await renderChart({ admission: 'policy', guard })
  const byWebhook = await renderChart({ admission: 'webhook', guard })
  const policies = byPolicy.filter(isPolicy).filter(isAskedAboutNewPods)
  const holding = policies.filter(({ kind }) => kind === 'MutatingAdmissionPolicy')
  const hooksOf = (manifests: readonly Manifest[]): readonly Hook[] =>
    manifests
      .filter(({ kind }) => kind === 'MutatingWebhookConfiguration')
      .flatMap((manifest) => (manifest as Configuration).webhooks)
      .filter(({ name }) => name === 'mpod.keptn.sh')
  const ours = (way: Way, hooks: readonly Hook[]): Manifest =>
    configuration(
      way,
      hooks.map((hook) => ({
        ...hook,
        name: `${way}.example.com`,
        clientConfig: { ...hook.clientConfig, caBundle },
        namespaceSelector: selectorOf(way),
      })),
    )
  const other = (way: Way, path: string): Manifest =>
    configuration(way, [
      {
        name: `${way}.example.com`,
        ...{ admissionReviewVersions: ['v1'], sideEffects: 'None', timeoutSeconds: 2 },
        clientConfig: {
          service: { namespace: systemNamespace, name: standIn, path, port: 443 },
          caBundle,
        },
        rules: oneLine.spec.matchConstraints.resourceRules,
        namespaceSelector: selectorOf(way),
        failurePolicy: 'Fail',
      },
    ])
  const allOf = (way: Way, some: readonly Policy[]): readonly Manifest[] =>
    some.flatMap((policy) => inForce(policy, way))
  return [
    ...standInService(given.address),
    ours('bench-webhook', hooksOf(byWebhook)),
    other('bench-no-op', '/allow'),
    other('bench-patching', '/patch'),
    ...allOf('bench-policies', policies),
    ...allOf('bench-hold', holding),
    ...allOf('bench-one-line', [oneLine]),
    ours('bench-both', hooksOf(byPolicy)),
    ...allOf('bench-both', policies),
  ]
}
