/**
 * Everything in a simulated cluster that is not us: people who deploy, and the controllers of Kubernetes. Each thing that
 * could happen next is a step; whoever runs the history chooses among them.
 *
 * @module
 */
import {
  KeptnApp,
  KeptnConfig,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { Job, Namespace, Pod, ReplicaSet } from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject, type New, type ResourceType } from '../../api/object.ts'
import { gateName, keys } from '../../identity/keys.ts'
import { parseReleased } from '../../identity/released.ts'
import { carriesGate } from '../../identity/scope.ts'
import type { ApiServer, Stored } from './api-server.ts'
import { home } from './process.ts'
import type { Random } from './random.ts'

/** The namespace that people deploy to. */
export const shop = 'shop'

/** Something that could happen next. */
export type Step = () => void

/** The checks of a version, before and after. */
export interface Checks {
  readonly preTasks: readonly string[]
  readonly preEvaluations: readonly string[]
  readonly postTasks: readonly string[]
  readonly postEvaluations: readonly string[]
}

/** What people wanted: the truth that is compared with what happened. */
export interface Intent {
  readonly blocking: boolean
  /** Whether two Deployments say that they are the same workload: of different versions an app lists only one. */
  readonly hasTwin: boolean
  /** How the workloads come to an app. */
  readonly appMode: 'single' | 'found' | 'written'
  /** By workload and version. */
  readonly checks: ReadonlyMap<string, Checks>
  /** What each ReplicaSet is of, by its UID. */
  readonly revisions: ReadonlyMap<string, { readonly workload: string; readonly version: string }>
  /** How each Job ended, by its UID. */
  readonly jobs: ReadonlyMap<string, 'Complete' | 'Failed'>
  /** Whether people have deleted something of ours. */
  readonly hasDeleted: () => boolean
}

/** The rest of the cluster. */
export interface World {
  readonly intent: Intent
  /** What could happen next, by people: in their order. */
  readonly people: () => readonly Step[]
  /** What could happen next, by Kubernetes. */
  readonly machinery: () => readonly Step[]
}

const taskNames = ['smoke', 'notify'] as const
const evaluationNames = ['capacity'] as const
const noChecks: Checks = { preTasks: [], preEvaluations: [], postTasks: [], postEvaluations: [] }

const someChecks = (random: Random): Checks => ({
  preTasks: random.some(taskNames),
  preEvaluations: random.chance(0.3) ? evaluationNames : [],
  postTasks: random.chance(0.3) ? ['notify'] : [],
  postEvaluations: random.chance(0.15) ? evaluationNames : [],
})

/** How the API server's annotations list names. */
const annotationsOf = (checks: Checks): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [
      [keys.preDeploymentTasks, checks.preTasks],
      [keys.preDeploymentEvaluations, checks.preEvaluations],
      [keys.postDeploymentTasks, checks.postTasks],
      [keys.postDeploymentEvaluations, checks.postEvaluations],
    ].flatMap(([key, list]) => (list?.length === 0 ? [] : [[key, (list as string[]).join(',')]])),
  ) as Record<string, string>

interface Workload {
  /** Its name to Kubernetes. */
  readonly deployment: string
  /** Its name to us, which another one may have, too. */
  readonly name: string
  readonly replicas: number
  version: number
}

