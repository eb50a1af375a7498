/**
 * A control plane, replicas of the gate's controllers on it, and workloads whose pods carry the gate as if a webhook had
 * put it on.
 *
 * @module
 */
import { pino } from 'pino'
import { KeptnWorkloadVersion } from '../../../api/keptn-workload-version.ts'
import { DaemonSet, Namespace, Pod, ReplicaSet, StatefulSet } from '../../../api/kubernetes.ts'
import type { KubeObject } from '../../../api/object.ts'
import { newObject } from '../../../api/resource.ts'
import {
  gateControllers,
  heldPods,
  letGoPods,
  ownerIndexes,
  versionIndexes,
  webhookEndpoints,
  type KeptEndpoints,
} from '../../../gate/index.ts'
import { gateName, keys } from '../../../identity/keys.ts'
import { createClient, type Client } from '../../../kube/client.ts'
import { wholeSeconds } from '../../../kube/conditions.ts'
import { runController } from '../../../kube/controller.ts'
import type { Transition } from '../../../kube/decision.ts'
import { startReflector, type Reflector } from '../../../kube/reflector.ts'
import { startCluster, type Cluster } from '../../cluster/cluster.ts'
import { adminOf } from '../../connection.ts'
import { applyCrds } from '../../kinds.ts'

/** A running copy of the gate's controllers. */
export interface Replica {
  readonly told: readonly Transition[]
  readonly stop: () => Promise<void>
}

export interface World {
  readonly cluster: Cluster
  readonly client: Client
  /** Starts the gate's controllers, the leader's among them or not. `quietMs`: how long held pods say nothing. */
  readonly replica: (leads: boolean, quietMs?: number) => Replica
  readonly close: () => Promise<void>
}

export const foreignGate = 'example.org/other'
const heldTemplate = {
  labels: { [keys.gated]: 'true' },
  gates: [gateName],
  annotations: { [keys.workload]: 'web', [keys.version]: '2' },
}

/** Starts a control plane with one node that runs nothing. */
export const startWorld = async (name: string): Promise<World> => {
  const cluster = await startCluster({ name, node: false, network: 'own' })
  await applyCrds(cluster)
  await cluster.addFakeNode('node-1')
  const connection = adminOf(cluster)
  const client = createClient(connection)
  const running = new Set<Replica>()
  return {
    cluster,
    client,
    replica: (leads, quietMs) => {
      const started = startReplica(
        createClient(connection, {
          userAgent: leads ? 'gate-replica-leading' : 'gate-replica-following',
        }),
        { leads, ...(quietMs === undefined ? {} : { quietMs }) },
      )
      const replica: Replica = {
        told: started.told,
        stop: async () => {
          running.delete(replica)
          await started.stop()
        },
      }
      running.add(replica)
      return replica
    },
    close: async () => {
      await Promise.all([...running].map((replica) => replica.stop()))
      await client.close()
      await cluster.down()
    },
  }
}

const startReplica = (
  client: Client,
  { leads, ...settings }: { readonly leads: boolean; readonly quietMs?: number },
): Replica => {
  const ending = new AbortController()
  const { signal } = ending
  const log = pino({ level: 'silent' })
  const given = { client, log, signal }
  const pods = startReflector({ ...given, ...heldPods })
  const letGo = startReflector({ ...given, ...letGoPods })
  const namespaces = startReflector<Namespace>({ ...given, type: Namespace })
  const versions = startReflector<KeptnWorkloadVersion>({
    ...given,
    type: KeptnWorkloadVersion,
    indexes: versionIndexes,
  })
  const owners = [ReplicaSet, StatefulSet, DaemonSet].map((type) =>
    startReflector({ ...given, type, indexes: ownerIndexes }),
  )
  const endpoints = startReflector<KeptEndpoints>({ ...given, ...webhookEndpoints('keptn-system') })
  const seen = [pods, letGo, namespaces, versions, endpoints]
  const stores: readonly Reflector<KubeObject>[] = [...seen, ...owners]
  const told: Transition[] = []
  const { always, leading } = gateControllers({
    pods: pods.store,
    letGo: letGo.store,
    namespaces: namespaces.store,
    versions: versions.store,
    owners: owners.map(({ store }) => store),
    endpoints: endpoints.store,
    client,
    leads: () => leads,
    settings: { namespace: 'keptn-system', suspectsUntilAsked: 1, ...settings },
  })
  const runs = [...always, ...(leads ? leading() : [])].map(({ controller, workers }) =>
    runController(controller, {
      ...given,
      stores,
      workers,
      announce: (transitions) => told.push(...transitions),
    }),
  )
  return {
    told,
    stop: async () => {
      ending.abort()
      await Promise.all(runs)
      await client.close()
    },
  }
}

