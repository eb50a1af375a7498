/**
 * What is read and written of Kubernetes' own kinds: typed views, not complete types. A field that nobody here uses is
 * not here; objects from the cluster may hold more.
 *
 * @module
 */
import type { KubeObject, ResourceType } from './object.ts'

const resource = <T extends KubeObject>(type: ResourceType<T>): ResourceType<T> =>
  Object.freeze(type)

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/ */
export interface Namespace extends KubeObject {
  readonly status?: { readonly phase?: string }
}
export const Namespace = resource<Namespace>({
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
})

/** A reference to one key of a Secret. */
export interface SecretKeySelector {
  readonly name: string
  readonly key: string
  readonly optional?: boolean
}

/** One variable of a container: a literal, or a value from elsewhere. */
export interface EnvVar {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: {
    readonly secretKeyRef?: SecretKeySelector
    readonly [other: string]: unknown
  }
}

/** Where a volume appears in a container. */
export interface VolumeMount {
  readonly name: string
  readonly mountPath: string
  readonly subPath?: string
  readonly readOnly?: boolean
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container */
export interface Container {
  readonly name: string
  readonly image?: string
  readonly imagePullPolicy?: string
  readonly command?: readonly string[]
  readonly args?: readonly string[]
  readonly env?: readonly EnvVar[]
  readonly volumeMounts?: readonly VolumeMount[]
  readonly resources?: {
    readonly limits?: Readonly<Record<string, string>>
    readonly requests?: Readonly<Record<string, string>>
  }
  readonly terminationMessagePath?: string
  readonly terminationMessagePolicy?: string
  readonly securityContext?: Readonly<Record<string, unknown>>
}

/** https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
export interface PodSpec {
  readonly nodeName?: string
  readonly schedulerName?: string
  readonly schedulingGates?: readonly { readonly name: string }[]
  readonly containers: readonly Container[]
  readonly restartPolicy?: string
  readonly serviceAccountName?: string
  readonly automountServiceAccountToken?: boolean
  readonly imagePullSecrets?: readonly { readonly name?: string }[]
  readonly volumes?: readonly Readonly<Record<string, unknown>>[]
  readonly securityContext?: Readonly<Record<string, unknown>>
}

/** The state that a container of a pod has come to. */
export interface ContainerStatus {
  readonly name: string
  readonly restartCount?: number
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: { readonly startedAt?: string }
    readonly terminated?: {
      readonly exitCode: number
      readonly reason?: string
      readonly message?: string
      readonly finishedAt?: string
    }
  }
}

export interface Pod extends KubeObject {
  readonly spec: PodSpec
  readonly status?: {
    readonly phase?: string
    readonly conditions?: readonly PodCondition[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}
export interface PodCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastProbeTime?: string | null
  readonly lastTransitionTime?: string
}
export const Pod = resource<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
})

/** A pod template as workloads hold it. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly spec: PodSpec
}

export interface Deployment extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly template: PodTemplate }
  readonly status?: { readonly observedGeneration?: number; readonly availableReplicas?: number }
}
export const Deployment = resource<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
})

export interface ReplicaSet extends KubeObject {
  readonly spec: { readonly replicas?: number; readonly template?: PodTemplate }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly availableReplicas?: number
  }
}
export const ReplicaSet = resource<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  namespaced: true,
})

export interface StatefulSet extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly updateStrategy?: {
      readonly type?: string
      readonly rollingUpdate?: { readonly partition?: number }
    }
    readonly template: PodTemplate
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly availableReplicas?: number
    readonly updatedReplicas?: number
    readonly currentRevision?: string
    readonly updateRevision?: string
  }
}
export const StatefulSet = resource<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  namespaced: true,
})

export interface DaemonSet extends KubeObject {
  readonly spec: {
    readonly updateStrategy?: { readonly type?: string }
    readonly template: PodTemplate
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly desiredNumberScheduled?: number
    readonly updatedNumberScheduled?: number
    readonly numberReady?: number
  }
}
export const DaemonSet = resource<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  namespaced: true,
})

/** A condition of a Job; both lists below come from the Job controller. */
export interface JobCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}
export interface Job extends KubeObject {
  readonly spec: {
    readonly backoffLimit?: number
    readonly activeDeadlineSeconds?: number
    readonly ttlSecondsAfterFinished?: number
    readonly podFailurePolicy?: Readonly<Record<string, unknown>>
    readonly template: PodTemplate
  }
  readonly status?: {
    readonly conditions?: readonly JobCondition[]
    readonly active?: number
    /** Pods that run. */
    readonly ready?: number
    readonly succeeded?: number
    readonly failed?: number
    readonly startTime?: string
    readonly completionTime?: string
  }
}
export const Job = resource<Job>({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  namespaced: true,
})

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>
}
export const ConfigMap = resource<ConfigMap>({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
})