/** Makes a cluster with people who are about to deploy a few workloads. */
export const createWorld = (server: ApiServer, random: Random): World => {
  const appMode = random.pick(['single', 'found', 'written'] as const)
  const names = ['cart', 'web', 'db'].slice(0, random.between(1, appMode === 'single' ? 2 : 3))
  // People who write an app cannot list one workload at two versions.
  const hasTwin = appMode !== 'written' && random.chance(0.2)
  const twins = hasTwin ? [{ deployment: 'cart-worker', name: 'cart' }] : []
  const deployments = [...names.map((name) => ({ deployment: name, name })), ...twins]
  const workloads: readonly Workload[] = deployments.map((deployment) => ({
    ...deployment,
    replicas: random.between(1, 2),
    // Owners of one workload may begin with different versions of it.
    version: deployment.name === deployment.deployment ? 0 : random.between(0, 1),
  }))
  const checks = new Map<string, Checks>()
  const revisions = new Map<string, { readonly workload: string; readonly version: string }>()
  const jobs = new Map<string, 'Complete' | 'Failed'>()
  const appChecks = appMode === 'written' ? someChecks(random) : noChecks
  const blocking = !random.chance(0.15)
  const isLucky = random.chance(0.5)
  let appVersion = 0
  let hasDeleted = false

  const create = (type: ResourceType<KubeObject>, object: object): Stored =>
    server.create(type, object as New<KubeObject>)

  const define = (): void => {
    const namespace = random.pick([shop, home])
    const spec = { retries: 1, timeout: '5m', ttlSecondsAfterFinished: 300 }
    const definitions = taskNames.map((name) => ({
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: KeptnTaskDefinition.kind,
      metadata: { name, namespace },
      spec:
        name === 'smoke'
          ? { ...spec, container: { name: 'smoke', image: 'smoke:1' } }
          : { ...spec, deno: { inline: { code: 'console.log(1)' } } },
    }))
    for (const definition of definitions) create(KeptnTaskDefinition, definition)
    create(KeptnEvaluationDefinition, {
      apiVersion: 'lifecycle.keptn.sh/v1',
      kind: KeptnEvaluationDefinition.kind,
      metadata: { name: 'capacity', namespace },
      spec: {
        retries: 2,
        retryInterval: '5s',
        objectives: [{ keptnMetricRef: { name: 'cpus', namespace: '' }, evaluationTarget: '>4' }],
      },
    })
  }

  const measure = (): void => {
    const value = isLucky || random.chance(0.6) ? '5' : '3'
    const lastUpdated = new Date().toISOString()
    server.update(
      KeptnMetric,
      { namespace: shop, name: 'cpus' },
      { status: { value, rawValue: value, lastUpdated } },
    )
  }

  const prepare = (): void => {
    create(Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: shop, labels: { [keys.optIn]: 'enabled' } },
    })
    create(KeptnMetric, {
      apiVersion: 'metrics.keptn.sh/v1',
      kind: KeptnMetric.kind,
      metadata: { name: 'cpus', namespace: shop },
      spec: { provider: { name: 'prometheus' }, query: 'cpus', fetchIntervalSeconds: 86_400 },
    })
    measure()
    create(KeptnConfig, {
      apiVersion: 'options.keptn.sh/v1alpha1',
      kind: KeptnConfig.kind,
      metadata: { name: 'keptn', namespace: home },
      spec: {
        blockDeployment: blocking,
        observabilityTimeout: '1h',
        keptnAppCreationRequestTimeoutSeconds: 10,
        discoveryQuietSeconds: random.between(0, 3),
        eventNames: 'seeds',
      },
    })
  }

  const replicaSetsOf = ({ deployment }: Workload): readonly Stored[] =>
    server.list(ReplicaSet).filter((set) => controllerOf(set)?.name === deployment)

  const scale = (set: Stored, replicas: number): void => {
    server.update(ReplicaSet, set.metadata, { spec: { replicas } })
  }

  /** The Deployment controller's part of a rollout: what is not available yet makes room at once. */
  const makeRoom = (workload: Workload, newest: Stored): void => {
    for (const set of replicaSetsOf(workload)) {
      const isAvailable = Number(set.status?.['availableReplicas'] ?? 0) > 0
      if (set.metadata.uid !== newest.metadata.uid && !isAvailable) scale(set, 0)
    }
  }

  const highestRevision = (workload: Workload): number =>
    Math.max(0, ...replicaSetsOf(workload).map(revisionNumber))

  const deploy = (workload: Workload, isNewVersion: boolean): void => {
    if (isNewVersion || workload.version === 0) workload.version += 1
    const version = String(workload.version)
    const key = `${workload.name}/${version}`
    if (!checks.has(key)) checks.set(key, someChecks(random))
    const number = highestRevision(workload) + 1
    const set = create(ReplicaSet, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${workload.deployment}-${number}`,
        namespace: shop,
        annotations: { [revisionKey]: String(number) },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            name: workload.deployment,
            uid: `uid-${workload.deployment}`,
            controller: true,
          },
        ],
      },
      spec: { replicas: workload.replicas },
    })
    revisions.set(set.metadata.uid, { workload: workload.name, version })
    makeRoom(workload, set)
  }

  const rollBack = (workload: Workload): void => {
    const older = replicaSetsOf(workload).toSorted((a, b) => revisionNumber(a) - revisionNumber(b))
    const [target] = older
    if (target === undefined || older.length < 2) return
    const set = server.update(ReplicaSet, target.metadata, {
      metadata: { annotations: { [revisionKey]: String(highestRevision(workload) + 1) } },
    })
    scale(set, workload.replicas)
    makeRoom(workload, set)
    workload.version = Number(revisions.get(set.metadata.uid)?.version ?? workload.version)
  }

  const writeApp = (): void => {
    appVersion += 1
    const spec = {
      version: `${appVersion}.0`,
      workloads: workloads
        .filter(({ name, deployment }) => name === deployment)
        .map(({ name, version }) => ({ name, version: String(version) })),
      preDeploymentTasks: appChecks.preTasks,
      preDeploymentEvaluations: appChecks.preEvaluations,
      postDeploymentTasks: appChecks.postTasks,
      postDeploymentEvaluations: appChecks.postEvaluations,
    }
    const at = { namespace: shop, name: 'app' }
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' }
    if (server.get(KeptnApp, at) === undefined) {
      const head = { apiVersion: 'lifecycle.keptn.sh/v1', kind: KeptnApp.kind }
      create(KeptnApp, { ...head, metadata: { ...at, annotations }, spec })
    } else server.update(KeptnApp, at, { metadata: { annotations }, spec })
  }

  const raiseRevision = (): void => {
    const at = { namespace: shop, name: 'app' }
    const revision = Number(server.get(KeptnApp, at)?.spec?.['revision'] ?? 0) + 1
    if (revision > 1) server.update(KeptnApp, at, { spec: { revision } })
  }

  const loseJob = (): void => {
    const known = new Set(server.list(KeptnTask).map((task) => task.status?.['jobUid']))
    const job = server.list(Job).find(({ metadata }) => known.has(metadata.uid))
    if (job !== undefined) server.remove(Job, job.metadata)
  }

  /** Deletes an object, in the background or in the foreground. */
  const deleteOne = (type: ResourceType<KubeObject>): void => {
    const present = server.list(type).filter(({ metadata }) => !isMarked(metadata))
    if (present.length === 0) return
    const { metadata } = random.pick(present)
    hasDeleted = true
    if (random.chance(0.5)) server.markDeleted(type, metadata)
    else server.remove(type, metadata)
  }

  const deleteApp = (): void => {
    deleteOne(KeptnApp)
  }

  const deleteWorkload = (): void => {
    deleteOne(random.pick([KeptnWorkload, KeptnWorkloadVersion]))
  }

  /** As `kubectl replace --force` does; the name is free once the old one is gone. */
  const replaceApp = (): void => {
    if (server.get(KeptnApp, { namespace: shop, name: 'app' }) !== undefined) {
      hasDeleted = true
      server.remove(KeptnApp, { namespace: shop, name: 'app' })
    }
    writeApp()
  }

  const restartPod = (): void => {
    const pods = server.list(Pod)
    if (pods.length > 0) server.remove(Pod, random.pick(pods).metadata)
  }

  const waysToWrite = [writeApp, writeApp, replaceApp]

  const change = (): readonly Step[] => {
    const workload = random.pick(workloads)
    const rollout = random.pick([
      () => {
        deploy(workload, true)
      },
      () => {
        deploy(workload, false)
      },
      () => {
        rollBack(workload)
      },
    ])
    const other = random.pick([
      restartPod,
      loseJob,
      measure,
      raiseRevision,
      deleteApp,
      deleteWorkload,
    ])
    return random.chance(0.5)
      ? [other]
      : [rollout, ...(appMode === 'written' ? [random.pick(waysToWrite)] : []), other]
  }

  prepare()
  const first = workloads.map((workload) => () => {
    deploy(workload, true)
  })
  const opening: readonly Step[] = [
    ...first,
    ...(appMode === 'written' ? [writeApp] : []),
    ...Array.from({ length: random.between(0, 3) }, change).flat(),
  ]
  const place = random.chance(0.7) ? 0 : random.between(0, opening.length)
  const script = [...opening.slice(0, place), define, ...opening.slice(place)]

  const createPod = (set: Stored): void => {
    const revision = revisions.get(set.metadata.uid)
    if (revision === undefined) return
    const namespace = server.get(Namespace, { name: shop })
    const released = parseReleased(namespace?.metadata.annotations?.[keys.released])
    const isFree = released?.has(set.metadata.uid) === true
    const { workload, version } = revision
    const app = appMode === 'single' ? {} : { [keys.app]: 'app' }
    create(Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${set.metadata.name}-${server.version()}`,
        namespace: shop,
        labels: isFree ? {} : { [keys.gated]: 'true' },
        annotations: {
          [keys.workload]: workload,
          [keys.version]: version,
          ...app,
          ...annotationsOf(checks.get(`${workload}/${version}`) ?? noChecks),
        },
        ownerReferences: [
          {
            apiVersion: 'apps/v1',
            kind: 'ReplicaSet',
            name: set.metadata.name,
            uid: set.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: {
        schedulingGates: [{ name: 'example.org/theirs' }, ...(isFree ? [] : [{ name: gateName }])],
      },
    })
  }

  const podsOf = (set: Stored): readonly Stored[] =>
    server.list(Pod).filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)

  /** The ReplicaSet controller, for one of them. */
  const tend = (set: Stored): readonly Step[] => {
    const pods = podsOf(set)
    const replicas = Number(set.spec?.['replicas'] ?? 0)
    const [pod] = pods
    if (pods.length < replicas) {
      return [
        () => {
          createPod(set)
        },
      ]
    }
    if (pods.length > replicas && pod !== undefined) {
      return [
        () => {
          server.remove(Pod, pod.metadata)
        },
      ]
    }
    const availableReplicas = pods.filter((each) => each.status?.['phase'] === 'Running').length
    if (availableReplicas === Number(set.status?.['availableReplicas'] ?? 0)) return []
    return [
      () => {
        server.update(ReplicaSet, set.metadata, { status: { availableReplicas } })
      },
    ]
  }

  /** The Deployment controller: once the newest is available, the others go. */
  const finishRollout = (workload: Workload): readonly Step[] => {
    const sets = replicaSetsOf(workload).toSorted((a, b) => revisionNumber(b) - revisionNumber(a))
    const [newest, ...older] = sets
    if (Number(newest?.status?.['availableReplicas'] ?? 0) < workload.replicas) return []
    return older
      .filter((set) => set.spec?.['replicas'] !== 0)
      .map((set) => () => {
        scale(set, 0)
      })
  }

  /** The kubelet. */
  const runPod = (pod: Stored): readonly Step[] =>
    carriesGate(pod as never) || pod.status?.['phase'] === 'Running'
      ? []
      : [
          () => {
            const change = { spec: { nodeName: 'node-1' }, status: { phase: 'Running' } }
            server.update(Pod, pod.metadata, change)
          },
        ]

  /** The Job controller, and the one that removes Jobs that may go. */
  const runJob = (job: Stored): readonly Step[] => {
    const at = job.metadata as never
    if (job.status?.['conditions'] !== undefined) {
      return job.spec?.['ttlSecondsAfterFinished'] === undefined
        ? []
        : [
            () => {
              server.remove(Job, at)
            },
          ]
    }
    return [
      () => {
        const type = isLucky || random.chance(0.8) ? 'Complete' : 'Failed'
        jobs.set(job.metadata.uid, type)
        const condition = { type, status: 'True', reason: type, message: '' }
        server.update(Job, at, { status: { conditions: [condition] } })
      },
    ]
  }

  /** The garbage collector, for what was deleted in the foreground: what it controls goes first, and in the same way. */
  const collectMarked = (): readonly Step[] =>
    server
      .all()
      .filter(({ metadata }) => isMarked(metadata))
      .flatMap((owner) => {
        const children = server
          .all()
          .filter((object) => controllerOf(object)?.uid === owner.metadata.uid)
        const [child] = children
        const next = children.length === 0 ? owner : child
        return next === undefined || (next !== owner && isMarked(next.metadata))
          ? []
          : [
              () => {
                server.removeObject(next)
              },
            ]
      })

  /** The garbage collector. Deployments are never deleted here. */
  const collect = (): readonly Step[] => {
    const uids = new Set(server.all().map(({ metadata }) => metadata.uid))
    const isOrphan = ({ metadata: { ownerReferences = [] } }: Stored): boolean =>
      ownerReferences.length > 0 &&
      ownerReferences.every(({ kind, uid }) => kind !== 'Deployment' && !uids.has(uid))
    return server
      .all()
      .filter(isOrphan)
      .map((object) => () => {
        server.removeObject(object)
      })
  }

  return {
    intent: { blocking, hasTwin, appMode, checks, revisions, jobs, hasDeleted: () => hasDeleted },
    people: () => {
      const [next] = script
      return next === undefined
        ? []
        : [
            () => {
              script.shift()
              next()
            },
          ]
    },
    machinery: () => [
      ...server.list(ReplicaSet).flatMap(tend),
      ...workloads.flatMap(finishRollout),
      ...server.list(Pod).flatMap(runPod),
      ...server.list(Job).flatMap(runJob),
      ...collectMarked(),
      ...collect(),
    ],
  }
}

const isMarked = ({ deletionTimestamp }: Stored['metadata']): boolean =>
  deletionTimestamp !== undefined

const revisionKey = 'deployment.kubernetes.io/revision'

const revisionNumber = (set: Stored): number => Number(set.metadata.annotations?.[revisionKey] ?? 0)
