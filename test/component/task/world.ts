/**
 * A control plane whose Job controller is Kubernetes' own, and the controllers of tasks and definitions on it. No pod
 * runs: a test says how a pod has ended, and the Job controller does the rest.
 *
 * @module
 */
import { pino } from 'pino'
import {
  KeptnAppVersion,
  KeptnTask,
  KeptnTaskDefinition,
  KeptnWorkloadVersion,
  newObject,
  type NewOf,
} from '../../../api/index.ts'
import { Job, Namespace, Pod, Secret } from '../../../api/kubernetes.ts'
import { controllerOf } from '../../../api/object.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { wholeSeconds } from '../../../kube/conditions.ts'
import { runController } from '../../../kube/controller.ts'
import type { Transition } from '../../../kube/decision.ts'
import { startReflector } from '../../../kube/reflector.ts'
import {
  definitionIndexes,
  functionConfigMaps,
  taskDefinitionController,
} from '../../../lifecycle/task-definition/index.ts'
import { taskController, taskIndexes, taskJobs, taskPods } from '../../../lifecycle/task/index.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { applyCrds } from '../../kinds.ts'
import { eventually } from '../../eventually.ts'

/** A running copy of both controllers. */
export interface Replica {
  readonly told: readonly Transition[]
  /** Everything it logged, as text. */
  readonly logged: () => string
  readonly stop: () => Promise<void>
}

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  /** Starts the controllers. `crashAfter`: killed right after so many writes, their answers lost. */
  readonly replica: (options?: { readonly crashAfter?: number }) => Replica & {
    readonly crashed: Promise<void>
  }
  readonly close: () => Promise<void>
}

/** Where the definitions for all namespaces are. */
export const home = 'keptn-system'

/** Starts a control plane. */
export const startWorld = async (name: string): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  await applyCrds(cluster)
  const connection = adminOf(cluster)
  const client = createClient(connection)
  const running = new Set<() => Promise<void>>()
  return {
    cluster,
    client,
    replica: ({ crashAfter } = {}) => {
      const replica = startReplica(createClient(connection), crashAfter)
      running.add(replica.stop)
      return replica
    },
    close: async () => {
      await Promise.all([...running].map((stop) => stop()))
      await client.close()
      await cluster.down()
    },
  }
}

const startReplica = (inner: Client, crashAfter = Number.POSITIVE_INFINITY) => {
  const ending = new AbortController()
  const { signal } = ending
  let writes = 0
  let crash: () => void = () => undefined
  const crashed = new Promise<void>((resolve) => {
    crash = () => {
      ending.abort()
      resolve()
    }
  })
  // The write reaches the API server, the process never learns that it did: nothing follows it.
  const written = async <T>(write: () => Promise<T>): Promise<T> => {
    if (writes >= crashAfter) throw new Error('Killed')
    writes += 1
    const isLast = writes === crashAfter
    const answer = await write()
    if (!isLast) return answer
    crash()
    throw new Error('Killed')
  }
  const client: Client = {
    ...inner,
    create: (type, object, options) => written(() => inner.create(type, object, options)),
    patch: (type, patch, options) => written(() => inner.patch(type, patch, options)),
    delete: (type, at, options) => written(() => inner.delete(type, at, options)),
  }
  const lines: string[] = []
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(line) })
  const given = { client, log, signal }
  const tasks = startReflector<KeptnTask>({ ...given, type: KeptnTask, indexes: taskIndexes })
  const definitions = startReflector<KeptnTaskDefinition>({
    ...given,
    type: KeptnTaskDefinition,
    indexes: definitionIndexes,
  })
  const jobs = startReflector({ ...given, ...taskJobs })
  const pods = startReflector({ ...given, ...taskPods })
  const configMaps = startReflector({ ...given, ...functionConfigMaps })
  const appVersions = startReflector<KeptnAppVersion>({ ...given, type: KeptnAppVersion })
  const workloadVersions = startReflector<KeptnWorkloadVersion>({
    ...given,
    type: KeptnWorkloadVersion,
  })
  const namespaces = startReflector<Namespace>({ ...given, type: Namespace })
  const sources = {
    namespaces: namespaces.store,
    tasks: tasks.store,
    definitions: definitions.store,
    jobs: jobs.store,
    pods: pods.store,
    configMaps: configMaps.store,
    appVersions: appVersions.store,
    workloadVersions: workloadVersions.store,
    client,
    settings: {
      namespace: home,
      denoImage: 'localhost/deno:1',
      pythonImage: 'localhost/python:1',
      eventNames: 'seeds' as const,
    },
  }
  const told: Transition[] = []
  const runtime = {
    ...given,
    stores: [tasks, definitions, jobs, pods, configMaps, namespaces, appVersions, workloadVersions],
    announce: (transitions: readonly Transition[]) => void told.push(...transitions),
  }
  const runs = [
    runController(taskController(sources), runtime),
    runController(taskDefinitionController(sources), runtime),
  ]
  const stop = async (): Promise<void> => {
    ending.abort()
    await Promise.all(runs)
    await inner.close()
  }
  let stopped: Promise<void> | undefined
  return {
    told,
    crashed,
    logged: () => lines.join(''),
    stop: () => (stopped ??= stop()),
  }
}

