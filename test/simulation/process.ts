/**
 * One process of the controller on a simulated API server: the real controllers in the real loop, with real stores. Its
 * requests wait until somebody answers them, and its stores learn of a change when somebody delivers it.
 *
 * @module
 */
import { setMaxListeners } from 'node:events'
import { pino } from 'pino'
import {
  KeptnApp,
  KeptnAppContext,
  KeptnAppCreationRequest,
  KeptnAppVersion,
  KeptnConfig,
  KeptnEvaluation,
  KeptnEvaluationDefinition,
  KeptnMetric,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkload,
  KeptnWorkloadVersion,
} from '../../api/index.ts'
import { DaemonSet, Namespace, ReplicaSet, Rollout, StatefulSet } from '../../api/kubernetes.ts'
import type { KubeObject, ResourceType } from '../../api/object.ts'
import {
  gateControllers,
  heldPods,
  letGoPods,
  ownerIndexes,
  versionIndexes,
} from '../../gate/index.ts'
import type { Client } from '../../kube/client.ts'
import { runController, type Controller } from '../../kube/controller.ts'
import type { Transition } from '../../kube/decision.ts'
import type { Reflector } from '../../kube/reflector.ts'
import { selects } from '../../kube/selector.ts'
import { createFeed, type Feed, type Indexes, type Store } from '../../kube/store.ts'
import {
  functionConfigMaps,
  lifecycleControllers,
  lifecycleIndexes,
  taskIndexes,
  taskJobs,
} from '../../lifecycle/index.ts'
import type { ApiServer, Change } from './api-server.ts'

/** A request that waits for its answer. */
export interface Request {
  readonly isWrite: boolean
  /** Does what is asked for; throws what the API server answers. */
  readonly carryOut: () => unknown
  readonly answer: (value: unknown) => void
  readonly refuse: (error: unknown) => void
}

/** A kind as this process watches it. */
export interface Watch {
  /** How many changes it has not been told yet. */
  readonly behind: () => number
  /** Tells the next change. */
  readonly deliver: () => void
}

/** A process that runs. */
export interface SimulatedProcess {
  readonly requests: Request[]
  readonly watches: readonly Watch[]
  /** Ends it at once, with everything it has in memory. */
  readonly crash: () => void
}

/** Our own namespace. */
export const home = 'keptn-system'

/** Starts a process that has just become the leader. */
export const startProcess = (
  server: ApiServer,
  announce: (transitions: readonly Transition[]) => void,
): SimulatedProcess => {
  const killing = new AbortController()
  const { signal } = killing
  setMaxListeners(0, signal)
  const requests: Request[] = []
  const client = createClient(server, requests)
  const { stores, reflectors, watches, tell } = reflect(server)
  server.onChange((change) => {
    if (!signal.aborted) tell(change)
  })
  const gate = gateControllers({
    pods: stores.pods,
    letGo: stores.letGoPods,
    versions: stores.workloadVersions,
    namespaces: stores.namespaces,
    owners: [stores.replicaSets, stores.statefulSets, stores.daemonSets],
    client,
    leads: () => true,
    settings: { namespace: home },
  })
  const engine = lifecycleControllers({
    stores,
    client,
    settings: { namespace: home, denoImage: 'deno', promotes: true },
  })
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- controllers differ in what they see
  const controllers: readonly Controller<any, any>[] = [
    ...[...gate.always, ...gate.leading()].map(({ controller }) => controller),
    ...engine,
  ]
  const log = pino({ level: 'silent' })
  for (const controller of controllers) {
    const runtime = { client, stores: reflectors, announce, log, signal, workers: 3 }
    void runController(controller, runtime)
  }
  return {
    requests,
    watches,
    crash: () => {
      killing.abort()
      requests.length = 0
    },
  }
}

/** A client whose requests are put on the list. */
const createClient = (server: ApiServer, requests: Request[]): Client => {
  const ask = <T>(isWrite: boolean, carryOut: () => unknown): Promise<T> =>
    new Promise<unknown>((answer, refuse) => {
      requests.push({ isWrite, carryOut, answer, refuse })
    }) as Promise<T>
  const never = (): never => {
    throw new Error('Cannot do this on a simulated API server')
  }
  return {
    get: (type, at) => ask(false, () => server.get(type, at)),
    list: (type, query = {}) =>
      ask(false, () => {
        const isSelected = selects(query)
        const items = server.list(type).filter(isSelected)
        return { items, resourceVersion: server.version() }
      }),
    create: (type, object) => ask(true, () => server.create(type, object)),
    patch: (type, patch) => ask(true, () => server.patch(type, patch)),
    delete: (type, at) =>
      ask(true, () => {
        server.remove(type, at)
      }),
    watch: never,
    raw: never,
    close: () => Promise.resolve(),
  }
}

