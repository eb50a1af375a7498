/**
 * @module
 * A real Kubernetes on this machine, for tests, benchmarks and the demo: start one, use it, end it.
 */
import { join } from 'node:path'
import { keepRequests, rightsFolder } from '../rights/requests.ts'
import { apiOf } from './api.ts'
import { ensureBinaries } from './binaries.ts'
import { readCredentials } from './certificates.ts'
import type { Credentials } from './certificates.ts'
import {
  componentNames,
  containerdSocket,
  defaultAuditPolicy,
  nodeName,
  serverOf,
} from './components.ts'
import type { ComponentName, Layout } from './components.ts'
import { withLock } from './lock.ts'
import {
  requireCgroups,
  requirePackages,
  requireRoot,
  requireSpace,
  thisMachine,
} from './machine.ts'
import type { Machine } from './machine.ts'
import {
  createNetwork,
  hostSlot,
  inside,
  requireFreeNamespace,
  requireHostNetwork,
} from './network.ts'
import { endAll, identify, isAlive, signal } from './processes.ts'
import { lineProgress, noProgress, progressOn } from './progress.ts'
import type { Progress } from './progress.ts'
import {
  claimName,
  isOrphaned,
  layoutOf,
  listRecords,
  namespaceOf,
  readProcess,
  readRecord,
  writeRecord,
} from './record.ts'
import type { ClusterRecord, NetworkKind } from './record.ts'
import { removeCluster, sweepOrphans } from './remove.ts'
import { ClusterError } from './run.ts'
import {
  awaitHealthy,
  bringUp,
  ctr,
  helm,
  interactiveKubectl,
  kubectl,
  startComponent,
} from './start.ts'

export type { ComponentName } from './components.ts'
export type { Credentials } from './certificates.ts'
export type { Machine } from './machine.ts'
export { thisMachine } from './machine.ts'
export { ClusterError } from './run.ts'

/** What kind of cluster to start, and what to tell meanwhile. */
export interface ClusterOptions {
  /** Lower-case letters, digits and dashes; also the name to attach to it by. */
  readonly name: string
  /** True for a cluster that runs pods; false for the control plane alone, which starts sooner. */
  readonly node: boolean
  /** False for an API server that knows no admission policies, as one before Kubernetes 1.30. */
  readonly policies?: boolean
  /** A network of its own if not said. */
  readonly network?: NetworkKind
  /** Audit policy (YAML) instead of one that records all calls, and pods in full. */
  readonly auditPolicy?: string
  /** False for a cluster that stays when this process ends. If not said, a later start removes it then. */
  readonly owned?: boolean
  /** Gets a line for each stage. */
  readonly log?: (line: string) => void
  readonly progress?: Progress
  readonly machine?: Machine
}

/** A running cluster. */
export interface Cluster {
  readonly name: string
  /** URL of the API server, reachable from the machine and from inside. */
  readonly server: string
  /** File of the administrator's kubeconfig. */
  readonly kubeconfig: string
  readonly credentials: Credentials
  /** File of the API server's audit log: one JSON object a line. */
  readonly auditLog: string
  /** Folder of the components' own logs. */
  readonly logs: string
  readonly containerdSocket?: string
  /** Name of the network namespace; missing for a cluster in the machine's own network. */
  readonly netns?: string
  /** Where the cluster reaches a server that this process runs: listen on this address. */
  readonly hostAddress: string
  readonly nodeAddress: string
  readonly dnsAddress: string
  /** Name of the node; missing for the control plane alone. */
  readonly nodeName?: string
  /** Runs kubectl as administrator and gives its output; throws if it fails. */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<string>
  /** Runs Helm as administrator and gives its output; throws if it fails. */
  readonly helm: (args: readonly string[]) => Promise<string>
  /** Runs kubectl on this process's own terminal and gives its exit code. */
  readonly interactiveKubectl: (args: readonly string[]) => Promise<number>
  /** Makes the images of an archive known to the node. */
  readonly loadImage: (tarPath: string) => Promise<void>
  /** Runs a command in the cluster's network and gives its output; throws if it fails. */
  readonly exec: (command: readonly string[]) => Promise<string>
  /** Makes a ready Node object without a machine behind it: pods are bound to it, and stay pending. */
  readonly addFakeNode: (name: string) => Promise<void>
  /** Stops a component in its tracks; its connections stay open and silent. */
  readonly pause: (component: ComponentName) => void
  /** Lets a paused component go on. */
  readonly resume: (component: ComponentName) => void
  /** Ends a component as a crash would; resolves when it is gone. */
  readonly kill: (component: ComponentName) => Promise<void>
  /** Ends a component if it runs, and starts it, for this once with flags of the caller's; resolves when it works again. */
  readonly restart: (component: ComponentName, flags?: readonly string[]) => Promise<void>
  /** Ends the cluster and removes all that it made. */
  readonly down: () => Promise<void>
}