/** Makes a namespace; managed by its label unless said otherwise. */
export const makeNamespace = async (
  { client }: World,
  name: string,
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> } = {
    labels: { [keys.optIn]: 'enabled' },
  },
): Promise<string> => {
  await client.create(Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, ...metadata },
  })
  return name
}

/** How a workload differs from one of a single held pod. */
export interface Workload {
  readonly kind?: 'Deployment' | 'StatefulSet'
  readonly replicas?: number
  readonly metadata?: { readonly annotations: Readonly<Record<string, string>> }
  readonly template?: {
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly gates?: readonly string[]
  }
}

/** Makes a workload and waits for its pods. */
export const makePods = async (
  world: World,
  namespace: string,
  name: string,
  { kind = 'Deployment', replicas = 1, metadata, template }: Workload = {},
): Promise<readonly Pod[]> => {
  const { labels, annotations, gates } = { ...heldTemplate, ...template }
  const manifest = {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace, ...metadata },
    spec: {
      replicas,
      ...(kind === 'StatefulSet' ? { podManagementPolicy: 'Parallel', serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...labels }, annotations },
        spec: {
          schedulingGates: gates.map((gate) => ({ name: gate })),
          containers: [{ name: 'main', image: 'example.org/web:2' }],
        },
      },
    },
  }
  await world.cluster.kubectl(['create', '-f', '-'], JSON.stringify(manifest))
  const jsonPath = kind === 'Deployment' ? '{.status.replicas}' : '{.status.currentReplicas}'
  await world.cluster.kubectl([
    ...['wait', `${kind}/${name}`, `--namespace=${namespace}`, '--timeout=60s'],
    `--for=jsonpath=${jsonPath}=${replicas}`,
  ])
  return podsOf(world, namespace, name)
}

/** The pods of a workload, as they are now. */
export const podsOf = async (
  { client }: World,
  namespace: string,
  name: string,
): Promise<readonly Pod[]> =>
  (await client.list(Pod, { namespace, labelSelector: `app=${name}` })).items

/** Stores a version that lists these revisions, and its verdict if there is one. */
export const storeVersion = async (
  { client }: World,
  namespace: string,
  name: string,
  {
    revisions,
    verdict,
  }: { readonly revisions: readonly string[]; readonly verdict?: 'True' | 'False' },
): Promise<void> => {
  const made = newObject(KeptnWorkloadVersion, {
    metadata: { name, namespace },
    spec: {
      app: 'shop',
      workloadName: name,
      version: '2',
      resourceReference: { uid: 'unread', kind: 'ReplicaSet', name: 'unread' },
      revisions: [...revisions],
    },
  })
  await client.create(KeptnWorkloadVersion, made)
  if (verdict !== undefined) await storeVerdict(client, { namespace, name, verdict })
}

/** Stores the verdict of a version. */
export const storeVerdict = async (
  client: Client,
  at: { readonly namespace: string; readonly name: string; readonly verdict: 'True' | 'False' },
): Promise<void> => {
  const { namespace, name, verdict } = at
  const condition = {
    type: 'PreDeploymentPassed',
    status: verdict,
    reason: 'Test',
    message: '',
    lastTransitionTime: wholeSeconds(new Date()),
  }
  await client.patch(KeptnWorkloadVersion, {
    namespace,
    name,
    patchType: 'merge',
    subresource: 'status',
    patch: { status: { conditions: [condition] } },
  })
}
