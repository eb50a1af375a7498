/**
 * The annotation and label keys through which users and Gatekept talk to each other, all in one place.
 *
 * @module
 */

/** The part of an object's metadata that keys are read from. */
export interface Metadata {
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** Every key, under the name by which the code speaks of it. */
export const keys = {
  /** On a Namespace: `enabled` puts its workloads under Gatekept. */
  optIn: 'keptn.sh/lifecycle-toolkit',

  workload: 'keptn.sh/workload',
  version: 'keptn.sh/version',
  app: 'keptn.sh/app',
  /** The container whose image gives the version. */
  container: 'keptn.sh/container',
  preDeploymentTasks: 'keptn.sh/pre-deployment-tasks',
  postDeploymentTasks: 'keptn.sh/post-deployment-tasks',
  preDeploymentEvaluations: 'keptn.sh/pre-deployment-evaluations',
  postDeploymentEvaluations: 'keptn.sh/post-deployment-evaluations',
  metadata: 'keptn.sh/metadata',

  /** Kubernetes' recommended labels, read where Keptn's own key is absent. */
  recommendedName: 'app.kubernetes.io/name',
  recommendedVersion: 'app.kubernetes.io/version',
  recommendedPartOf: 'app.kubernetes.io/part-of',
  /** `keptn` marks objects that were made automatically. */
  managedBy: 'app.kubernetes.io/managed-by',

  /** Set when a gate was opened, for people and scripts that look at it; never read by us. */
  gateRemoved: 'keptn.sh/scheduling-gate-removed',
  /** Label of pods that carry our gate, to select them by. */
  gated: 'keptn.sh/gated',
  taskName: 'keptn.sh/task-name',
  /** Label of objects whose `caBundle` we write. */
  injectCertificate: 'keptn.sh/inject-cert',

  /** On a pod: `single-service` tells that its application was named after its workload. */
  appType: 'gatekept.dev/app-type',
  /** On a Namespace: the revisions whose pods are no longer held. */
  released: 'gatekept.dev/released',
  /** On a Namespace: since when its pods are held. */
  managedSince: 'gatekept.dev/managed-since',

  /** On an owner of pods: when it was last told that the webhook is back; on a pod that waits for `permitScheduler`: when it was
   * touched, so that its scheduler asks again. Never read by us on a pod. */
  nudged: 'gatekept.dev/nudged',

  /** Set by the kubelet on its copies of static pods. */
  mirror: 'kubernetes.io/config.mirror',
  /** Label by which StatefulSets and DaemonSets mark the version of a pod. */
  controllerRevisionHash: 'controller-revision-hash',
} as const

/** The configuration by which the API server asks our webhook. */
export const webhookConfigurationName = 'lifecycle-mutating-webhook-configuration'

/** The APIs that we register with the API server. */
export const apiServiceNames = [
  'v1beta1.custom.metrics.k8s.io',
  'v1beta2.custom.metrics.k8s.io',
] as const

/** The scheduling gate that holds a pod. It is ours alone, and of `schedulingGates` only it is. */
export const gateName = 'keptn-prechecks-gate'

/** The kube-scheduler that asks us before it gives a pod a node, for clusters whose pods can't carry gates. */
export const permitScheduler = 'keptn-scheduler'

/**
 * The value of a key. Annotations win over labels, and both of the primary key over both of the secondary.
 * An empty value counts as absent.
 */
export const read = (
  metadata: Metadata,
  primary: string,
  secondary?: string,
): string | undefined => {
  for (const key of secondary === undefined ? [primary] : [primary, secondary]) {
    const value = filled(metadata.annotations?.[key]) ?? filled(metadata.labels?.[key])
    if (value !== undefined) return value
  }
  return undefined
}

// What is asked about at admission is not validated yet, so a value may be anything.
const filled = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
