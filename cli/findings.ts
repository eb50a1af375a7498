/**
 * What `gatekept verify` asks a cluster, and the sentences in which it tells the answers. Pods are tried by dry run: the API
 * server asks whom it would ask, and stores nothing.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
 *
 * @module
 */
import { APIService, Deployment, Namespace, type Pod, type PodSpec } from '../api/kubernetes.ts'
import type { KubeObject } from '../api/object.ts'
import { apiServiceNames, keys } from '../identity/keys.ts'
import { carriesGate, isForPermit, isManaged, wantsManaging } from '../identity/scope.ts'
import type { Client } from '../kube/client.ts'
import { ApiError } from '../kube/errors.ts'

/** One answer. `failed`: this installation does not do what it is for; `noted`: worth knowing. */
export interface Finding {
  readonly outcome: 'ok' | 'noted' | 'failed'
  readonly sentence: string
}

/** Where to look. */
export interface Place {
  readonly client: Client
  /** Where Gatekept is installed. */
  readonly namespace: string
  /** The namespace in which pods are tried. */
  readonly tryIn: string
  readonly pause: () => Promise<unknown>
}

const ok = (sentence: string): Finding => ({ outcome: 'ok', sentence })
const noted = (sentence: string): Finding => ({ outcome: 'noted', sentence })
const failed = (sentence: string): Finding => ({ outcome: 'failed', sentence })

/** Looks this often at what takes a moment; with half a second between, some ten seconds. */
const looks = 20

const [partOf, keptn] = ['app.kubernetes.io/part-of', 'keptn']

/** Are our programs there, and ready? */
export const findPrograms = async ({ client, namespace }: Place): Promise<readonly Finding[]> => {
  const { items } = await client.list(Deployment, {
    namespace,
    labelSelector: `${partOf}=${keptn}`,
  })
  if (items.length === 0) {
    return [
      failed(
        `No program of Gatekept is in namespace "${namespace}": name the one that it is installed in (--namespace), or install it`,
      ),
    ]
  }
  return items.map(({ metadata: { name }, spec: { replicas = 1 }, status }) => {
    const available = status?.availableReplicas ?? 0
    const sentence = `"${name}": ${available} of ${replicas} replicas are available`
    if (available >= replicas) return ok(sentence)
    return available > 0
      ? noted(sentence)
      : failed(`${sentence}: kubectl --namespace ${namespace} describe deployment ${name} says why`)
  })
}

/**
 * Are the APIs served that we have registered? While one is not, the namespace controller can't tell what is in a namespace.
 * https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server/
 */
export const findApis = async ({ client }: Place): Promise<readonly Finding[]> => {
  const all = await Promise.all(apiServiceNames.map((name) => client.get(APIService, { name })))
  const ours = all.filter((api) => api?.metadata.labels?.[partOf] === keptn)
  return ours.flatMap((api) => (api === undefined ? [] : [findingOf(api)]))
}

const findingOf = ({ metadata: { name }, status }: APIService): Finding => {
  const available = status?.conditions?.find(({ type }) => type === 'Available')
  return available?.status === 'True'
    ? ok(`API "${name}" is served`)
    : failed(
        `API "${name}" is not served, and meanwhile no namespace of the cluster can be deleted: ${available?.message ?? 'nobody has looked at it yet'}`,
      )
}

/** Does a namespace that opts in by its annotation get the label that admission selects by? */
export const findOptIn = async (place: Place): Promise<Finding> => {
  const { client, tryIn: name, pause } = place
  for (let look = 1; ; look += 1) {
    const namespace = await client.get(Namespace, { name })
    if (namespace === undefined) return failed(`There is no namespace "${name}" to try pods in`)
    if (isManaged(namespace)) return ok(`Namespace "${name}" has opted in`)
    if (!wantsManaging(namespace)) {
      return failed(
        `Namespace "${name}" has not opted in, so that no pod can be tried there: kubectl annotate namespace ${name} ${keys.optIn}=enabled`,
      )
    }
    if (look === looks) {
      return failed(
        `Namespace "${name}" has opted in by annotation, but does not get the label "${keys.optIn}": it is not eligible (lifecycleOperator.allowedNamespaces, deniedNamespaces), or neither webhook nor lifecycle operator sees it`,
      )
    }
    await pause()
  }
}

