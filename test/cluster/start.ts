/**
 * @module
 * Brings a cluster up: network, certificates, components in the order in which they need each other.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { apiOf } from './api.ts'
import type { Api } from './api.ts'
import { kubeconfigOf, readCredentials, writeCertificates } from './certificates.ts'
import {
  componentNames,
  componentOf,
  containerdSocket,
  controlPlaneComponents,
  nodeComponents,
  nodeFiles,
  nodeName,
  serverOf,
  shimSockets,
} from './components.ts'
import type { ComponentName, Health, Layout } from './components.ts'
import { rememberMachine } from './host.ts'
import { entering, requirePorts } from './network.ts'
import { isAlive, launch } from './processes.ts'
import type { Progress } from './progress.ts'
import { readProcess, writeProcess } from './record.ts'
import { ClusterError, run, until } from './run.ts'

/** What starting components takes from the process that does it. */
export interface Starting {
  readonly layout: Layout
  readonly path: string
  readonly progress: Progress
}

const logOf = ({ folder }: Layout, name: ComponentName): string =>
  join(folder, 'log', `${name}.log`)

/** Starts one component in the background, with flags besides its usual ones. */
export const startComponent = (
  { layout, path }: Starting,
  name: ComponentName,
  flags: readonly string[] = [],
): void => {
  const [program, ...args] = [
    ...entering(layout.network),
    ...componentOf(layout, name).command,
    ...flags,
  ] as [string, ...string[]]
  const started = launch({
    command: [program, ...args],
    cwd: layout.folder,
    // Nothing else is inherited: a proxy setting, for one, would send the cluster's own calls out.
    env: {
      HOME: layout.folder,
      PATH: `${layout.binaries}:${path}`,
      TMPDIR: join(layout.folder, 'tmp'),
    },
    log: logOf(layout, name),
  })
  writeProcess(layout.folder, name, started)
}

/** Throws, with the end of its log, if one of the components has ended. */
const requireAlive = (layout: Layout, names: readonly ComponentName[]): void => {
  for (const name of names) {
    const process = readProcess(layout.folder, name)
    if (process === undefined || isAlive(process)) continue
    const log = logOf(layout, name)
    const end = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-15) : []
    throw new ClusterError(
      `The ${name} of cluster "${layout.name}" ended; the last lines of its log ` +
        `("${log}"):\n${end.join('\n')}`,
    )
  }
}

const accepts = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

const answers = (url: string, ca: string): Promise<boolean> =>
  new Promise((resolve) => {
    const request = url.startsWith('https:') ? requestHttps : requestHttp
    const call = request(url, { ca, agent: false, timeout: 5000 }, (reply) => {
      reply.resume()
      resolve(reply.statusCode === 200)
    })
    call.on('timeout', () => call.destroy())
    call.on('error', () => resolve(false))
    call.end()
  })

/** Whether a component says of itself that it works. */
const isHealthy = (health: Health, ca: string): Promise<boolean> =>
  health.kind === 'url' ? answers(health.url, ca) : accepts(health.path)

/** Resolves when the component says that it works. Throws if it ends instead, or takes too long. */
export const awaitHealthy = (layout: Layout, name: ComponentName): Promise<void> => {
  const { ca } = readCredentials(join(layout.folder, 'pki'), 'admin')
  const { health } = componentOf(layout, name)
  return until({
    what: `the ${name} of cluster "${layout.name}" (its log: "${logOf(layout, name)}")`,
    check: () => {
      requireAlive(layout, [name])
      return isHealthy(health, ca)
    },
  })
}

const writeFiles = async (layout: Layout, auditPolicy: string): Promise<void> => {
  const { folder, network } = layout
  for (const part of ['pki', 'log', 'run', 'tmp']) mkdirSync(join(folder, part), { mode: 0o700 })
  await writeCertificates(join(folder, 'pki'), network)
  const files: Record<string, string> = { 'audit-policy.yaml': auditPolicy }
  for (const user of ['admin', 'controllers', 'scheduler', 'proxy', 'node'] as const) {
    const credentials = readCredentials(join(folder, 'pki'), user)
    const config = kubeconfigOf(serverOf(network), layout.name, credentials)
    files[user === 'admin' ? 'kubeconfig' : `${user}.kubeconfig`] = stringify(config)
  }
  Object.assign(files, layout.node ? nodeFiles(layout) : {})
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), text, { mode: 0o600 })
  }
}

/** For what a caller asks for: kubectl and the like have limits of their own, which a caller can set. */
const patienceMs = 600_000

/** Runs the containerd client against a cluster's containerd. */
export const ctr = (layout: Layout, args: readonly string[]): Promise<string> => {
  const program = join(layout.binaries, 'ctr')
  const address = containerdSocket(layout.folder)
  return run([program, '--address', address, '--namespace', 'k8s.io', ...args], {
    timeoutMs: patienceMs,
  })
}

const startContainerd = async (starting: Starting): Promise<void> => {
  const { layout } = starting
  startComponent(starting, 'containerd')
  await awaitHealthy(layout, 'containerd')
  for (const image of ['pause.tar', 'dns.tar']) {
    await ctr(layout, ['images', 'import', join(layout.binaries, image)])
  }
}

