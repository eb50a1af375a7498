/**
 * Who a pod is: which workload of which application, in which version, and what is checked around its deployment.
 *
 * A pod that names its workload speaks for itself, and nothing is taken from its owner but, where it names no version,
 * the template that one is computed from. Otherwise its topmost owner (the Deployment, Rollout, StatefulSet or DaemonSet)
 * is asked: if that one names a workload, whatever it says is read as if the pod said it.
 *
 * @module
 */
import type { PodTemplate } from '../api/kubernetes.ts'
import { keys, read, type Metadata } from './keys.ts'
import { versionOfTemplate } from './version.ts'

/** The names of the definitions that run before and after a deployment. */
export interface Checks {
  readonly preDeploymentTasks: readonly string[]
  readonly postDeploymentTasks: readonly string[]
  readonly preDeploymentEvaluations: readonly string[]
  readonly postDeploymentEvaluations: readonly string[]
}

/** Who a pod is. Names are as the user gave them; those of our objects are made from them by `names.ts`. */
export interface Identity extends Checks {
  readonly app: string
  /** Nobody named an application, so it is named after its only workload. */
  readonly singleService: boolean
  readonly workload: string
  /** In lower case, as Keptn stores it. */
  readonly version: string
  readonly metadata: Readonly<Record<string, string>>
}

/** What is known of the owner of a pod. */
export interface Owner {
  /** Of the topmost owner: what its author wrote, not what a ReplicaSet was given. */
  readonly metadata: Metadata
  /** Of the direct owner: a Deployment's may have moved on to a newer version. */
  readonly template: PodTemplate
}

/**
 * The identity of a pod. `owner-needed`: the pod alone can't tell, and no owner was given.
 * Throws nothing, whatever the metadata hold.
 */
export const identify = (
  pod: Metadata,
  owner: Owner | undefined,
): Identity | 'not-managed' | 'owner-needed' => {
  const own = claimsOf(pod)
  if (own.workload !== undefined) {
    if (own.version !== undefined) return completed(own, own.workload, own.version)
    if (owner === undefined) return 'owner-needed'
    return completed(own, own.workload, computedVersion(pod, owner))
  }
  if (owner === undefined) return 'owner-needed'
  const inherited = claimsOf(owner.metadata)
  if (inherited.workload === undefined) return 'not-managed'
  const version = inherited.version ?? computedVersion(owner.metadata, owner)
  const said = { ...annotationsOf(inherited), [keys.version]: version }
  const both = claimsOf({ ...pod, annotations: { ...pod.annotations, ...said } })
  return completed(both, inherited.workload, version)
}

/** An identity as annotations of a pod: `identify` of a pod that carries them gives the same identity without its owner. */
export const identityAnnotations = (identity: Identity): Readonly<Record<string, string>> =>
  annotationsOf(identity)

/** Those of an identity's annotations without which the pod, as it is, would not tell the same. */
export const missingAnnotations = (
  pod: Metadata,
  identity: Identity,
): Readonly<Record<string, string>> => {
  const said = annotationsOf(claimsOf(pod))
  return Object.fromEntries(
    Object.entries(annotationsOf(identity)).filter(([key, value]) => said[key] !== value),
  )
}

/** What an object says of itself, complete or not. */
type Claims = Checks & {
  readonly app: string | undefined
  readonly singleService: boolean
  readonly workload: string | undefined
  readonly version: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

const claimsOf = (metadata: Metadata): Claims => {
  const workload = read(metadata, keys.workload, keys.recommendedName)
  const app = read(metadata, keys.app, keys.recommendedPartOf)
  return {
    workload,
    app,
    // Where the mark was copied to a pod of a named application, the name tells the truth.
    singleService: metadata.annotations?.[keys.appType] === 'single-service' && app === workload,
    version: read(metadata, keys.version, keys.recommendedVersion)?.toLowerCase(),
    preDeploymentTasks: listOf(read(metadata, keys.preDeploymentTasks)),
    postDeploymentTasks: listOf(read(metadata, keys.postDeploymentTasks)),
    preDeploymentEvaluations: listOf(read(metadata, keys.preDeploymentEvaluations)),
    postDeploymentEvaluations: listOf(read(metadata, keys.postDeploymentEvaluations)),
    metadata: mapOf(read(metadata, keys.metadata)),
  }
}

const completed = (claims: Claims, workload: string, version: string): Identity => ({
  ...claims,
  app: claims.app ?? workload,
  singleService: claims.singleService || claims.app === undefined,
  workload,
  version,
})

const computedVersion = (asked: Metadata, owner: Owner): string =>
  versionOfTemplate(owner.template, read(asked, keys.container)).toLowerCase()

// What is empty is left out: an annotation that only shadows what the pod says would change who it is.
const annotationsOf = (claims: Claims): Record<string, string> =>
  Object.fromEntries(
    [
      [keys.workload, claims.workload ?? ''],
      [keys.version, claims.version ?? ''],
      [keys.app, claims.app ?? ''],
      [keys.appType, claims.singleService ? 'single-service' : ''],
      [keys.preDeploymentTasks, claims.preDeploymentTasks.join(',')],
      [keys.postDeploymentTasks, claims.postDeploymentTasks.join(',')],
      [keys.preDeploymentEvaluations, claims.preDeploymentEvaluations.join(',')],
      [keys.postDeploymentEvaluations, claims.postDeploymentEvaluations.join(',')],
      [keys.metadata, textOf(claims.metadata)],
    ].filter(([, value]) => value !== ''),
  ) as Record<string, string>

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

// `fromEntries` makes `__proto__` an ordinary member; assigning it would not.
const mapOf = (text: string | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (text ?? '')
      .split(',')
      .map((pair) => pair.split('=').map((part) => part.trim()))
      .filter((parts) => parts.length === 2 && parts[0] !== ''),
  ) as Record<string, string>

const textOf = (map: Readonly<Record<string, string>>): string =>
  Object.entries(map)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