/** Is a pod of a Deployment held, and does the webhook answer? */
export const findHeld = async (place: Place): Promise<readonly Finding[]> => {
  const tried = await tryPodUntil(place, {}, isHeld)
  if (typeof tried === 'string') {
    return [
      failed(
        `A pod of a Deployment is refused: ${tried}. New pods of namespaces that have opted in can't be made until the webhook answers: see that "lifecycle-webhook" is available, and that the API server reaches it`,
      ),
    ]
  }
  const byPolicy = await isThere(place, 'mutatingadmissionpolicybindings', 'gatekept-hold')
  const who = byPolicy ? 'the policy "gatekept-hold"' : 'the webhook'
  const held = isHeld(tried)
    ? ok(`A pod of a Deployment is held, by ${who}`)
    : failed(
        `A pod of a Deployment is let through without its gate: ${who} is not asked, or does not answer. \`helm upgrade\` with the same values puts back what is missing`,
      )
  return [held, answerOf(tried)]
}

const isHeld = (tried: Pod | string): tried is Pod =>
  typeof tried !== 'string' && (carriesGate(tried) || isForPermit(tried))

/** The pod names no application: who completes that is the webhook. */
const answerOf = ({ metadata }: KubeObject): Finding =>
  metadata.annotations?.[keys.app] === undefined
    ? failed(
        'The webhook does not answer the API server: see that "lifecycle-webhook" is available, that its certificate is trusted (the log of "lifecycle-operator" says what becomes of it), and that no NetworkPolicy stands between',
      )
    : ok('The webhook answers the API server')

/** Is there a way round the gate? */
export const findGuard = async (place: Place): Promise<readonly Finding[]> => {
  const tried = await tryPodUntil(place, { nodeName: 'gatekept-verify' }, isRefusedForItsNode)
  const placed = isRefusedForItsNode(tried)
    ? ok('A pod that names its node itself is refused')
    : failed('A pod that names its node itself is not refused, and would run unchecked')
  const isGuarded = await isThere(place, 'validatingadmissionpolicybindings', 'gatekept-gate')
  const guarded = isGuarded
    ? ok('Gates are guarded: only who holds the verb "release" may take one away')
    : noted(
        'Gates are not guarded: whoever may patch pods may take one away (guard.enabled, and a cluster with ValidatingAdmissionPolicies)',
      )
  return [placed, guarded]
}

const isRefusedForItsNode = (tried: Pod | string): boolean =>
  typeof tried === 'string' && tried.includes('spec.nodeName')

const isThere = async ({ client }: Place, plural: string, name: string): Promise<boolean> => {
  try {
    await client.raw({
      method: 'GET',
      path: `/apis/admissionregistration.k8s.io/v1/${plural}/${name}`,
    })
    return true
  } catch (error) {
    // A cluster may not have the kind either.
    if (error instanceof ApiError && error.status === 404) return false
    throw error
  }
}

/** A pod as a Deployment would have it, which keeps every Pod Security Standard. */
const podOf = (namespace: string, spec: Partial<PodSpec>): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace,
    name: 'gatekept-verify',
    annotations: { [keys.workload]: 'gatekept-verify', [keys.version]: '1' },
    ownerReferences: [
      {
        ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'gatekept-verify', controller: true },
        uid: '00000000-0000-4000-8000-000000000000',
      },
    ],
  },
  spec: {
    automountServiceAccountToken: false,
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: 65532 },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        ...{ name: 'none', image: 'gatekept-verify' },
        resources: {
          requests: { cpu: '1m', memory: '1Mi' },
          limits: { cpu: '1m', memory: '1Mi' },
        },
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
    ...spec,
  },
})

/**
 * What comes of a pod: the last answer, or the first that is as it should be. The API server takes a moment to act on
 * policies and webhooks that are new, and a new namespace has no service account yet.
 */
const tryPodUntil = async (
  place: Place,
  spec: Partial<PodSpec>,
  isAsItShouldBe: (tried: Pod | string) => boolean,
): Promise<Pod | string> => {
  for (let look = 1; ; look += 1) {
    const tried = await tryPod(place, spec)
    if (isAsItShouldBe(tried) || look === looks) return tried
    await place.pause()
  }
}

/** The pod that the API server would have stored, or why it would not have. */
const tryPod = async ({ client, tryIn }: Place, spec: Partial<PodSpec>): Promise<Pod | string> => {
  const path = `/api/v1/namespaces/${encodeURIComponent(tryIn)}/pods?dryRun=All`
  try {
    return (await client.raw({ method: 'POST', path, body: podOf(tryIn, spec) })) as Pod
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0) throw error
    return error.message
  }
}