const exists = (api: Api, path: string): Promise<boolean> =>
  api({ path }).then(
    () => true,
    () => false,
  )

const startControlPlane = async (starting: Starting, api: Api): Promise<void> => {
  const { layout } = starting
  startComponent(starting, 'etcd')
  startComponent(starting, 'apiserver')
  // Both are watched: without etcd, the API server only waits.
  const { ca } = readCredentials(join(layout.folder, 'pki'), 'admin')
  await until({
    what: `the API server of cluster "${layout.name}" (its log: "${logOf(layout, 'apiserver')}")`,
    check: () => {
      requireAlive(layout, ['etcd', 'apiserver'])
      return isHealthy(componentOf(layout, 'apiserver').health, ca)
    },
  })
  startComponent(starting, 'controller-manager')
  startComponent(starting, 'scheduler')
  await Promise.all([
    awaitHealthy(layout, 'controller-manager'),
    awaitHealthy(layout, 'scheduler'),
    until({
      what: 'the service account that pods in namespace "default" run as',
      check: () => {
        requireAlive(layout, controlPlaneComponents)
        return exists(api, '/api/v1/namespaces/default/serviceaccounts/default')
      },
    }),
  ])
}

interface WithConditions {
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] }
}

const holds = async (api: Api, path: string, condition: string): Promise<boolean> => {
  const found = (await api({ path }).catch(() => undefined)) as WithConditions | undefined
  const conditions = found?.status?.conditions ?? []
  return conditions.some(({ type, status }) => type === condition && status === 'True')
}

const kubectlCommand = (
  { binaries, folder }: Layout,
  args: readonly string[],
): [string, ...string[]] => [
  join(binaries, 'kubectl'),
  `--kubeconfig=${join(folder, 'kubeconfig')}`,
  // The next cluster with this address has other resources, which a common cache would hide.
  `--cache-dir=${join(folder, 'kubectl')}`,
  ...args,
]

// A proxy is for what lies outside the machine.
const noProxy = { HTTP_PROXY: '', HTTPS_PROXY: '', http_proxy: '', https_proxy: '' }

/** Runs kubectl as the cluster's administrator and gives its output. */
export const kubectl = (layout: Layout, args: readonly string[], input = ''): Promise<string> =>
  run(kubectlCommand(layout, args), { env: noProxy, input, timeoutMs: patienceMs })

/** Runs Helm as the cluster's administrator and gives its output. What it keeps besides releases lies in the cluster's folder. */
export const helm = ({ binaries, folder }: Layout, args: readonly string[]): Promise<string> => {
  const home = join(folder, 'helm')
  const env = {
    ...noProxy,
    HELM_CACHE_HOME: home,
    HELM_CONFIG_HOME: home,
    HELM_DATA_HOME: home,
    KUBECONFIG: join(folder, 'kubeconfig'),
  }
  return run([join(binaries, 'helm'), ...args], { env, timeoutMs: 600_000 })
}

/** Runs kubectl on this process's own terminal and gives its exit code. */
export const interactiveKubectl = (layout: Layout, args: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const [program, ...rest] = kubectlCommand(layout, args)
    const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...noProxy } })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })

const dnsManifest = fileURLToPath(new URL('dns/cluster-dns.yaml', import.meta.url))

const startNode = async (starting: Starting, api: Api): Promise<void> => {
  const { layout, progress } = starting
  progress.stage('Starting the node')
  startComponent(starting, 'kubelet')
  startComponent(starting, 'proxy')
  const dns = readFileSync(dnsManifest, 'utf8').replaceAll('DNS_ADDRESS', layout.network.dnsAddress)
  await kubectl(layout, ['apply', '-f', '-'], dns)
  const ready = (what: string, path: string, condition: string): Promise<void> =>
    until({
      what,
      check: () => {
        requireAlive(layout, componentNames(layout))
        return holds(api, path, condition)
      },
    })
  await ready('the node to be ready', `/api/v1/nodes/${nodeName}`, 'Ready')
  progress.stage('Starting cluster DNS')
  const deployment = '/apis/apps/v1/namespaces/kube-system/deployments/coredns'
  await Promise.all([
    ready('cluster DNS', deployment, 'Available'),
    ...nodeComponents.map((name) => awaitHealthy(layout, name)),
  ])
}

/** Starts everything the cluster consists of, in a network already made; resolves when all of it works. */
export const bringUp = async (starting: Starting, auditPolicy: string): Promise<void> => {
  const { layout, progress } = starting
  progress.stage('Writing certificates and settings')
  const ports = componentNames(layout).flatMap((name) => componentOf(layout, name).ports)
  await requirePorts(layout.network, ports)
  await writeFiles(layout, auditPolicy)
  if (layout.node) await rememberMachine(shimSockets(layout.network.slot))
  const credentials = readCredentials(join(layout.folder, 'pki'), 'admin')
  const api = apiOf(serverOf(layout.network), credentials)
  progress.stage('Starting the control plane')
  await Promise.all([
    startControlPlane(starting, api),
    ...(layout.node ? [startContainerd(starting)] : []),
  ])
  if (layout.node) await startNode(starting, api)
}