export interface Secret extends KubeObject {
  readonly type?: string
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>
}
export const Secret = resource<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
})

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface Event extends KubeObject {
  /** RFC 3339 with microseconds. */
  readonly eventTime?: string | null
  /** When it was told last, by components that count repetitions. */
  readonly series?: { readonly count: number; readonly lastObservedTime: string }
  /** The same, by older ones. */
  readonly deprecatedLastTimestamp?: string | null
  readonly reportingController: string
  readonly reportingInstance: string
  readonly action: string
  readonly reason: string
  readonly regarding: Readonly<Record<string, string | undefined>>
  /** At most 1,024 bytes. */
  readonly note: string
  readonly type: 'Normal' | 'Warning'
}
export const Event = resource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
})

export interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}
export const Lease = resource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
})

/** How the API server reaches a webhook. */
export interface WebhookClientConfig {
  /** Base64 PEM. */
  readonly caBundle?: string
  readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string }
  readonly url?: string
}
export interface MutatingWebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly {
    readonly name: string
    readonly clientConfig: WebhookClientConfig
  }[]
}
export const MutatingWebhookConfiguration = resource<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  namespaced: false,
})

/** Which objects an admission policy is asked about. A selector without a rule takes all. */
export interface MatchResources {
  readonly namespaceSelector?: Readonly<Record<string, unknown>>
  readonly objectSelector?: Readonly<Record<string, unknown>>
  readonly resourceRules?: readonly {
    readonly apiGroups?: readonly string[]
    readonly apiVersions?: readonly string[]
    readonly operations?: readonly string[]
    readonly resources?: readonly string[]
    readonly resourceNames?: readonly string[]
  }[]
  readonly excludeResourceRules?: readonly Readonly<Record<string, unknown>>[]
}

/** https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ */
export interface ValidatingAdmissionPolicy extends KubeObject {
  readonly spec?: {
    readonly failurePolicy?: string
    readonly paramKind?: Readonly<Record<string, unknown>>
    readonly matchConstraints?: MatchResources
    readonly matchConditions?: readonly Readonly<Record<string, unknown>>[]
    readonly validations?: readonly { readonly expression: string }[]
  }
}
export const ValidatingAdmissionPolicy = resource<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicy',
  plural: 'validatingadmissionpolicies',
  namespaced: false,
})

/** Puts an admission policy in force. */
export interface ValidatingAdmissionPolicyBinding extends KubeObject {
  readonly spec?: {
    readonly policyName?: string
    readonly paramRef?: Readonly<Record<string, unknown>>
    readonly matchResources?: MatchResources
    readonly validationActions?: readonly string[]
  }
}
export const ValidatingAdmissionPolicyBinding = resource<ValidatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  plural: 'validatingadmissionpolicybindings',
  namespaced: false,
})

/** A stored template of a StatefulSet or DaemonSet; kept as long as the owner can go back to it. */
export interface ControllerRevision extends KubeObject {
  readonly revision?: number
}
export const ControllerRevision = resource<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
})

/** https://argo-rollouts.readthedocs.io: makes ReplicaSets as a Deployment does, step by step. */
export interface Rollout extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    /** Missing where it takes the one of a Deployment. */
    readonly template?: PodTemplate
  }
  readonly status?: {
    /** A number, as text. */
    readonly observedGeneration?: string
    /** Of all its ReplicaSets together. */
    readonly replicas?: number
    readonly updatedReplicas?: number
    /** What the pods of the ReplicaSet that it wants are labelled with, and of the one that it last completed. */
    readonly currentPodHash?: string
    readonly stableRS?: string
    readonly phase?: string
    readonly message?: string
  }
}
export const Rollout = resource<Rollout>({
  group: 'argoproj.io',
  version: 'v1alpha1',
  kind: 'Rollout',
  plural: 'rollouts',
  namespaced: true,
})

/** https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/ */
export interface CustomResourceDefinition extends KubeObject {
  readonly spec: {
    readonly versions: readonly { readonly name: string; readonly served: boolean }[]
  }
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}
export const CustomResourceDefinition = resource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
})

/** Where the pods behind a Service can be reached; the API server keeps one for itself, of the Service `kubernetes`. */
/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/ */
export interface APIService extends KubeObject {
  readonly spec: { readonly caBundle?: string }
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
    }[]
  }
}
export const APIService = resource<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
})
export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[]
    readonly conditions?: { readonly ready?: boolean }
  }[]
  readonly ports?: readonly { readonly port?: number }[]
}
export const EndpointSlice = resource<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
})
