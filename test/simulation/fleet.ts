/**
 * The controllers of Kubernetes that make pods: Deployments with their ReplicaSets, StatefulSets, DaemonSets. Each thing that
 * they could do next is a step.
 *
 * @module
 */
import {
  ControllerRevision,
  DaemonSet,
  Deployment,
  Pod,
  ReplicaSet,
  StatefulSet,
} from '../../api/kubernetes.ts'
import { controllerOf, type KubeObject, type New, type ResourceType } from '../../api/object.ts'
import type { Admission } from './admission.ts'
import type { ApiServer, Stored } from './api-server.ts'
import { noChecks, shop, type Checks, type Intent, type Workload } from './intent.ts'
import type { Step } from './step.ts'

const numberOf = (revision: Stored): number =>
  (revision as { readonly revision?: number }).revision ?? 0

/** What people ask of Kubernetes, and what it does then. */
export interface Fleet {
  /** Gives a workload a new template, of its present version. */
  readonly deploy: (workload: Workload) => void
  /** Goes back to the oldest template that is left. */
  readonly rollBack: (workload: Workload) => void
  readonly scale: (workload: Workload, replicas: number) => void
  /** Removes a ReplicaSet that has no pods any more and is not the newest. */
  readonly prune: (workload: Workload) => void
  readonly machinery: () => readonly Step[]
}

const keys = {
  app: 'keptn.sh/app',
  workload: 'keptn.sh/workload',
  version: 'keptn.sh/version',
  preTasks: 'keptn.sh/pre-deployment-tasks',
  preEvaluations: 'keptn.sh/pre-deployment-evaluations',
  postTasks: 'keptn.sh/post-deployment-tasks',
  postEvaluations: 'keptn.sh/post-deployment-evaluations',
} as const

const revisionKey = 'deployment.kubernetes.io/revision'
const hashLabel = 'controller-revision-hash'

/** How annotations list names. */
const annotationsOf = (checks: Checks): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (['preTasks', 'preEvaluations', 'postTasks', 'postEvaluations'] as const).flatMap((list) =>
      checks[list].length === 0 ? [] : [[keys[list], checks[list].join(',')]],
    ),
  )

const revisionNumber = (set: Stored): number => Number(set.metadata.annotations?.[revisionKey] ?? 0)

const statusOf = (object: Stored | undefined, field: string): number =>
  Number(object?.status?.[field] ?? 0)

const isRunning = (pod: Stored | undefined): boolean => pod?.status?.['phase'] === 'Running'

const replicasOf = ({ spec }: Stored): number => Number(spec?.['replicas'] ?? 0)

interface Template {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly image: string }[]
  }
}

const templateOf = (object: Stored): Template => object.spec?.['template'] as Template

