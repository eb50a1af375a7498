/**
 * What people want of a simulated cluster: the truth that is compared with what happened.
 *
 * @module
 */
import type { Random } from './random.ts'

/** The namespace that people deploy to. */
export const shop = 'shop'

/** The checks of a version, before and after. */
export interface Checks {
  readonly preTasks: readonly string[]
  readonly preEvaluations: readonly string[]
  readonly postTasks: readonly string[]
  readonly postEvaluations: readonly string[]
}

/** The kinds that people deploy with. */
export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet'

/** Something that people deploy, again and again. */
export interface Workload {
  readonly kind: WorkloadKind
  /** Its name to Kubernetes. */
  readonly owner: string
  /** Its name to us, which another one may have, too. `undefined`: nobody said that it is ours. */
  readonly name: string | undefined
  /** Whether its pods say which workload they are of; else its Deployment does. */
  readonly isSaidByPods: boolean
  replicas: number
  version: number
}

/** What a pod template is of. `workload` is missing where nobody said that it is ours. */
export interface Revision {
  readonly workload: string | undefined
  readonly version: string
}

/** What people wanted, and what Kubernetes did for it. */
export interface Intent {
  readonly blocking: boolean
  /** Whether two Deployments say that they are the same workload: of different versions an app lists only one. */
  readonly hasTwin: boolean
  /** How the workloads come to an app. */
  readonly appMode: 'single' | 'found' | 'written'
  readonly workloads: readonly Workload[]
  /** By workload and version. */
  readonly checks: Map<string, Checks>
  /** What each revision is of: by the UID of a ReplicaSet, or by that of a set and its hash. */
  readonly revisions: Map<string, Revision>
  /** How each Job ended, by its UID. */
  readonly jobs: Map<string, 'Complete' | 'Failed'>
  /** UIDs of what people have deleted, or taken our marks from. */
  readonly deleted: Set<string>
  /** UIDs of pods that people have taken our label from. */
  readonly stripped: Set<string>
  /** Whether checks seldom fail in this history. */
  readonly isLucky: boolean
  /** Whether what is stored now was asked for by a leader that is none any more: nobody could stop it. */
  isLate: boolean
}

export const taskNames = ['smoke', 'notify', 'sign'] as const
/** What runs when an app's check has failed. */
export const failureTasks = ['page', 'ticket'] as const
/** What definitions depend on. */
export const dependencies: Readonly<Record<string, readonly string[]>> = {
  sign: ['smoke'],
  ticket: ['page'],
}
const evaluationNames = ['capacity'] as const

export const noChecks: Checks = {
  preTasks: [],
  preEvaluations: [],
  postTasks: [],
  postEvaluations: [],
}

/** With all that they depend on, so that none waits for ever. */
const withDependencies = (names: readonly string[]): readonly string[] => [
  ...new Set(names.flatMap((name) => [name, ...(dependencies[name] ?? [])])),
]

/** Checks as a person might list them. */
export const someChecks = (random: Random): Checks => ({
  preTasks: withDependencies(random.some(taskNames)),
  preEvaluations: random.chance(0.3) ? evaluationNames : [],
  postTasks: random.chance(0.3) ? withDependencies([random.pick(['notify', 'sign'])]) : [],
  postEvaluations: random.chance(0.15) ? evaluationNames : [],
})

const kindOf = (random: Random): WorkloadKind =>
  random.chance(0.6) ? 'Deployment' : random.pick(['StatefulSet', 'DaemonSet'])

const workloadOf = (random: Random, owner: string, hasTwin: boolean): Workload => {
  const kind = kindOf(random)
  return {
    kind,
    owner,
    name: owner,
    isSaidByPods: hasTwin || kind !== 'Deployment' || random.chance(0.7),
    replicas: random.between(1, kind === 'StatefulSet' ? 3 : 2),
    version: 0,
  }
}

/** Another Deployment that says it is the same workload; it may begin with another version of it. */
const twinOf = (random: Random): Workload => ({
  kind: 'Deployment',
  owner: 'cart-worker',
  name: 'cart',
  isSaidByPods: true,
  replicas: 1,
  version: random.between(0, 1),
})

const bystander: Workload = {
  kind: 'Deployment',
  owner: 'bystander',
  name: undefined,
  isSaidByPods: false,
  replicas: 1,
  version: 0,
}

/** What people want in a history. */
export const createIntent = (random: Random): Intent => {
  const appMode = random.pick(['single', 'found', 'written'] as const)
  const names = ['cart', 'web', 'db'].slice(0, random.between(1, appMode === 'single' ? 2 : 3))
  // People who write an app cannot list one workload at two versions.
  const hasTwin = appMode !== 'written' && random.chance(0.2)
  return {
    blocking: !random.chance(0.15),
    hasTwin,
    appMode,
    workloads: [
      ...names.map((name) => workloadOf(random, name, hasTwin)),
      ...(hasTwin ? [twinOf(random)] : []),
      ...(random.chance(0.15) ? [{ ...bystander }] : []),
    ],
    checks: new Map(),
    revisions: new Map(),
    jobs: new Map(),
    deleted: new Set(),
    stripped: new Set(),
    isLate: false,
    isLucky: random.chance(0.5),
  }
}