/** A cluster that was started on this machine, whether or not it still works. */
export interface ClusterStatus {
  readonly name: string
  readonly node: boolean
  readonly network: NetworkKind
  readonly createdAt: string
  readonly server?: string
  readonly kubeconfig?: string
  /** The living process that uses it and will end it. */
  readonly ownerPid?: number
  /** `broken`: components named by `ended` have ended. */
  readonly state: 'starting' | 'ready' | 'broken' | 'orphaned'
  readonly ended: readonly ComponentName[]
}

const requireName = (name: string): void => {
  if (!/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/.test(name)) {
    throw new ClusterError(
      `Cannot name a cluster "${name}": use up to 40 lower-case letters, digits and dashes`,
    )
  }
}

const requireRecord = (machine: Machine, name: string): ClusterRecord => {
  const record = readRecord(machine, name)
  if (record?.ready === true) return record
  const known = listRecords(machine).map((other) => `"${other.name}"`)
  throw new ClusterError(
    `Cannot find a running cluster "${name}" (${known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`}); ` +
      `start it with "npm run cluster -- up --name ${name}"`,
  )
}

const processOf = ({ folder, name }: Layout, component: ComponentName) => {
  const process = readProcess(folder, component)
  if (process !== undefined) return process
  throw new ClusterError(`Cannot find the ${component} of cluster "${name}": it has none`)
}

type Faults = Pick<Cluster, 'pause' | 'resume' | 'kill' | 'restart'>

const faultsOf = (machine: Machine, layout: Layout): Faults => {
  const send = (component: ComponentName, name: NodeJS.Signals): void => {
    if (signal(processOf(layout, component), name)) return
    throw new ClusterError(`Cannot signal the ${component} of "${layout.name}": it has ended`)
  }
  const kill = (component: ComponentName): Promise<void> => endAll([processOf(layout, component)])
  return {
    pause: (component) => send(component, 'SIGSTOP'),
    resume: (component) => send(component, 'SIGCONT'),
    kill,
    restart: async (component, flags) => {
      await kill(component)
      startComponent({ layout, path: machine.path, progress: noProgress }, component, flags)
      await awaitHealthy(layout, component)
    },
  }
}

const fakeNode = (name: string): object => {
  const capacity = { cpu: '1000', memory: '1000Gi', pods: '100000', 'ephemeral-storage': '1000Gi' }
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' } },
    status: {
      capacity,
      allocatable: capacity,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Fake', message: 'There is no kubelet' },
      ],
    },
  }
}

const clusterOf = (machine: Machine, record: ClusterRecord): Cluster => {
  const layout = layoutOf(machine, record)
  const { folder, name, network, node } = layout
  const credentials = readCredentials(join(folder, 'pki'), 'admin')
  const server = serverOf(network)
  const auditLog = join(folder, 'audit.log')
  return {
    name,
    server,
    kubeconfig: join(folder, 'kubeconfig'),
    credentials,
    auditLog,
    logs: join(folder, 'log'),
    ...(node ? { containerdSocket: containerdSocket(folder), nodeName } : {}),
    ...(network.namespace === undefined ? {} : { netns: network.namespace }),
    hostAddress: network.hostAddress,
    nodeAddress: network.nodeAddress,
    dnsAddress: network.dnsAddress,
    kubectl: (args, input) => kubectl(layout, args, input),
    helm: (args) => helm(layout, args),
    interactiveKubectl: (args) => interactiveKubectl(layout, args),
    loadImage: async (tarPath) => {
      if (!node) {
        throw new ClusterError(
          `Cannot load "${tarPath}" into "${name}": it has no node to run images`,
        )
      }
      await ctr(layout, ['images', 'import', tarPath])
    },
    exec: (command) => inside(network, command),
    addFakeNode: async (fake) => {
      const api = apiOf(server, credentials)
      await api({ method: 'POST', path: '/api/v1/nodes', body: fakeNode(fake) })
      // Every new node is tainted until a controller has seen it ready; nobody looks at this one.
      await api({
        method: 'PATCH',
        path: `/api/v1/nodes/${fake}`,
        body: { spec: { taints: null } },
        contentType: 'application/merge-patch+json',
      })
    },
    ...faultsOf(machine, layout),
    down: async () => {
      const rights = process.env[rightsFolder]
      try {
        if (rights !== undefined) await keepRequests(rights, name, auditLog)
      } finally {
        await removeCluster(machine, name)
      }
    },
  }
}

const connectNetwork = async (machine: Machine, record: ClusterRecord): Promise<ClusterRecord> => {
  const { slot } = await createNetwork(namespaceOf(record), record.node)
  const connected = { ...record, slot }
  writeRecord(machine, connected)
  return connected
}

/** Claims the name and makes the network. */
const establish = (machine: Machine, record: ClusterRecord): Promise<ClusterRecord> => {
  if (record.network === 'own') {
    if (readRecord(machine, record.name) === undefined) requireFreeNamespace(namespaceOf(record))
    claimName(machine, record)
    return connectNetwork(machine, record)
  }
  return withLock('host network', async () => {
    await requireHostNetwork()
    const known = { ...record, slot: hostSlot }
    claimName(machine, known)
    return connectNetwork(machine, known)
  })
}

/** Sees to all that a start needs and that may take minutes; says so even if nobody asked. */
const prepare = async (options: ClusterOptions, machine: Machine): Promise<string> => {
  const { name, network, node, progress = progressOn(process.stderr) } = options
  requireName(name)
  requireRoot(machine)
  if (node) requireCgroups()
  try {
    await requirePackages(machine, node || network === 'host', progress)
    const binaries = await ensureBinaries(machine, progress)
    await requireSpace(machine.stateFolder, 1)
    return binaries
  } finally {
    progress.end()
  }
}

/** The record with which a start begins. */
const draftOf = (
  { name, network = 'own', node, policies = true }: ClusterOptions,
  binaries: string,
): ClusterRecord => ({
  ...{ name, network, node, policies, binaries },
  ...{ createdAt: new Date().toISOString(), ready: false },
  // Until it is ready every cluster is ours, so that a start which is broken off is cleared away.
  owner: identify(process.pid),
})

const progressOf = ({ log, progress }: ClusterOptions): Progress | undefined =>
  progress ?? (log === undefined ? undefined : lineProgress(log))

/**
 * Starts a cluster and resolves when it works; builds its programs first if this user has none yet.
 *
 * Unless told otherwise the cluster belongs to this process: if the process ends without calling `down`, the next
 * start removes it. Throws a `ClusterError` that says what to do; nothing of the cluster is left then.
 */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const { machine = thisMachine(), name, owned = true } = options
  const asked = progressOf(options)
  const progress = asked ?? noProgress
  const binaries = await prepare({ ...options, ...(asked && { progress: asked }) }, machine)
  try {
    for (const orphan of await sweepOrphans(machine)) {
      progress.note(`Removed cluster "${orphan}", whose owner had ended without doing so`)
    }
    const draft = draftOf(options, binaries)
    // From here on there is something to remove; what went wrong before has left nothing.
    const record = await establish(machine, draft).catch(async (error: unknown) => {
      if (readRecord(machine, name)?.createdAt === draft.createdAt)
        await removeCluster(machine, name)
      throw error
    })
    const layout = layoutOf(machine, record)
    try {
      await bringUp(
        { layout, path: machine.path, progress },
        options.auditPolicy ?? defaultAuditPolicy,
      )
      const owner = owned ? record.owner : undefined
      writeRecord(machine, { ...record, owner, ready: true })
      return clusterOf(machine, record)
    } catch (error) {
      await removeCluster(machine, name)
      throw error
    }
  } finally {
    progress.end()
  }
}

/** Builds the programs clusters are made of, if this user has none yet, so that later starts are quick. */
export const buildPrograms = async (
  progress: Progress,
  machine: Machine = thisMachine(),
): Promise<void> => {
  await ensureBinaries(machine, progress)
  progress.end()
}

/** The running cluster of this name. Throws a `ClusterError` if there is none. */
export const attach = (name: string, machine: Machine = thisMachine()): Cluster =>
  clusterOf(machine, requireRecord(machine, name))

/** Ends the cluster of this name and removes all that it made. Returns false if there is none. */
export const down = (name: string, machine: Machine = thisMachine()): Promise<boolean> => {
  requireRoot(machine)
  return removeCluster(machine, name)
}

/** Removes the clusters whose owner ended without doing so, and returns their names. */
export const sweep = (machine: Machine = thisMachine()): Promise<string[]> => sweepOrphans(machine)

const stateOf = (
  record: ClusterRecord,
  ended: readonly ComponentName[],
): ClusterStatus['state'] => {
  if (isOrphaned(record)) return 'orphaned'
  if (!record.ready) return 'starting'
  return ended.length > 0 ? 'broken' : 'ready'
}

/** All clusters of this user on this machine. */
export const list = (machine: Machine = thisMachine()): ClusterStatus[] =>
  listRecords(machine).map((record) => {
    const { createdAt, name, network, node, slot } = record
    const layout = slot === undefined ? undefined : layoutOf(machine, record)
    const ended = componentNames(record).filter((component) => {
      const process = layout === undefined ? undefined : readProcess(layout.folder, component)
      return process !== undefined && !isAlive(process)
    })
    const where =
      layout === undefined
        ? {}
        : { server: serverOf(layout.network), kubeconfig: join(layout.folder, 'kubeconfig') }
    const { owner } = record
    const used = owner !== undefined && isAlive(owner) ? { ownerPid: owner.pid } : {}
    return {
      name,
      node,
      network,
      createdAt,
      ...where,
      ...used,
      state: stateOf(record, ended),
      ended,
    }
  })