/** The fleet of a simulated cluster. */
export const createFleet = (server: ApiServer, admission: Admission, intent: Intent): Fleet => {
  /** Templates of sets that keep their UID, by name of the set and hash. */
  const templates = new Map<string, Template>()
  let builds = 0

  const create = (type: ResourceType<KubeObject>, object: object): Stored =>
    server.create(type, object as New<KubeObject>)

  const head = (type: ResourceType<KubeObject>) => ({ apiVersion: 'apps/v1', kind: type.kind })

  const checksOf = ({ name, version }: Workload): Checks =>
    intent.checks.get(`${name ?? ''}/${version}`) ?? noChecks

  /** What tells that this is a workload of ours. The version is left to the image where the Deployment says so. */
  const identityOf = (workload: Workload): Readonly<Record<string, string>> =>
    workload.name === undefined
      ? {}
      : {
          [keys.workload]: workload.name,
          ...(intent.appMode === 'single' ? {} : { [keys.app]: 'app' }),
          ...(workload.isSaidByPods ? { [keys.version]: String(workload.version) } : {}),
          ...annotationsOf(checksOf(workload)),
        }

  const newTemplate = (workload: Workload): Template => {
    builds += 1
    const build = { build: String(builds) }
    return {
      metadata: {
        annotations: workload.isSaidByPods ? { ...identityOf(workload), ...build } : build,
      },
      spec: { containers: [{ name: 'main', image: `${workload.owner}:${workload.version}` }] },
    }
  }

  const controlledBy = (type: ResourceType<KubeObject>, owner: Stored): readonly Stored[] =>
    server.list(type).filter((object) => controllerOf(object)?.uid === owner.metadata.uid)

  const ownerReference = (owner: Stored) => ({
    apiVersion: 'apps/v1',
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
  })

  const createPod = (
    owner: Stored,
    template: Template,
    pod: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
  ): Step => {
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: pod.name,
        namespace: shop,
        labels: pod.labels,
        annotations: template.metadata.annotations,
        ownerReferences: [ownerReference(owner)],
      },
      spec: { ...template.spec, schedulingGates: [{ name: 'example.org/theirs' }] },
    }
    return () => void admission.createPod(object)
  }

  const removePod = (pod: Stored): Step => {
    return () => {
      server.remove(Pod, pod.metadata)
    }
  }

  const setStatus = (type: ResourceType<KubeObject>, set: Stored, status: object): Step => {
    return () => {
      server.update(type, set.metadata, { status })
    }
  }

  const differs = (set: Stored, status: Readonly<Record<string, unknown>>): boolean =>
    Object.entries(status).some(([field, value]) => set.status?.[field] !== value)

  // Deployments.

  const replicaSetsOf = ({ owner }: Workload): readonly Stored[] =>
    server
      .list(ReplicaSet)
      .filter((set) => controllerOf(set)?.name === owner)
      .toSorted((a, b) => revisionNumber(b) - revisionNumber(a))

  const resize = (set: Stored, replicas: number): void => {
    server.update(ReplicaSet, set.metadata, { spec: { replicas } })
  }

  /** The Deployment controller's part of a rollout: what is not available yet makes room at once. */
  const makeRoom = (workload: Workload): void => {
    const [, ...older] = replicaSetsOf(workload)
    for (const set of older) if (statusOf(set, 'availableReplicas') === 0) resize(set, 0)
  }

  const deploymentOf = (workload: Workload): Stored => {
    const at = { namespace: shop, name: workload.owner }
    const annotations = workload.isSaidByPods ? {} : identityOf(workload)
    return (
      server.get(Deployment, at) ??
      create(Deployment, { ...head(Deployment), metadata: { ...at, annotations }, spec: {} })
    )
  }

  const deployReplicaSet = (workload: Workload): void => {
    const deployment = deploymentOf(workload)
    const number = Math.max(0, ...replicaSetsOf(workload).map(revisionNumber)) + 1
    const template = newTemplate(workload)
    const set = create(ReplicaSet, {
      ...head(ReplicaSet),
      metadata: {
        name: `${workload.owner}-${builds}`,
        namespace: shop,
        annotations: { [revisionKey]: String(number) },
        ownerReferences: [ownerReference(deployment)],
      },
      spec: { replicas: workload.replicas, template },
    })
    intent.revisions.set(set.metadata.uid, {
      workload: workload.name,
      version: String(workload.version),
    })
    makeRoom(workload)
  }

  const rollBackDeployment = (workload: Workload): void => {
    const [newest, ...older] = replicaSetsOf(workload)
    const target = older.at(-1)
    if (newest === undefined || target === undefined) return
    const number = String(revisionNumber(newest) + 1)
    server.update(ReplicaSet, target.metadata, {
      metadata: { annotations: { [revisionKey]: number } },
    })
    resize(target, workload.replicas)
    makeRoom(workload)
    workload.version = Number(intent.revisions.get(target.metadata.uid)?.version)
  }

  /** The ReplicaSet controller, for one of them. */
  const tendReplicaSet = (set: Stored): readonly Step[] => {
    const pods = controlledBy(Pod, set)
    const replicas = replicasOf(set)
    const [pod] = pods
    if (pods.length < replicas) {
      const name = `${set.metadata.name}-${server.version()}`
      return [createPod(set, templateOf(set), { name, labels: {} })]
    }
    if (pods.length > replicas && pod !== undefined) return [removePod(pod)]
    const availableReplicas = pods.filter(isRunning).length
    return availableReplicas === statusOf(set, 'availableReplicas')
      ? []
      : [setStatus(ReplicaSet, set, { availableReplicas })]
  }

  /** The Deployment controller: once the newest is available, the others go. */
  const finishRollout = (workload: Workload): readonly Step[] => {
    const [newest, ...older] = replicaSetsOf(workload)
    if (statusOf(newest, 'availableReplicas') < workload.replicas) return []
    return older
      .filter((set) => replicasOf(set) !== 0)
      .map((set) => () => {
        resize(set, 0)
      })
  }

  // StatefulSets and DaemonSets.

  const typeOf = ({ kind }: Workload) => (kind === 'StatefulSet' ? StatefulSet : DaemonSet)

  const hashOf = (set: Stored): string => String(set.spec?.['hash'])

  const applyTemplate = (workload: Workload, hash: string, template: Template): void => {
    const type = typeOf(workload)
    const at = { namespace: shop, name: workload.owner }
    const spec = { replicas: workload.replicas, template, hash }
    const set =
      server.get(type, at) === undefined
        ? create(type, { ...head(type), metadata: at, spec })
        : server.alter(type, at, (before) => ({ ...before, spec }))
    templates.set(`${workload.owner}/${hash}`, template)
    intent.revisions.set(`${set.metadata.uid}/${hash}`, {
      workload: workload.name,
      version: String(workload.version),
    })
    recordRevision(set, hash)
  }

  /** The highest number is the revision that is wanted: going back gives an old one a new number. */
  const recordRevision = (set: Stored, hash: string): void => {
    const at = { namespace: shop, name: `${set.metadata.name}-${hash}` }
    const numbers = server.list(ControllerRevision).map(numberOf)
    const revision = Math.max(0, ...numbers) + 1
    if (server.get(ControllerRevision, at) !== undefined) {
      server.alter(ControllerRevision, at, (before) => ({ ...before, revision }) as Stored)
      return
    }
    const labels = { [hashLabel]: hash }
    const ownerReferences = [ownerReference(set)]
    create(ControllerRevision, {
      ...head(ControllerRevision),
      metadata: { ...at, labels, ownerReferences },
      ...{ revision },
    })
  }

  const deploySet = (workload: Workload): void => {
    const template = newTemplate(workload)
    const hash = workload.kind === 'StatefulSet' ? `${workload.owner}-${builds}` : String(builds)
    applyTemplate(workload, hash, template)
  }

  const rollBackSet = (workload: Workload): void => {
    const set = server.get(typeOf(workload), { namespace: shop, name: workload.owner })
    const mine = [...templates].filter(([key]) => key.startsWith(`${workload.owner}/`))
    const [oldest] = mine
    if (set === undefined || oldest === undefined || mine.length < 2) return
    const [key, template] = oldest
    const hash = key.slice(workload.owner.length + 1)
    workload.version = Number(intent.revisions.get(`${set.metadata.uid}/${hash}`)?.version)
    applyTemplate(workload, hash, template)
  }

  const hashOfPod = (pod: Stored): string => pod.metadata.labels?.[hashLabel] ?? ''

  const templateFor = (set: Stored, hash: string): Template =>
    templates.get(`${set.metadata.name}/${hash}`) ?? templateOf(set)

  const statefulStatus = (set: Stored, pods: readonly Stored[]) => {
    const updated = pods.filter((pod) => hashOfPod(pod) === hashOf(set))
    const before = set.status?.['currentRevision'] as string | undefined
    const isDone = pods.length === replicasOf(set) && updated.length === pods.length
    return {
      observedGeneration: set.metadata.generation ?? 1,
      availableReplicas: pods.filter(isRunning).length,
      updatedReplicas: updated.length,
      updateRevision: hashOf(set),
      currentRevision: isDone ? hashOf(set) : (before ?? hashOf(set)),
    }
  }

  /** The StatefulSet controller: pods one by one, a rolling update from the last to the first. */
  const tendStatefulSet = (set: Stored): readonly Step[] => {
    const pods = controlledBy(Pod, set)
    const status = statefulStatus(set, pods)
    if (differs(set, status)) return [setStatus(StatefulSet, set, status)]
    const named = (ordinal: number): string => `${set.metadata.name}-${ordinal}`
    const podAt = (ordinal: number): Stored | undefined =>
      pods.find(({ metadata }) => metadata.name === named(ordinal))
    const ordinals = Array.from({ length: replicasOf(set) }, (_, index) => index)
    const surplus = pods.find(
      ({ metadata }) => !ordinals.some((ordinal) => named(ordinal) === metadata.name),
    )
    if (surplus !== undefined) return [removePod(surplus)]
    const missing = ordinals.find((ordinal) => podAt(ordinal) === undefined)
    if (missing !== undefined) {
      // What was not updated yet comes back as it was.
      const current = status.currentRevision
      const old = pods.filter((pod) => hashOfPod(pod) === current).length
      const hash = missing < old ? current : hashOf(set)
      const labels = { [hashLabel]: hash }
      return [createPod(set, templateFor(set, hash), { name: named(missing), labels })]
    }
    const next = ordinals.toReversed().find((ordinal) => {
      const pod = podAt(ordinal)
      return pod !== undefined && (hashOfPod(pod) !== hashOf(set) || !isRunning(pod))
    })
    const pod = next === undefined ? undefined : podAt(next)
    return pod === undefined || hashOfPod(pod) === hashOf(set) ? [] : [removePod(pod)]
  }

  const nodes = ['node-1', 'node-2']
  const nodeLabel = 'node'

  const daemonStatus = (set: Stored, pods: readonly Stored[]) => ({
    observedGeneration: set.metadata.generation ?? 1,
    desiredNumberScheduled: nodes.length,
    updatedNumberScheduled: pods.filter((pod) => hashOfPod(pod) === hashOf(set)).length,
    numberReady: pods.filter(isRunning).length,
  })

  /** The DaemonSet controller: one pod a node, of old ones that run one at a time is replaced. */
  const tendDaemonSet = (set: Stored): readonly Step[] => {
    const pods = controlledBy(Pod, set)
    const status = daemonStatus(set, pods)
    if (differs(set, status)) return [setStatus(DaemonSet, set, status)]
    const empty = nodes.filter(
      (node) => !pods.some(({ metadata }) => metadata.labels?.[nodeLabel] === node),
    )
    if (empty.length > 0) {
      return empty.map((node) =>
        createPod(set, templateOf(set), {
          name: `${set.metadata.name}-${server.version()}`,
          labels: { [hashLabel]: hashOf(set), [nodeLabel]: node },
        }),
      )
    }
    const old = pods.filter((pod) => hashOfPod(pod) !== hashOf(set))
    const idle = old.filter((pod) => !isRunning(pod))
    const mayStop = pods.every(isRunning) ? old.slice(0, 1) : []
    return (idle.length > 0 ? idle : mayStop).map(removePod)
  }

  const isDeployment = ({ kind }: Workload): boolean => kind === 'Deployment'

  return {
    deploy: (workload) => {
      if (isDeployment(workload)) deployReplicaSet(workload)
      else deploySet(workload)
    },
    rollBack: (workload) => {
      if (isDeployment(workload)) rollBackDeployment(workload)
      else rollBackSet(workload)
    },
    scale: (workload, replicas) => {
      workload.replicas = replicas
      const at = { namespace: shop, name: workload.owner }
      const [newest] = isDeployment(workload) ? replicaSetsOf(workload) : []
      if (newest !== undefined) resize(newest, replicas)
      else if (workload.kind === 'StatefulSet' && server.get(StatefulSet, at) !== undefined) {
        server.update(StatefulSet, at, { spec: { replicas } })
      }
    },
    prune: (workload) => {
      const [, ...older] = isDeployment(workload) ? replicaSetsOf(workload) : []
      const unused = older.find(
        (set) => replicasOf(set) === 0 && controlledBy(Pod, set).length === 0,
      )
      if (unused !== undefined) server.remove(ReplicaSet, unused.metadata)
    },
    machinery: () => [
      ...server.list(ReplicaSet).flatMap(tendReplicaSet),
      ...server.list(StatefulSet).flatMap(tendStatefulSet),
      ...server.list(DaemonSet).flatMap(tendDaemonSet),
      ...intent.workloads.filter(isDeployment).flatMap(finishRollout),
    ],
  }
}