interface Reflection<T extends KubeObject> {
  readonly type: ResourceType<KubeObject>
  readonly labelSelector?: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in a reflector's options
  readonly project?: (object: any) => T
  readonly indexes?: Indexes<T>
}

/** The stores of a controller process, filled with what there is. */
const reflect = (server: ApiServer) => {
  const reflectors: Reflector<KubeObject>[] = []
  const watches: Watch[] = []
  const tellings: ((change: Change) => void)[] = []
  const start = <T extends KubeObject>(reflection: Reflection<T>): Store<T> => {
    const { feed, watch, tell } = follow(server, reflection)
    reflectors.push({
      store: feed.store,
      type: reflection.type,
      synced: Promise.resolve(),
      isSynced: () => true,
      idleMs: () => 0,
    })
    watches.push(watch)
    tellings.push(tell)
    return feed.store
  }
  const owner = <T extends KubeObject>(type: ResourceType<T>) =>
    start<T>({ type, indexes: { ...ownerIndexes, ...lifecycleIndexes.replicaSets } })
  const stores = {
    pods: start({ ...heldPods, indexes: { ...heldPods.indexes, ...lifecycleIndexes.pods } }),
    letGoPods: start(letGoPods),
    namespaces: start<Namespace>({ type: Namespace }),
    workloads: start<KeptnWorkload>({ type: KeptnWorkload, indexes: lifecycleIndexes.workloads }),
    workloadVersions: start<KeptnWorkloadVersion>({
      type: KeptnWorkloadVersion,
      indexes: { ...versionIndexes, ...lifecycleIndexes.workloadVersions },
    }),
    apps: start<KeptnApp>({ type: KeptnApp }),
    appVersions: start<KeptnAppVersion>({
      type: KeptnAppVersion,
      indexes: lifecycleIndexes.appVersions,
    }),
    appContexts: start<KeptnAppContext>({ type: KeptnAppContext }),
    appCreationRequests: start<KeptnAppCreationRequest>({
      type: KeptnAppCreationRequest,
      indexes: lifecycleIndexes.appCreationRequests,
    }),
    tasks: start<KeptnTask>({
      type: KeptnTask,
      indexes: { ...lifecycleIndexes.tasks, ...taskIndexes },
    }),
    evaluations: start<KeptnEvaluation>({
      type: KeptnEvaluation,
      indexes: lifecycleIndexes.evaluations,
    }),
    taskDefinitions: start<KeptnTaskDefinition>({ type: KeptnTaskDefinition }),
    evaluationDefinitions: start<KeptnEvaluationDefinition>({ type: KeptnEvaluationDefinition }),
    metrics: start<KeptnMetric>({ type: KeptnMetric }),
    configs: start<KeptnConfig>({ type: KeptnConfig, indexes: lifecycleIndexes.configs }),
    replicaSets: owner<ReplicaSet>(ReplicaSet),
    statefulSets: owner<StatefulSet>(StatefulSet),
    daemonSets: owner<DaemonSet>(DaemonSet),
    rollouts: start<Rollout>({ type: Rollout }),
    jobs: start(taskJobs),
    configMaps: start(functionConfigMaps),
  }
  const tell = (change: Change): void => {
    for (const each of tellings) each(change)
  }
  return { stores, reflectors, watches, tell }
}

type Event = Parameters<Feed<KubeObject>['apply']>

/** One store, equal to the cluster at its start; what changes from then on waits to be delivered. */
const follow = <T extends KubeObject>(server: ApiServer, reflection: Reflection<T>) => {
  const { type, labelSelector } = reflection
  const isSelected = selects({ labelSelector })
  const feed = createFeed<T>({
    project: reflection.project ?? ((object) => object as T),
    matches: isSelected,
    indexes: reflection.indexes ?? {},
    onError: (error) => {
      throw error
    },
  })
  const listed = new Map<string, T>()
  feed.collect(listed, server.list(type).filter(isSelected))
  feed.replace(listed, server.version())

  const waiting: Event[] = []
  const tell = ({ type: changed, before, after, version }: Change): void => {
    if (changed.kind !== type.kind || changed.group !== type.group) return
    const was = before !== undefined && isSelected(before)
    if (after !== undefined && isSelected(after)) waiting.push([was ? 'MODIFIED' : 'ADDED', after])
    else if (was) waiting.push(['DELETED', at(after ?? before, version)])
  }
  const watch: Watch = {
    behind: () => waiting.length,
    deliver: () => {
      const event = waiting.shift()
      if (event !== undefined) feed.apply(...event)
    },
  }
  return { feed, watch, tell }
}

/** A deletion is told with the last state of the object, at the version of the deletion. */
const at = (object: KubeObject, version: string): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: version },
})