/** Makes a namespace. */
export const makeNamespace = async ({ client }: World, name: string): Promise<string> => {
  await client.create(Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

type DefinitionSpec = NewOf<typeof KeptnTaskDefinition>['spec']

/** Makes a definition; with inline code if not said otherwise. */
export const makeDefinition = async (
  { client }: World,
  at: { readonly namespace: string; readonly name: string },
  spec: DefinitionSpec = { deno: { inline: { code: 'Deno.exit(0)' } } },
): Promise<void> => {
  await client.create(
    KeptnTaskDefinition,
    newObject(KeptnTaskDefinition, { metadata: at, spec }) as never,
  )
}

/** Makes a task that is tried once. */
export const makeTask = async (
  { client }: World,
  at: { readonly namespace: string; readonly name: string },
  spec: Partial<NewOf<typeof KeptnTask>['spec']> = {},
): Promise<KeptnTask> =>
  client.create(
    KeptnTask,
    newObject(KeptnTask, {
      metadata: at,
      spec: { taskDefinition: 'check', checkType: 'pre', retries: 0, ...spec },
    }) as never,
  )

/** Makes a Secret for scripts. */
export const makeSecret = async (
  { client }: World,
  at: { readonly namespace: string; readonly name: string },
  data: Readonly<Record<string, string>>,
): Promise<void> => {
  const encoded = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value).toString('base64'),
  ])
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: at }
  await client.create(Secret, {
    ...secret,
    data: Object.fromEntries(encoded) as Secret['data'],
  } as never)
}

/** The task as it is stored. */
export const readTask = async ({ client }: World, task: KeptnTask): Promise<KeptnTask> => {
  const { namespace = '', name } = task.metadata
  const stored = await client.get(KeptnTask, { namespace, name })
  if (stored === undefined) throw new Error(`KeptnTask "${name}" is gone`)
  return stored
}

/** The Jobs of a task. */
export const jobsOf = async ({ client }: World, task: KeptnTask): Promise<readonly Job[]> => {
  const { namespace = '', uid } = task.metadata
  const { items } = await client.list(Job, { namespace })
  return items.filter((job) => controllerOf(job)?.uid === uid)
}

/** Waits for the pod of a task's Job, and lets it end; the Job controller then ends the Job. */
export const endPod = async (
  world: World,
  task: KeptnTask,
  { exitCode, message = '' }: { readonly exitCode: number; readonly message?: string },
): Promise<void> => {
  const { namespace = '' } = task.metadata
  const pod = await eventually(async () => {
    const [job] = await jobsOf(world, task)
    const { items } = await world.client.list(Pod, { namespace })
    const found = items.find((item) => controllerOf(item)?.uid === job?.metadata.uid)
    if (job === undefined || found === undefined) throw new Error('There is no pod yet')
    return found
  })
  const finishedAt = wholeSeconds(new Date())
  const terminated = { exitCode, message, reason: exitCode === 0 ? 'Completed' : 'Error' }
  const [container] = pod.spec.containers
  await world.client.patch(Pod, {
    namespace,
    name: pod.metadata.name,
    patchType: 'merge',
    subresource: 'status',
    patch: {
      status: {
        phase: exitCode === 0 ? 'Succeeded' : 'Failed',
        containerStatuses: [
          {
            name: container?.name,
            image: container?.image,
            imageID: '',
            ready: false,
            restartCount: 0,
            state: { terminated: { ...terminated, startedAt: finishedAt, finishedAt } },
          },
        ],
      },
    },
  })
}
