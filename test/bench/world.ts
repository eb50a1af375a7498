/**
 * Where the benchmarks that need a cluster run: a cluster with a node on which Gatekept is installed as a user would, two
 * replicas each, behind its Service and with its own rights; and a second node that is only an object, for the pods that
 * Gatekept holds. So all that a user has is on the way, and no container is started while something is measured.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Deployment, Namespace } from '../../api/kubernetes.ts'
import { keys } from '../../identity/keys.ts'
import type { Client } from '../../kube/client.ts'
import { install, type Installation } from '../e2e/installation.ts'
import { startFakeNode } from './fake-node.ts'
import { watchGates, type Gates } from './gates.ts'
import { claimAsOthers, processesOf } from './processes.ts'

/** What a benchmark may use. */
export interface World extends Installation {
  readonly signal: AbortSignal
  /** The namespace that Gatekept manages. */
  readonly namespace: string
  readonly gates: Gates
  /** Creates a Deployment of one pod without checks; resolves when its gate is gone, with the instants. */
  readonly release: (annotations?: Readonly<Record<string, string>>) => Promise<Release>
  /** How many Deployments were released so far. */
  readonly released: () => number
}

/** When a Deployment came to what, in milliseconds on one clock. */
export interface Release {
  readonly name: string
  /** Just before the request that creates the Deployment was sent. */
  readonly createdAt: number
  /** The watch told of the pod, which was held. */
  readonly heldAt: number
  /** The watch told of the pod without the gate. */
  readonly openedAt: number
}

const namespace = 'bench'

/** Creates a Deployment of one pod that is held by a gate, and waits until the gate is gone. */
export const releaseOne = async (
  client: Client,
  deployment: Deployment,
  gates: Gates,
): Promise<Release> => {
  const { name } = deployment.metadata
  const held = gates.expect(name)
  const createdAt = performance.now()
  await client.create(Deployment, deployment)
  return { name, createdAt, ...(await held) }
}

/** A Deployment of one pod that does nothing. */
export const deploymentOf = (
  name: string,
  at: { readonly namespace: string },
  template: {
    readonly annotations?: Readonly<Record<string, string>>
    readonly labels?: Readonly<Record<string, string>>
    readonly schedulingGates?: readonly { readonly name: string }[]
  },
): Deployment =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: at.namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: {
          labels: { app: name, ...template.labels },
          ...(template.annotations && { annotations: template.annotations }),
        },
        spec: {
          // No kubelet tells when one that is deleted has ended.
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'localhost/pause:1' }],
          ...(template.schedulingGates && { schedulingGates: template.schedulingGates }),
        },
      },
    },
  }) as unknown as Deployment

/** Waits until the namespace is under Gatekept's care in every process, and makes a first release. */
const prepare = async (client: Client): Promise<void> => {
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, annotations: { [keys.optIn]: 'enabled' } },
  })
  // The ReplicaSet controller refuses to make pods before the namespace has its service account.
  await pause(1_000)
}

/** Starts the world; takes most of a minute. */
export const startWorld = async (): Promise<World> => {
  const installation = await install('bench')
  const { client, cluster } = installation
  const stopping = new AbortController()
  const { signal } = stopping
  const down = async (): Promise<void> => {
    stopping.abort()
    await installation.down()
  }
  try {
    for (const container of ['lifecycle-webhook', 'lifecycle-operator', 'metrics-operator']) {
      for (const pid of await processesOf(cluster, container)) claimAsOthers(pid)
    }
    await startFakeNode(cluster, client, signal)
    await prepare(client)
    const log = pino({ level: 'silent' })
    const gates = await watchGates({ client, log, signal, namespace })
    let count = 0
    return {
      ...installation,
      signal,
      namespace,
      gates,
      released: () => count,
      release: async (annotations = {}) => {
        const name = `w${String(++count).padStart(4, '0')}`
        const template = {
          annotations: { [keys.workload]: name, [keys.version]: '1.0.0', ...annotations },
        }
        return releaseOne(client, deploymentOf(name, { namespace }, template), gates)
      },
      down,
    }
  } catch (error) {
    await down()
    throw error
  }
}
