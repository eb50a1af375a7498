/**
 * The objects of the scenarios, as a user of Keptn writes them.
 *
 * @module
 */

/** Something to apply. */
export type Manifest = object

type Text = Readonly<Record<string, string>>

interface Metadata {
  readonly annotations?: Text
  readonly labels?: Text
}

/** What a workload in a scenario differs in. */
export interface WorkloadOptions {
  readonly namespace: string
  readonly kind?: 'Deployment' | 'StatefulSet' | 'DaemonSet'
  readonly name?: string
  /** On the Deployment, StatefulSet or DaemonSet itself. */
  readonly onObject?: Metadata
  /** On the template of its pods. */
  readonly onTemplate?: Metadata
  readonly image?: string
  /** Beside the one with the image. */
  readonly otherContainers?: readonly object[]
  readonly spec?: object
}

/** Waits until it is told to stop. Every test cluster has it. */
const idle = 'localhost/pause:1'

/** CoreDNS, which every test cluster has: asked for its version it ends well, with an unknown option it fails. */
const program = 'localhost/coredns:1'

const byKind = {
  Deployment: { replicas: 1 },
  StatefulSet: { replicas: 1, serviceName: 'waiter' },
  DaemonSet: {},
} as const

/** A workload whose pods do nothing but run. */
export const workload = (options: WorkloadOptions): Manifest => {
  const {
    namespace,
    kind = 'Deployment',
    name = 'waiter',
    onObject = {},
    onTemplate = {},
  } = options
  const { image = idle, otherContainers = [], spec = {} } = options
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { ...onObject, name, namespace },
    spec: {
      ...byKind[kind],
      ...spec,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { ...onTemplate, labels: { app: name, ...onTemplate.labels } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            { name: 'busybox', image, imagePullPolicy: 'IfNotPresent' },
            ...otherContainers,
          ],
        },
      },
    },
  }
}

/** The annotations that most scenarios begin with, and more. */
export const waiter = (version = '0.4', more: Text = {}): { readonly annotations: Text } => ({
  annotations: { 'keptn.sh/workload': 'waiter', 'keptn.sh/version': version, ...more },
})

/** A namespace; with `enabled` by annotation, as Keptn has it, by label, or not at all. */
export const namespaceOf = (
  name: string,
  enabled: 'annotation' | 'label' | 'no' = 'annotation',
): Manifest => {
  const mark = { 'keptn.sh/lifecycle-toolkit': 'enabled' }
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      ...(enabled === 'annotation' ? { annotations: mark } : {}),
      ...(enabled === 'label' ? { labels: mark } : {}),
    },
  }
}

/** A KeptnTaskDefinition with these fields. */
export const taskDefinition = (
  namespace: string,
  name: string,
  spec: object,
  metadata: Metadata = {},
): Manifest => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnTaskDefinition',
  metadata: { ...metadata, name, namespace },
  spec,
})

const container = (image: string, args: readonly string[]): object => ({
  name: 'task',
  image,
  args,
})

/** A task that succeeds at once. */
export const passing = (namespace: string, name: string, spec: object = {}): Manifest =>
  taskDefinition(namespace, name, { container: container(program, ['-version']), ...spec })

/** A task that fails at once, and isn't tried again unless asked for. */
export const failing = (namespace: string, name: string, spec: object = {}): Manifest =>
  taskDefinition(namespace, name, {
    container: container(program, ['-no-such-option']),
    retries: 0,
    ...spec,
  })

/** A task that ends by its timeout alone. */
export const endless = (namespace: string, name: string, spec: object = {}): Manifest =>
  taskDefinition(namespace, name, { container: container(idle, []), retries: 0, ...spec })

/** A KeptnEvaluationDefinition with one objective; its metric is in the same namespace. */
export const evaluationDefinition = (
  namespace: string,
  name: string,
  evaluationTarget: string,
  spec: object = {},
): Manifest => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnEvaluationDefinition',
  metadata: { name, namespace },
  spec: {
    retries: 2,
    retryInterval: '1s',
    ...spec,
    objectives: [{ keptnMetricRef: { name: 'answer' }, evaluationTarget }],
  },
})

/** The metric `answer`, from the source at the address. */
export const metric = (namespace: string, targetServer: string): readonly Manifest[] => [
  {
    apiVersion: 'metrics.keptn.sh/v1',
    kind: 'KeptnMetricsProvider',
    metadata: { name: 'source', namespace },
    spec: { type: 'prometheus', targetServer },
  },
  {
    apiVersion: 'metrics.keptn.sh/v1',
    kind: 'KeptnMetric',
    metadata: { name: 'answer', namespace },
    spec: { provider: { name: 'source' }, query: 'answer', fetchIntervalSeconds: 2 },
  },
]

/** A KeptnApp that a user keeps. */
export const app = (namespace: string, name: string, spec: object): Manifest => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnApp',
  metadata: { name, namespace },
  spec,
})

/** The KeptnAppContext of an app: its checks and metadata. */
export const appContext = (namespace: string, name: string, spec: object): Manifest => ({
  apiVersion: 'lifecycle.keptn.sh/v1',
  kind: 'KeptnAppContext',
  metadata: { name, namespace },
  spec,
})
