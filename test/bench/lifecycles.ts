/**
 * What the benchmarks of whole lifecycles have in common: Jobs that end at once, pods that run as soon as they are bound,
 * namespaces with definitions, and word of when an app version is completed.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { KeptnAppVersion, KeptnTaskDefinition } from '../../api/index.ts'
import type { Deployment } from '../../api/kubernetes.ts'
import { Job, Namespace, Pod } from '../../api/kubernetes.ts'
import type { KubeObject } from '../../api/object.ts'
import { keys } from '../../identity/keys.ts'
import { createClient, type Client } from '../../kube/client.ts'
import { startReflector } from '../../kube/reflector.ts'
import { taskLabel } from '../../lifecycle/task/job.ts'
import { completeJobs, startPods } from './fake-node.ts'
import { deploymentOf, type World } from './world.ts'

/** The definition of the task that every workload has. */
export const taskName = 'check'

/** The namespace in which no Job ever ends. */
export const waitingNamespace = 'bench-waiting'
/** The namespace in which Jobs end when its benchmark says so. */
export const burstNamespace = 'bench-burst'

/** The Job controller off; and of the others, enough workers that none of them holds up what comes after it. */
export const controllerFlags = [
  '--controllers=*,-job-controller',
  '--concurrent-deployment-syncs=50',
  '--concurrent-replicaset-syncs=50',
]

const silent = pino({ level: 'silent' })
/** So many writes at once that the benchmark itself holds nothing up. */
const maxWrites = 64

/** A cluster in which every Job ends at once. */
export interface Lifecycles {
  /** Writes what the benchmark's node and its users write. */
  readonly client: Client
  /** Throws what went wrong where nobody waited for it. */
  readonly check: () => void
}

/** What is read of an object here: thousands of them are held. */
const lean = <T extends KubeObject>(object: T): T => {
  const { name, namespace = '', uid, resourceVersion, labels = {} } = object.metadata
  const metadata = { name, namespace, uid, resourceVersion, labels, creationTimestamp: '' }
  return { ...object, metadata, status: undefined }
}

/**
 * Lets a benchmark run while this process stands in for the Job controller, which looks at a Job once a second, and
 * for the kubelet. The other controllers are Kubernetes' own.
 */
export const withLifecycles = async <T>(
  world: World,
  use: (lifecycles: Lifecycles) => Promise<T>,
): Promise<T> => {
  const { cluster, connection } = world
  const stopping = new AbortController()
  const { signal } = stopping
  const errors: unknown[] = []
  const options = { signal, onError: (error: unknown) => errors.push(error) }
  const client = createClient(connection, { maxWrites, userAgent: 'bench-node' })
  await cluster.restart('controller-manager', controllerFlags)
  try {
    const reflected = { client, signal, log: silent }
    const pods = startReflector<Pod>({
      ...reflected,
      type: Pod,
      labelSelector: '!batch.kubernetes.io/job-name',
      project: (pod) => lean(pod as Pod),
    })
    const jobs = startReflector<Job>({
      ...reflected,
      type: Job,
      labelSelector: taskLabel,
      fieldSelector: [waitingNamespace, burstNamespace]
        .map((name) => `metadata.namespace!=${name}`)
        .join(','),
      project: (job) => lean(job as Job),
    })
    await Promise.all([pods.synced, jobs.synced])
    startPods(client, pods.store, options)
    completeJobs(client, jobs.store, options)
    return await use({
      client,
      check: () => {
        if (errors.length > 0) throw new Error('Cannot end a Job or a pod', { cause: errors[0] })
      },
    })
  } finally {
    stopping.abort()
    await client.close()
    await cluster.restart('controller-manager')
  }
}

/** Makes a namespace that Gatekept manages, with the definition of a task. */
export const createNamespace = async ({ client }: World, name: string): Promise<void> => {
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, annotations: { [keys.optIn]: 'enabled' } },
  })
  await client.create(KeptnTaskDefinition, {
    apiVersion: `${KeptnTaskDefinition.group}/${KeptnTaskDefinition.version}`,
    kind: 'KeptnTaskDefinition',
    metadata: { name: taskName, namespace: name },
    spec: { container: { name: 'check', image: 'localhost/pause:1' } },
  } as never)
  // The ReplicaSet controller refuses to make pods before the namespace has its service account.
  await pause(1_000)
}

/** A Deployment of one pod with a task before its rollout and one after it. */
export const checkedDeployment = (
  at: { readonly namespace: string; readonly name: string },
  annotations: Readonly<Record<string, string>> = {},
): Deployment =>
  deploymentOf(at.name, at, {
    annotations: {
      [keys.workload]: at.name,
      [keys.version]: '1.0.0',
      [keys.preDeploymentTasks]: taskName,
      [keys.postDeploymentTasks]: taskName,
      ...annotations,
    },
  })

/** Answers when the only version of an app was completed, once it is; rejects if it ends in another way, or takes too long. */
export type Completion = (app: string) => Promise<number>

/** Watches the app versions of a namespace. */
export const watchCompletions = async (
  { client }: Pick<World, 'client'>,
  namespace: string,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<Completion> => {
  const endings = new Map<string, PromiseWithResolvers<number>>()
  const endingOf = (app: string): PromiseWithResolvers<number> => {
    const known = endings.get(app)
    if (known !== undefined) return known
    const ending = Promise.withResolvers<number>()
    // Whoever asks gets to know; an app that nobody has asked for yet must not end the process.
    ending.promise.catch(() => undefined)
    endings.set(app, ending)
    return ending
  }
  const reflector = startReflector<KeptnAppVersion>({
    ...{ client, namespace, signal, type: KeptnAppVersion, log: silent },
  })
  reflector.store.subscribe(({ now }) => {
    const at = performance.now()
    const state = now?.status?.status
    if (now === undefined || (state !== 'Succeeded' && state !== 'Failed')) return
    const ending = endingOf(now.spec.appName)
    if (state === 'Succeeded') ending.resolve(at)
    else ending.reject(new Error(`App "${now.spec.appName}" has failed in "${namespace}"`))
  })
  await reflector.synced
  return async (app) => {
    const { promise, reject } = endingOf(app)
    const timer = setTimeout(() => {
      reject(new Error(`App "${app}" in "${namespace}" was not completed in ${timeoutMs / 1000} s`))
    }, timeoutMs)
    return promise.finally(() => clearTimeout(timer))
  }
}
